"""Timings that a command makes: `python -m benchmarks.NAME`. They are no part of the package or its tests."""
