"""Commands for whoever works on this package; none is installed with it."""
