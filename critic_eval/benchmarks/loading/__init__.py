"""From files and hubs to rows, and from rows to cases."""
