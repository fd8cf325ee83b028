"""Reading a preference with its strength: the five-way verdicts of WildVision-Bench and of Arena-Hard before it."""

import re
from collections.abc import Iterator, Sequence

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.choices import side
from critic_eval.judging.parsing.containers import containers
from critic_eval.judging.parsing.labels import closing_labels, is_criterion
from critic_eval.judging.parsing.places import VerdictPosition, line_bounds
from critic_eval.judging.parsing.reading import Parsed, read
from critic_eval.judging.parsing.statements import Form, Statement, Weight
from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, Preference, Verdict


def parse_graded_preference(
    text: str,
    n_responses: int = 2,
    responses: Sequence[str] = (),
    position: VerdictPosition = "last",
    marks: Sequence[Marks] = (),
) -> Parsed:
    r"""Read "[[A>>B]]", "[[A>B]]", "[[A=B]]", "[[B>A]]" or "[[B>>A]]", also mirrored ("[[A<B]]").

    ">>" has strength 2. Any other chain of these signs is an unreadable verdict. Without brackets a chain counts behind
    a label that sums up ("My final verdict is: A>B") and in a container. How one verdict is chosen among several is in
    `critic_eval.judging.parsing.reading`. The form is WildVision-Bench's (arXiv 2406.11069; regex of its judge code:
    `\[\[([AB<>=]+)\]\]`).

    Args:
        text: The critic's whole text; any str.
        n_responses: Must be 2; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.
        marks: Pairs that open and close a thought, besides those that `find_answer` knows.

    >>> verdict = parse_graded_preference("My final verdict is: [[B>>A]]").verdict
    >>> verdict.value, verdict.strength
    (1, 2)
    """
    if n_responses != 2:
        raise ArgumentError(f"A preference is between two responses, not {n_responses}.")
    return read(text, _find, position, responses, marks)


_BRACKETED = re.compile(r"\[\[\s{0,3}(?P<chain>[AB<>=](?:[ ]?[AB<>=]){0,11})\s{0,3}\]\]")
_BARE = re.compile(r"[\"'“`(\[]{0,3}(?P<chain>[AB][ ]?(?:>>|>|=|<<|<)[ ]?[AB])(?![\w<>=])")
_CHAIN = re.compile(r"(?P<left>[AB])(?P<sign>>>|>|=|<|<<)(?P<right>[AB])")


def _find(text: str, position: VerdictPosition) -> Iterator[Statement]:
    yield from containers(text, "preference", _value)
    for label, start, form in closing_labels(text):
        yield from _labeled(text, label, start, form)
    brackets = list(_BRACKETED.finditer(text))
    for match in brackets:
        yield Statement(match.start(), match.end(), _verdict(match["chain"]), "brackets", match.start())
    if not brackets:
        yield from _said(text)


def _said(text: str) -> Iterator[Statement]:
    """Sentences that say how much better: "Assistant B is slightly better."; read where no label is given."""
    for match in _DEGREE.finditer(text):
        strength = 1 if match["degree"].casefold() in _SLIGHT else 2
        verdict = Preference(side(match["side"]), strength)
        weight = Weight.CRITERION if is_criterion(text, match.start()) else Weight.PLAIN
        yield Statement(match.start(), match.end(), verdict, "sentence", match.start(), weight)


_SLIGHT = frozenset(("slightly", "marginally", "somewhat"))
_DEGREE = re.compile(
    r"\b(?:assistant|answer|response)[ ](?P<side>[AB12])(?:['’]s[ ](?:answer|response))?[ ]is[ ](?:therefore[ ])?"
    r"(?P<degree>slightly|marginally"
    r"|somewhat|significantly|much|substantially|considerably|far)[ ]better\b(?=[ ]?(?:[.,;:!)\n]|\Z|than\b"
    r"|because\b|since\b|overall\b))",
    re.IGNORECASE,
)


def _labeled(text: str, label: int, start: int, form: Form) -> Iterator[Statement]:
    """What a label that sums up says: brackets or a degree close behind it, or else a chain right behind it."""
    end = line_bounds(text, start)[1]
    bare = _BARE.match(text, start, end)
    inside = list(_BRACKETED.finditer(text, start, min(end, start + 200)))
    degree = None if inside else _DEGREE.search(text, start, min(end, start + 200))
    if degree is not None:
        statement = next(_said(degree[0]))
        yield Statement(label, degree.end(), statement.verdict, form, label)
    elif inside:
        verdicts = {_verdict(match["chain"]) for match in inside}
        verdict = next(iter(verdicts)) if len(verdicts) == 1 else Invalid(CONTRADICTORY)
        yield Statement(label, inside[-1].end(), verdict, form, label)
    elif bare is not None:
        yield Statement(label, bare.end(), _verdict(bare["chain"]), form, label)


def _value(content: str) -> Verdict:
    chains = {_verdict(match["chain"]) for match in (*_BRACKETED.finditer(content), *_BARE.finditer(content[:200]))}
    if len(chains) > 1:
        return Invalid(CONTRADICTORY)
    return next(iter(chains)) if chains else Invalid(f"unreadable verdict {content.strip()[:40]!r}")


def _verdict(chain: str) -> Verdict:
    chain = chain.replace(" ", "")
    parts = _CHAIN.fullmatch(chain)
    if parts is None or parts["left"] == parts["right"]:
        return Invalid(f"unreadable verdict {chain!r}")
    if parts["sign"] == "=":
        return Preference(None)
    better = parts["left"] if ">" in parts["sign"] else parts["right"]
    return Preference("AB".index(better), strength=len(parts["sign"]))
