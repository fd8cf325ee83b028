"""Critics: the lmms-eval model, its checkpoints, and how answers are generated."""
