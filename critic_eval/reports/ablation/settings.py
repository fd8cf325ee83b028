"""The settings that a study can vary, and the command line that each comes to."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from critic_eval.errors import ArgumentError

Scalar = str | int | float | bool | None

_MODEL, _GENERATION = "model_args.", "generation_kwargs."
_GENERATION_NAMES = (
    *("temperature", "top_p", "top_k", "num_beams", "do_sample", "repetition_penalty", "length_penalty", "until"),
)
_SHORTHANDS: dict[str, dict[Any, dict[str, Scalar]]] = {
    "verdict_position": {
        "first": {"model_args.protocol": "llava_critic"},
        "last": {"model_args.protocol": "reason_first"},
    },
    "quantization": {
        "none": {},
        "4bit": {"model_args.load_in_4bit": True},
        "8bit": {"model_args.load_in_8bit": True},
    },
}
"""Settings that stand for others, by their values."""
_NOT_VARIED = ("journal", "dry_run", "self", "unknown")


@dataclass
class Arguments:
    """What of a command line settings come to: arguments of the model, and of generation."""

    model: dict[str, Scalar] = field(default_factory=dict)
    generation: dict[str, Scalar] = field(default_factory=dict)

    @property
    def is_sampled(self) -> bool:
        """Whether answers are drawn, so that a seed matters."""
        return bool(self.generation.get("do_sample", float(self.generation.get("temperature") or 0) > 0))

    def to_options(self) -> list[str]:
        """Options of the command `lmms_eval`."""
        generation = dict(self.generation)
        if self.is_sampled:
            generation.setdefault("do_sample", True)  # a task may say that it is not
        parts = (("--model_args", self.model), ("--gen_kwargs", generation))
        return [text for name, given in parts if given for text in (name, _joined(given))]


class Settings:
    """The settings of a model of lmms-eval's, by name.

    Args:
        model: its name.

    Raises:
        ArgumentError: there is no such model.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        parameters = _parameters(model)
        self._takes_more = model != "llava_critic" and any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        named = [name for name, one in parameters.items() if one.kind not in kinds]
        self._model_names = [name for name in named if name not in _NOT_VARIED]

    def names(self) -> list[str]:
        """All that can be varied by a plain name."""
        ours = [name for name in _SHORTHANDS if name == "quantization" or "protocol" in self._model_names]
        ours = [name for name in ours if name != "quantization" or "load_in_4bit" in self._model_names]
        return [*ours, *self._model_names, *(name for name in _GENERATION_NAMES if name not in self._model_names)]

    def check(self, name: str) -> None:
        """Raise ArgumentError, which names near ones, for a setting that there is not."""
        if name.startswith(_GENERATION) or name in self.names():
            return
        plain = name.removeprefix(_MODEL)
        if name.startswith(_MODEL) and (plain in self._model_names or self._takes_more):
            return
        near = get_close_matches(plain, self.names(), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(self.names())}."
        raise ArgumentError(f"{self.model} has no setting {name!r}; {hint}")

    def arguments(self, settings: Mapping[str, Scalar]) -> Arguments:
        """What settings come to.

        Raises:
            ArgumentError: there is no such setting or value, or two say the same thing.
        """
        found: dict[str, tuple[str, Scalar]] = {}
        for name, value in settings.items():
            self.check(name)
            for target, meant in self._targets(name, value).items():
                if target in found:
                    raise ArgumentError(f"{found[target][0]} and {name} both set {target.partition('.')[2]}; keep one.")
                found[target] = (name, meant)
        arguments = Arguments()
        for target, (_, meant) in found.items():
            kind, _, plain = target.partition(".")
            (arguments.model if f"{kind}." == _MODEL else arguments.generation)[plain] = meant
        return arguments

    def _targets(self, name: str, value: Scalar) -> dict[str, Scalar]:
        if name in _SHORTHANDS:
            if value not in _SHORTHANDS[name]:
                raise ArgumentError(f"{name} is {' or '.join(_SHORTHANDS[name])}, not {value!r}.")
            return _SHORTHANDS[name][value]
        if "." in name:
            return {name: value}
        return {f"{_MODEL if name in self._model_names else _GENERATION}{name}": value}


def _parameters(model: str) -> Mapping[str, inspect.Parameter]:
    import lmms_eval.models as models

    try:
        found = models.get_model(model)
    except Exception as error:  # it raises what its registry happens to
        raise ArgumentError(f"lmms-eval has no model {model!r} ({error}).") from error
    return inspect.signature(found.__init__).parameters


def _joined(given: Mapping[str, Scalar]) -> str:
    for name, value in given.items():
        if isinstance(value, str) and any(mark in value for mark in ",="):
            raise ArgumentError(f"{name}={value}: lmms-eval can't take a value with a comma or an equals sign.")
    return ",".join(f"{name}={value}" for name, value in given.items() if value is not None)
