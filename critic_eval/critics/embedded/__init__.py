"""The critic that comes with the package: LLaVA-OneVision in miniature, trained on handwritten digits."""

from pathlib import Path

CRITIC_FOLDER = Path(__file__).resolve().parent / "digits"
"""The embedded critic: weights, tokenizer and config in LLaVA-NeXT's own format."""


def resolve_pretrained(pretrained: str) -> str:
    """Replace the name `digits` by the embedded critic's folder; any other hub id or folder stays as it is."""
    return str(CRITIC_FOLDER) if pretrained == "digits" else pretrained
