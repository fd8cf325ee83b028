"""Figures and probes by name: what each is about, and the decorators that add one.

    from critic_eval.metrics import Counted, mean_statistic, register_figure

    @register_figure("tie_rate", higher_is_better=None, kinds="preference", invalid="left out")
    def tie_rate(judgments):
        \"\"\"The share of verdicts that call a tie.\"\"\"
        valid = [judgment for judgment in judgments if judgment.verdict.is_valid]
        ties = [float(judgment.verdict.value is None) for judgment in valid]
        return mean_statistic(ties, Counted.of(valid, among=judgments))

A figure that is registered so has groups, intervals and comparisons like every other. A package that adds some names
its module under the entry-point group `critic_eval.extensions`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, LabelKind, VerdictKind
from critic_eval.metrics.columns import encoded
from critic_eval.metrics.statistic import InvalidPolicy, Statistic
from critic_eval.registry import Registry

InvalidRule = Literal["by policy", "left out", "alike"]
"""What a figure does with invalid verdicts: what the policy says; it leaves them out, and refuses the policy "wrong";
or either policy gives the same."""
Function = TypeVar("Function", bound=Callable[..., Any])


class Need(NamedTuple):
    """What judgments must have for a figure to apply to them, besides labels.

    `text` says it in a few words ("both orders"); `lacking` says of judgments why they don't have it, or None.
    """

    text: str
    lacking: Callable[[Sequence[Judgment]], str | None]


@dataclass(frozen=True)
class RegisteredFigure:
    """A figure that results can hold.

    Attributes:
        name: Its name in results, tables and tasks.
        function: From judgments, and the invalid policy where `invalid` is "by policy", to a `Statistic`.
        higher_is_better: Whether a greater value is better; None where neither is.
        kinds: The kinds of verdicts that it takes; empty for all.
        label: The kind of label that verdicts are held against; None where it needs none.
        need: What judgments must have besides.
        invalid: See `InvalidRule`.
        about: What it is, in one sentence.
        formula: How it is computed, in symbols.
        source: The paper or code that it is from.
    """

    name: str
    function: Callable[..., Statistic]
    higher_is_better: bool | None
    kinds: tuple[VerdictKind, ...] = ()
    label: LabelKind | None = None
    need: Need | None = None
    invalid: InvalidRule = "by policy"
    about: str = ""
    formula: str = ""
    source: str = ""

    @property
    def needs(self) -> str:
        """What judgments must have for it to apply, in a few words, such as "labels"; empty for nothing."""
        texts = [*(["labels"] if self.label else []), *([self.need.text] if self.need else [])]
        return " and ".join(texts)

    def lacking(self, judgments: Sequence[Judgment]) -> str | None:
        """Why it can't apply to these judgments, such as "no labels"; None where it can."""
        if not len(judgments):
            return "no judgments"
        if self.label is not None:
            label = encoded(judgments, "label")
            if all(label.values[code] is None for code in np.unique(label.codes)):
                return NO_LABELS
        return self._misfit(judgments) or (self.need.lacking(judgments) if self.need else None)

    def statistic(self, judgments: Sequence[Judgment], policy: InvalidPolicy = "exclude") -> Statistic:
        """What it is computed from.

        Raises:
            ArgumentError: An unknown policy, or one that it can't follow; verdicts or labels of another kind than it
                takes. Verdicts without a label are not looked at where it needs labels.
        """
        if policy not in ("exclude", "wrong"):
            raise ArgumentError(f"The invalid policy is 'exclude' or 'wrong', not {policy!r}.")
        if policy == "wrong" and self.invalid == "left out":
            kind = (self.kinds or ("verdict",))[0].removesuffix("s")
            raise ArgumentError(
                f"{self.name} can't count invalid verdicts as wrong, since no {kind} is the wrong one; exclude them."
            )
        if (misfit := self._misfit(judgments)) is not None:
            raise ArgumentError(misfit)
        return self.function(judgments, policy) if self.invalid == "by policy" else self.function(judgments)

    def _misfit(self, judgments: Sequence[Judgment]) -> str | None:
        """The first verdict or label of a kind that the figure does not take, as a sentence."""
        if not self.kinds:
            return None
        verdict, label = encoded(judgments, "verdict"), encoded(judgments, "label")
        parts: list[tuple[str, Any, Sequence[str]]] = [("verdict", verdict, (*self.kinds, "invalid"))]
        is_counted = np.ones(len(judgments), dtype=bool)
        if self.label is not None:
            parts.append(("label", label, (self.label,)))
            is_counted = np.array([value is not None for value in label.values], dtype=bool)[label.codes]
        for part, column, kinds in parts:
            is_other = np.array([value is not None and value.kind not in kinds for value in column.values], dtype=bool)
            rows = np.flatnonzero(is_other[column.codes] & is_counted)
            if len(rows):
                kind = column.values[column.codes[rows[0]]].kind
                item = judgments[int(rows[0])].item_id
                return f"{self.name} takes {self.kinds[0]} judgments; the {part} on item {item} is a {kind}."
        return None


@dataclass(frozen=True)
class RegisteredProbe:
    """A bias that a critic can be measured for.

    Attributes:
        name: Its name for the command and in results.
        function: From `probes.Probed` to a `Statistic` or, of two runs, a `Comparison`.
        needs_second: What the second run is that it needs, in a few words; None where one run is enough.
        needs_model: Whether it is about the responses of one model, which the user names.
        kinds: The kinds of verdicts that it is about; empty for all.
        about: What it measures, in one sentence.
    """

    name: str
    function: Callable[..., Any]
    needs_second: str | None = None
    needs_model: bool = False
    kinds: tuple[VerdictKind, ...] = ()
    about: str = ""


FIGURES: Registry[RegisteredFigure] = Registry("figure")
PROBES: Registry[RegisteredProbe] = Registry("probe")
NO_LABELS = "no labels"


def figure(
    name: str,
    *,
    higher_is_better: bool | None,
    kinds: VerdictKind | Sequence[VerdictKind] = (),
    label: LabelKind | None = None,
    need: Need | None = None,
    invalid: InvalidRule = "by policy",
    formula: str = "",
    source: str = "",
) -> Callable[[Function], Function]:
    """Register a function of judgments and an invalid policy as a figure; the first line of its docstring describes it.

    With another rule than "by policy" for invalid verdicts it is a function of judgments alone. All arguments are
    fields of `RegisteredFigure`.

    Raises:
        ArgumentError: The name is taken.
    """

    def register(function: Function) -> Function:
        taken = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        about = _first_line(function)
        FIGURES.add(
            name,
            RegisteredFigure(name, function, higher_is_better, taken, label, need, invalid, about, formula, source),
        )
        return function

    return register


def probe(
    name: str,
    *,
    needs_second: str | None = None,
    needs_model: bool = False,
    kinds: VerdictKind | Sequence[VerdictKind] = (),
) -> Callable[[Function], Function]:
    """Register a function of `probes.Probed` as a probe; the first line of its docstring describes it.

    The arguments are fields of `RegisteredProbe`.

    Raises:
        ArgumentError: The name is taken.
    """

    def register(function: Function) -> Function:
        taken = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        PROBES.add(name, RegisteredProbe(name, function, needs_second, needs_model, taken, _first_line(function)))
        return function

    return register


register_figure, register_probe = figure, probe
"""The decorators by the names that plugins use."""


def _first_line(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]
