"""Checkpoints of critics, loaded with transformers alone: LLaVA's own formats and transformers' layout."""

from critic_eval.critics.checkpoints.configs import build_config
from critic_eval.critics.checkpoints.conversion import convert_checkpoint, save_llava_next
from critic_eval.critics.checkpoints.encoding import EncodedPrompt, PreparedImages, PromptEncoder
from critic_eval.critics.checkpoints.heads import LinearHead
from critic_eval.critics.checkpoints.loading import Checkpoint, load_checkpoint
from critic_eval.critics.checkpoints.own_heads import OwnHead

__all__ = [
    "Checkpoint",
    "EncodedPrompt",
    "LinearHead",
    "OwnHead",
    "PreparedImages",
    "PromptEncoder",
    "build_config",
    "convert_checkpoint",
    "load_checkpoint",
    "save_llava_next",
]
