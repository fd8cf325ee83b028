"""All that touches lmms-eval: its plugin, its command, its tasks and its models."""
