"""The embedded benchmark of handwritten digits: its generator and its items."""
