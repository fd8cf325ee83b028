"""Readers of what critics and benchmarks say in words of their own, by name, as protocols choose them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.graded_preference import parse_graded_preference
from critic_eval.judging.parsing.numbers import Scale
from critic_eval.judging.parsing.ordered_scores import parse_higher_score, parse_order_of_scores
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.preference import parse_preference
from critic_eval.judging.parsing.ranking import parse_ranking
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.judging.parsing.score import parse_score, parse_two_scores
from critic_eval.judging.parsing.sections import parse_result
from critic_eval.judging.verdicts import LabelKind, Preference, Score

WORDS: dict[str, LabelKind | None] = {
    "default": None,
    "five_way": "preference",
    "result_mark": "score",
    "second_of_two_scores": "score",
    "advantage_of_second": "score",
    "higher_score": "preference",
    "order_of_scores": "ranking",
}
"""Names of readers, and of which kind of verdict each is; None: of all.

`default` is the kind's general reader, which knows the usual forms. `five_way` reads `[[A>>B]]` and its kin,
`result_mark` Prometheus' `[RESULT] 4`. `second_of_two_scores` reads a review of two scores, the first of which is the
reference's. `advantage_of_second` makes a five-way preference a score from -2 (the first is much better) to 2.
`higher_score` reads two scores in order as a preference, `order_of_scores` one score for each response as a ranking.
"""


@dataclass(frozen=True)
class WordsParser:
    """Reads a verdict in words by the reader of a name; a parser as `critic_eval.judging.Parser` describes it.

    `has_several` is for protocols that ask for one score of each of two responses at once.
    """

    kind: LabelKind
    position: VerdictPosition = "first"
    scale: Scale = (0.0, 100.0)
    has_several: bool = False
    words: str = "default"

    def __call__(
        self, text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()
    ) -> Parsed:
        """Read one answer; never raises on any text."""
        if self.words == "five_way":
            return parse_graded_preference(text, n_responses, responses, self.position, marks)
        if self.words == "result_mark":
            return parse_result(text, n_responses, responses, marks)
        if self.words == "second_of_two_scores":
            return _second(parse_two_scores(text, 2, responses, self.scale, marks))
        if self.words == "higher_score":
            return parse_higher_score(text, responses, self.scale, marks)
        if self.words == "order_of_scores":
            return parse_order_of_scores(text, n_responses, responses, marks)
        if self.words == "advantage_of_second":
            return _advantage(parse_graded_preference(text, 2, responses, self.position, marks))
        if self.kind == "preference":
            return parse_preference(text, n_responses, responses, self.position, marks)
        if self.kind == "ranking":
            return parse_ranking(text, n_responses, responses, self.position, marks)
        if self.has_several:
            return parse_two_scores(text, n_responses, responses, self.scale, marks)
        return parse_score(text, n_responses, responses, self.position, self.scale, marks)


def _second(parsed: Parsed) -> Parsed:
    value = parsed.verdict.value
    return replace(parsed, verdict=Score(value[1])) if isinstance(value, tuple) else parsed


def _advantage(parsed: Parsed) -> Parsed:
    match parsed.verdict:
        case Preference(None):
            return replace(parsed, verdict=Score(0))
        case Preference(better, strength):
            return replace(parsed, verdict=Score(strength if better else -strength))
        case _:
            return parsed
