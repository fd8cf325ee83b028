"""Training of critics."""
