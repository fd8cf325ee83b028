"""Engines: what answers the requests of a plan."""
