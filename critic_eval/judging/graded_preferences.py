"""Reading a preference with its strength: the five-way verdicts of WildVision-Bench and of Arena-Hard before it."""

import re
from collections.abc import Iterator, Sequence

from critic_eval.errors import ArgumentError
from critic_eval.judging.reading import Parsed, Statement, VerdictPosition, decide
from critic_eval.judging.verdicts import Verdict


def parse_graded_preference(
    text: str, n_responses: int = 2, responses: Sequence[str] = (), position: VerdictPosition = "last"
) -> Parsed:
    r"""Read "[[A>>B]]", "[[A>B]]", "[[A=B]]", "[[B>A]]" or "[[B>>A]]", also mirrored ("[[A<B]]").

    ">>" has strength 2. Any other chain of these signs is an unreadable verdict. How one verdict is chosen among
    several is in `critic_eval.judging.reading`. The form is WildVision-Bench's (arXiv 2406.11069; regex of its judge
    code: `\[\[([AB<>=]+)\]\]`).

    Args:
        text: The critic's answer; any str.
        n_responses: Must be 2; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.

    >>> verdict = parse_graded_preference("My final verdict is: [[B>>A]]").verdict
    >>> verdict.value, verdict.strength
    (1, 2)
    """
    if n_responses != 2:
        raise ArgumentError(f"A preference is between two responses, not {n_responses}.")
    return decide(text, _statements(text), position, responses)


_LABEL = re.compile(r"\[\[(?P<chain>[AB<>=]{1,12})\]\]")
_CHAIN = re.compile(r"(?P<left>[AB])(?P<sign>>>|>|=|<|<<)(?P<right>[AB])")


def _statements(text: str) -> Iterator[Statement]:
    for match in _LABEL.finditer(text):
        yield Statement(match.start(), match.end(), _verdict(match["chain"]), 0, match.start())


def _verdict(chain: str) -> Verdict:
    parts = _CHAIN.fullmatch(chain)
    if parts is None or parts["left"] == parts["right"]:
        return Verdict.invalid(f"unreadable verdict {chain!r}")
    if parts["sign"] == "=":
        return Verdict.preference(None)
    better = parts["left"] if ">" in parts["sign"] else parts["right"]
    return Verdict.preference("AB".index(better), strength=len(parts["sign"]))
