"""Critics: their checkpoints, and how the requests of a plan are answered. Nothing here knows lmms-eval."""
