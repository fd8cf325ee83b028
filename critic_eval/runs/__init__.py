"""Results on disk: what a run writes and reads, recorded judgments, and their figures."""
