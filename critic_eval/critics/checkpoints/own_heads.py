"""Models whose own code gives rewards: `get_score` or `get_scores` of a checkpoint that is trusted to run it.

The calls are those of InternLM-XComposer2.5-Reward's card: a chat is a list of `{"role", "content"}`, its images are
paths, and the model has its tokenizer as an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from critic_eval.critics.checkpoints.faults import first_line
from critic_eval.critics.checkpoints.placement import Placement
from critic_eval.critics.checkpoints.sources import Source
from critic_eval.critics.checkpoints.transformers_models import checked
from critic_eval.errors import CheckpointError

_METHODS = ("get_scores", "get_score")


class Dialogue(NamedTuple):
    """A chat that ends with a response, and the files of its images."""

    chat: list[dict[str, str]]
    images: list[str]


@dataclass(frozen=True)
class OwnHead:
    """A model's own way to give rewards; `source` is the name of its method."""

    model: Any
    source: str

    @classmethod
    def of(cls, model: Any, source: Source) -> OwnHead:
        """Find the method, `get_scores` before `get_score`.

        Raises:
            CheckpointError: the model has neither.
        """
        names = [name for name in _METHODS if callable(getattr(model, name, None))]
        if not names:
            raise CheckpointError(
                f"The own code of {source.name} ({type(model).__name__}) has neither get_scores nor get_score, nor is "
                "it one that answers about images (AutoModelForImageTextToText in its auto_map)."
            )
        return cls(model, names[0])

    def rewards(self, dialogues: Sequence[Dialogue]) -> list[float]:
        """The rewards of dialogues.

        Raises:
            CheckpointError: the model's code fails, or does not give a number for each.
        """
        try:
            with torch.inference_mode(), self._precision():
                given = self._given(dialogues)
            values = [float(value) for value in given]
        except (TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
            raise CheckpointError(f"The model's own {self.source} fails ({first_line(error)}).") from error
        if len(values) != len(dialogues):
            raise CheckpointError(f"The model's own {self.source} gives {len(values)} numbers for {len(dialogues)}.")
        return values

    def _given(self, dialogues: Sequence[Dialogue]) -> Sequence[Any]:
        if self.source == "get_score":
            return [self.model.get_score(chat, images) for chat, images in dialogues]
        scores: Sequence[Any] = self.model.get_scores(
            [dialogue.chat for dialogue in dialogues], [dialogue.images for dialogue in dialogues]
        )
        return scores

    def _precision(self) -> torch.autocast:
        """In half precision on a GPU, parts of such models are float32 and count on autocast, as their card does."""
        device, dtype = torch.device(self.model.device).type, self.model.dtype
        return torch.autocast(device, dtype, enabled=device == "cuda" and dtype != torch.float32)


def brings_own_head(config: Mapping[str, Any]) -> bool:
    """Whether a config names code for a whole model of its own, and none for one that answers about images."""
    named = config.get("auto_map") or {}
    return "AutoModel" in named and "AutoModelForImageTextToText" not in named


def load_own_model(source: Source, placement: Placement) -> Any:
    """Load a model by its own code, with its tokenizer as an attribute, where there is one.

    Raises:
        CheckpointError: it can't be loaded.
    """
    trusted = {"trust_remote_code": True, "local_files_only": True}
    if placement.is_empty:
        config = AutoConfig.from_pretrained(source.folder, **trusted)
        with torch.device("meta"):
            return AutoModel.from_config(config, trust_remote_code=True)
    model = checked(
        lambda **settings: AutoModel.from_pretrained(source.folder, **trusted, **settings),
        source.folder,
        **placement.arguments(),
    )
    if (source.folder / "tokenizer_config.json").is_file():
        model.tokenizer = AutoTokenizer.from_pretrained(source.folder, **trusted)
    return model
