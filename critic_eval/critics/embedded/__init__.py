"""The critics that come with the package: LLaVA-OneVision in miniature, trained on handwritten digits."""

from pathlib import Path

CRITIC_FOLDER = Path(__file__).resolve().parent / "digits"
"""The embedded critic: weights, tokenizer and config in LLaVA-NeXT's own format."""

REWARD_FOLDER = CRITIC_FOLDER.with_name("digits_reward")
"""The embedded critic with a reward head: it goes on from the other one's weights, and writes nothing."""


def resolve_pretrained(pretrained: str) -> str:
    """Replace the names `digits` and `digits_reward` by their folders; any other hub id or folder stays as it is."""
    folders = {folder.name: str(folder) for folder in (CRITIC_FOLDER, REWARD_FOLDER)}
    return folders.get(pretrained, pretrained)
