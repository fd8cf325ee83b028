"""Measure how well multimodal models judge: critics, judge benchmarks and statistics for lmms-eval."""

__version__ = "0.1.0"
