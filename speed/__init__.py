"""Timings that a command makes: `python -m speed.NAME`. They are no part of the package or its tests."""
