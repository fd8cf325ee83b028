"""How results look in a notebook. Every text is escaped, and nothing is loaded or run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from string import ascii_uppercase
from typing import TYPE_CHECKING

from critic_eval.visible import visible

if TYPE_CHECKING:
    from jinja2 import Template

    from critic_eval.api.results import Compared, Ranked, Scored, Unjudged
    from critic_eval.judging import Item, Judgment

LONGEST = 20_000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Part:
    """A text under its title; the verdict in it stands out, and so does a response that is best."""

    title: str
    before: str
    verdict: str = ""
    after: str = ""
    is_best: bool = False


def score_html(score: Scored) -> str:
    """A score, what was scored, and the critic's answer."""
    scale = "" if score.scale is None else f" of {score.scale[0]:g} to {score.scale[1]:g}"
    headline = "No score" if score.value is None else f"Score {score.value:.4g}{scale}"
    sure = [] if score.probability is None else [f"probability of the likeliest number {score.probability:.2f}"]
    judgments = () if score.judgment is None else (score.judgment,)
    return _page(headline, [*sure, *_reason(score.reason)], score.item, (), judgments)


def comparison_html(comparison: Compared) -> str:
    """A comparison, both responses, and the critic's answers."""
    from critic_eval.api.results import rewards_note

    headline = {"a": "A is better", "b": "B is better", "tie": "A tie", None: "No verdict"}[comparison.better]
    notes = []
    if comparison.consistent is not None:
        notes.append("both orders agree" if comparison.consistent else "the orders disagree")
    if comparison.probabilities is not None:
        notes.append("probabilities " + ", ".join(f"{name} {p:.2f}" for name, p in comparison.probabilities.items()))
    notes += rewards_note(comparison.rewards)
    best = () if comparison.better in (None, "tie") else (("a", "b").index(comparison.better),)
    return _page(headline, [*notes, *_reason(comparison.reason)], comparison.item, best, comparison.judgments)


def rank_html(rank: Ranked) -> str:
    """A ranking, the responses from best to worst, and the critic's answer."""
    letters = "" if rank.best_first is None else " > ".join(ascii_uppercase[index] for index in rank.best_first)
    from critic_eval.api.results import rewards_note

    judgments = () if rank.judgment is None else (rank.judgment,)
    notes = [*rewards_note(rank.rewards), *_reason(rank.reason)]
    return _page(letters or "No ranking", notes, rank.item, rank.best_first or (), judgments)


def unjudged_html(unjudged: Unjudged) -> str:
    """Why an item was not asked about."""
    return _page("Not judged", _reason(unjudged.reason), None, (), ())


def _page(
    headline: str, notes: Sequence[str], item: Item | None, best_first: Sequence[int], judgments: Iterable[Judgment]
) -> str:
    parts = [*_asked(item, best_first), *map(_answer, judgments)]
    return _template().render(headline=headline, notes=[visible(note, LONGEST) for note in notes], parts=parts)


def _asked(item: Item | None, best_first: Sequence[int]) -> Iterator[Part]:
    """The question and the responses, those that are ranked first."""
    if item is None:
        return
    yield Part("Question", _shown(item.question))
    others = [index for index in range(len(item.responses)) if index not in best_first]
    for index in (*best_first, *others) if len(best_first) > 1 else range(len(item.responses)):
        title = "Response" if len(item.responses) == 1 else f"Response {ascii_uppercase[index]}"
        is_best = bool(best_first) and index == best_first[0]
        best = "the better" if len(item.responses) == 2 else "the best"
        yield Part(f"{title}, {best}" if is_best else title, _shown(item.responses[index].text), is_best=is_best)


def _answer(judgment: Judgment) -> Part:
    title = "Answer" if len(judgment.order) == 1 else f"Answer, responses shown as {', '.join(judgment.order)}"
    start, end = judgment.span or (len(judgment.raw), len(judgment.raw))
    before, verdict, after = judgment.raw[:start], judgment.raw[start:end], judgment.raw[end:]
    return Part(title, _shown(before), _shown(verdict), _shown(after))


def _reason(reason: str | None) -> list[str]:
    return [] if reason is None else [reason]


def _shown(text: str) -> str:
    """A text with its lines, and without anything that is not to be seen."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "\n".join(visible(line) for line in cut.expandtabs(4).split("\n"))


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("critic_eval.api"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=False
    )
    return environment.get_template("result.html.jinja")
