"""The settings that a study can vary, and the command line that each comes to."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from critic_eval.critics.generation import GENERATION_OPTIONS
from critic_eval.errors import ArgumentError
from critic_eval.lmms.choices import select_orders, select_protocol
from critic_eval.lmms.evaluating import model_parameters, read_arguments

Scalar = str | int | float | bool | None

_MODEL, _GENERATION = "model_args.", "generation_kwargs."
_GENERATED = (*GENERATION_OPTIONS, "max_new_tokens", "until")
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

    def __post_init__(self) -> None:
        temperature = self.generation.get("temperature")
        if temperature is None:
            return
        if isinstance(temperature, bool | str) or not 0 <= temperature < math.inf:
            raise ArgumentError(f"temperature={temperature} is not a temperature; it is a number from 0 on.")
        is_drawn = temperature > 0
        if self.generation.get("do_sample") not in (None, is_drawn):
            raise ArgumentError(f"temperature={temperature} and do_sample={not is_drawn} contradict each other.")
        self.generation["do_sample"] = is_drawn  # a task may say otherwise of itself

    @property
    def is_sampled(self) -> bool:
        """Whether answers are drawn, so that a seed matters."""
        return bool(self.generation.get("do_sample"))

    def to_options(self) -> list[str]:
        """Options of the command `lmms_eval`.

        Raises:
            ArgumentError: lmms-eval would read a name or a value otherwise.
        """
        parts = (("--model_args", self.model), ("--gen_kwargs", self.generation))
        return [text for name, given in parts if given for text in (name, _joined(given))]


class Settings:
    """The settings of a model of lmms-eval's, by name.

    Args:
        model: name of the model, as lmms-eval lists it.

    Raises:
        ArgumentError: there is no such model.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        parameters = model_parameters(model)
        self._takes_more = model != "llava_critic" and any(
            parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
        )
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        named = [name for name, parameter in parameters.items() if parameter.kind not in kinds]
        # Where a model takes what generation takes too, a study sets it there, for every model alike.
        self._model_names = [name for name in named if name not in (*_NOT_VARIED, *GENERATION_OPTIONS)]
        self._defaults = {name: parameters[name].default for name in self._model_names}

    def names(self) -> list[str]:
        """All that can be varied by a plain name."""
        ours = [name for name in _SHORTHANDS if name == "quantization" or "protocol" in self._model_names]
        ours = [name for name in ours if name != "quantization" or "load_in_4bit" in self._model_names]
        return [*ours, *self._model_names, *(name for name in _GENERATED if name not in self._model_names)]

    def check(self, name: str) -> None:
        """Raise ArgumentError, which names near ones, for a setting that there is not."""
        plain = name.removeprefix(_MODEL).removeprefix(_GENERATION)
        if name in self.names() or (name.startswith(_MODEL) and plain in self._model_names):
            return
        # llava_critic leaves out of generation what it does not know; others may take what they don't name.
        is_generated = name.startswith(_GENERATION) and (plain in _GENERATED or self.model != "llava_critic")
        if plain.isidentifier() and (is_generated or (name.startswith(_MODEL) and self._takes_more)):
            return
        near = get_close_matches(plain, self.names(), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(self.names())}."
        raise ArgumentError(f"{self.model} has no setting {name!r}; {hint}")

    def arguments(self, settings: Mapping[str, Scalar]) -> Arguments:
        """What settings come to.

        Raises:
            ArgumentError: there is no such setting or value, or two say the same thing.
        """
        targets: dict[str, tuple[str, Scalar]] = {}
        for name, value in settings.items():
            self.check(name)
            for target, meant in self._targets(name, value).items():
                if target in targets:
                    raise ArgumentError(
                        f"{targets[target][0]} and {name} both set {target.partition('.')[2]}; keep one."
                    )
                targets[target] = (name, meant)
        model, generation = (
            {target.removeprefix(kind): meant for target, (_, meant) in targets.items() if target.startswith(kind)}
            for kind in (_MODEL, _GENERATION)
        )
        if self.model == "llava_critic":
            _check_critic(model)
        return Arguments(model, generation)

    def effect(self, arguments: Arguments) -> tuple[Any, ...]:
        """What arguments come to, defaults included: equal where two would be the same run."""
        model = {**self._defaults, **{name: value for name, value in arguments.model.items() if value is not None}}
        unused = () if arguments.is_sampled else ("top_p", "top_k", "temperature")
        generation = {name: value for name, value in arguments.generation.items() if name not in unused}
        return tuple(
            tuple(sorted((name, repr(float(value) if type(value) is int else value)) for name, value in part.items()))
            for part in (model, generation)
        )

    def _targets(self, name: str, value: Scalar) -> dict[str, Scalar]:
        if name in _SHORTHANDS:
            if value not in _SHORTHANDS[name]:
                raise ArgumentError(f"{name} is {' or '.join(_SHORTHANDS[name])}, not {value!r}.")
            return _SHORTHANDS[name][value]
        if "." in name:
            return {name: value}
        return {f"{_MODEL if name in self._model_names else _GENERATION}{name}": value}


def _check_critic(given: Mapping[str, Scalar]) -> None:
    """Refuse what `llava_critic` would refuse of these arguments, before anything runs."""
    from critic_eval.critics.images import ImagePolicy

    ImagePolicy.read(str(given.get("image_policy") or "as_is"))
    protocol, orders = (given.get(name) for name in ("protocol", "order_policy"))
    try:
        select_protocol(None if protocol is None else str(protocol))
        select_orders(None if orders is None else str(orders))
    finally:
        select_protocol(None)
        select_orders(None)
    if given.get("verdict_only") and given.get("reasons") is False:
        raise ArgumentError("verdict_only has no reasons to leave out; vary one of the two in a cell.")


def _joined(given: Mapping[str, Scalar]) -> str:
    """Names and values as lmms-eval reads them. Raises ArgumentError for what it would read otherwise."""
    meant = {name: value for name, value in given.items() if value is not None}
    text = ",".join(f"{name}={value}" for name, value in meant.items())
    for name, value in meant.items():
        try:
            # With another behind it, which an unclosed quotation mark or bracket would swallow.
            read = read_arguments(f"{name}={value},next=1")
        except ValueError:
            read = {}
        if read != {name: value, "next": 1}:
            as_what = f"as {read[name]!r}" if name in read else "as something else"
            raise ArgumentError(f"lmms-eval's command line would read {name}={value} {as_what}; give another value.")
    return text
