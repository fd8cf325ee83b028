"""The engine that asks OpenAI-compatible servers."""
