"""Verdicts behind a benchmark's own mark: the key `Judgement` of MLLM-as-a-Judge, Prometheus' `[RESULT]`."""

import re
from collections.abc import Iterator, Sequence

from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.numbers import END, NUMBER, OUT_OF, RANGE, graded
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.preference import parse_preference
from critic_eval.judging.parsing.ranking import parse_ranking
from critic_eval.judging.parsing.reading import Parsed, read
from critic_eval.judging.parsing.score import find_scores, parse_score
from critic_eval.judging.parsing.statements import Statement
from critic_eval.judging.verdicts import LabelKind


def parse_judgement(
    text: str,
    n_responses: int,
    responses: Sequence[str] = (),
    kind: LabelKind = "score",
    marks: Sequence[Marks] = (),
) -> Parsed:
    r"""Read MLLM-as-a-Judge's 'Judgement' (arXiv 2402.04788): `[[4]]`, `[[B]]`, `[[C]]` for a tie, `[[B]], [[A]]`.

    It is a key of an object, a label that sums up, or missing; any answer is read as the general parsers read it, which
    know all three.

    Args:
        text: The critic's whole text; any str.
        n_responses: How many responses were shown.
        responses: Texts that the critic was shown.
        kind: What is asked for; scores are from 1 to 5.
        marks: Pairs that open and close a thought, besides those that `find_answer` knows.

    >>> parse_judgement('{"Analysis": "\\"Judgement\\": \\"[[A]]\\" is what it says.", "Judgement": "[[B]]"}', 2,
    ...                 kind="preference").verdict.value
    1
    """
    if kind == "score":
        return parse_score(text, n_responses, responses, "last", _SCALE, marks)
    parse = parse_preference if kind == "preference" else parse_ranking
    return parse(text, n_responses, responses, "last", marks)


def parse_result(text: str, n_responses: int = 1, responses: Sequence[str] = (), marks: Sequence[Marks] = ()) -> Parsed:
    """Read Prometheus' `[RESULT] 4`, the last of them; scores are from 1 to 5 (arXiv 2401.06591).

    The feedback before it may speak of scores as it likes. An answer without the mark is read as any other.

    >>> parse_result("A score of 5 would need more detail. So the overall score is 3. [RESULT] 3").verdict.value
    3.0
    """
    return read(text, _results, "last", responses, marks)


_SCALE = (1.0, 5.0)
_RESULT = re.compile(
    rf"\[(?:RESULT|SCORE)\][\s:(\[*]{{0,6}}(?P<number>{NUMBER}){END}{RANGE}\]{{0,2}}{OUT_OF}(?P<percent>[ ]?%)?",
    re.IGNORECASE,
)


def _results(text: str, position: VerdictPosition) -> Iterator[Statement]:
    marked = [
        Statement(match.start(), match.end(), graded(match, _SCALE), "closing label", match.start())
        for match in _RESULT.finditer(text)
    ]
    return iter(marked) if marked else find_scores(text, position, _SCALE)
