"""The engine that computes answers in this process."""
