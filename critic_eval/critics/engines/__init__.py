"""Engines: what answers the requests of a plan. They don't know lmms-eval."""
