"""Verdicts on several responses that a critic gives as one score for each, in the order in which they were shown.

Flex-Judge answers so: `<answer>3</answer><answer>5</answer>` prefers the second of two responses.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import MAX_RESPONSES
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.containers import Content, tags
from critic_eval.judging.parsing.numbers import NUMBER, Scale, as_float
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.reading import Parsed, read
from critic_eval.judging.parsing.score import parse_two_scores
from critic_eval.judging.parsing.statements import Statement
from critic_eval.judging.verdicts import Invalid, Preference, Ranking, Verdict


def parse_higher_score(text: str, responses: Sequence[str], scale: Scale, marks: Sequence[Marks] = ()) -> Parsed:
    """Read two scores, as `parse_two_scores` does, as a preference for the higher one; equal scores are a tie.

    >>> parse_higher_score("<think>…</think><answer>3</answer><answer>5</answer>", (), (1, 10)).verdict.value
    1
    """
    parsed = parse_two_scores(text, 2, responses, scale, marks)
    if not isinstance(parsed.verdict.value, tuple):
        return parsed
    first, second = parsed.verdict.value
    return replace(parsed, verdict=Preference(None if first == second else int(second > first)))


def parse_order_of_scores(text: str, n_responses: int, responses: Sequence[str], marks: Sequence[Marks] = ()) -> Parsed:
    """Read one score for each of n responses, in tags in a row or all in one tag, as the ranking that they make.

    Two equal scores rank nothing: such a verdict is invalid, and so is one with more or fewer scores than responses.

    Args:
        text: The critic's whole text; any str.
        n_responses: How many responses were shown, 2 to 26; ArgumentError otherwise.
        responses: Texts that the critic was shown.
        marks: Pairs that open and close a thought, besides those that `find_answer` knows.

    >>> parse_order_of_scores("<answer>3</answer><answer>8</answer><answer>6</answer>", 3, ()).verdict.value
    (1, 2, 0)
    >>> parse_order_of_scores("<answer>3</answer><answer>3</answer>", 2, ()).verdict.reason
    'equal scores rank nothing'
    """
    if not 2 <= n_responses <= MAX_RESPONSES:
        raise ArgumentError(f"A ranking is of 2 to {MAX_RESPONSES} responses, not {n_responses}.")
    return read(text, partial(_find, n=n_responses), "last", responses, marks)


_SCORE = re.compile(rf"[\[(]{{0,2}}(?P<number>{NUMBER})(?:[ ]?/[ ]?[0-9]{{1,3}})?[\])]{{0,2}}")
_BETWEEN = re.compile(r"[\s,;/|]{1,20}")


def _find(text: str, position: VerdictPosition, n: int) -> Iterator[Statement]:
    run: list[Content] = []
    for content in tags(text):
        if run and text[run[-1].end : content.start].strip(" \t\r\n,;"):
            yield _statement(run, n)
            run = []
        run.append(content)
    if run:
        yield _statement(run, n)


def _statement(run: Sequence[Content], n: int) -> Statement:
    given = _BETWEEN.split(run[0].text.strip()) if len(run) == 1 else [content.text.strip() for content in run]
    return Statement(run[0].start, run[-1].end, _ranking(given, n), "answer tag", run[0].start)


def _ranking(given: Sequence[str], n: int) -> Verdict:
    if len(given) != n:
        return Invalid(f"{len(given)} scores for {n} responses")
    matches = [_SCORE.fullmatch(entry) for entry in given]
    scores = [as_float(match["number"]) for match in matches if match is not None]
    if len(scores) != n:
        return Invalid("unreadable score")
    if len(set(scores)) < n:
        return Invalid("equal scores rank nothing")
    return Ranking(sorted(range(n), key=lambda index: -scores[index]))
