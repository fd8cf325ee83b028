"""What each benchmark's published code makes of an answer, faults included, so that its figures can be compared."""

import math
import random
import re
from dataclasses import replace

from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Judgment, Verdict, to_canonical


def score_as_flex_judge(judgment: Judgment, row: Row) -> Judgment:
    """An unreadable score is -1, and stays in the correlation (MLLM-as-a-Judge as flex-judge evaluates it)."""
    return judgment if judgment.verdict.is_valid else replace(judgment, verdict=Verdict.score(-1))


def pair_as_flex_judge(judgment: Judgment, row: Row) -> Judgment:
    """An unreadable preference is a tie (MLLM-as-a-Judge as flex-judge evaluates it)."""
    return judgment if judgment.verdict.is_valid else replace(judgment, verdict=Verdict.preference(None))


def verdict_as_wildvision(judgment: Judgment, row: Row) -> Judgment:
    """The one label that an answer has; of two different ones, or of none, what the judging code recorded for it.

    That stands under `score`: a tie for an API error, or nothing. What it recorded nothing for has no weight in the
    score, and is a battle that nobody wins in the other figures. Source: WildVision-Bench, get_score of its judge code.
    """
    if not judgment.raw and judgment.verdict.is_valid:
        return judgment
    found = set(_LABEL.findall(judgment.raw)) - {""}
    label = next(iter(found)) if len(found) == 1 else row.get("score")
    if label not in _FIVE_WAY:
        return replace(judgment, verdict=Verdict.invalid(_two_labels(found) or judgment.verdict.reason or _NO_LABEL))
    better, strength = _FIVE_WAY[label]
    return replace(judgment, verdict=to_canonical(Verdict.preference(better, strength), judgment.order))


def _two_labels(found: set[str]) -> str:
    return f"{len(found)} different labels" if len(found) > 1 else ""


def answer_as_vl_rewardbench(judgment: Judgment, row: Row) -> Judgment:
    """Only an answer that the official pattern reads counts; any number but the rejected answer's agrees with it.

    Source: VL_RewardBench, cal.py. An answer that it does not read is left out, as undecided items are.
    """
    if not judgment.raw:
        return judgment
    text = judgment.raw[:_READ_AT_MOST].replace("\n", "").replace("*", "")
    match = _OVERALL.search(text)
    if match is None:
        return replace(judgment, verdict=Verdict.invalid("not read by the official pattern"))
    shown = [ord(letter) - ord("A") for letter in judgment.order]
    number = int(match[1])
    if number in (1, 2):
        return replace(judgment, verdict=Verdict.preference(shown[number - 1]))
    label = judgment.label.value if judgment.label is not None else 0
    return replace(judgment, verdict=Verdict.preference(label))  # type: ignore[arg-type]  # a preference's label


def letters_as_mm_rewardbench(judgment: Judgment, row: Row) -> Judgment:
    """`[[A]]` anywhere in an answer is A, else `[[B]]` is B, else a coin decides.

    Source: multimodal_rewardbench, scripts/2_get_accuracy.py, which seeds its coin once with 123; here every item has
    a coin of that seed and its id, so that a figure depends on no order of the items.
    """
    if not judgment.raw and judgment.verdict.is_valid:
        return judgment
    letter = "A" if "[[A]]" in judgment.raw else "B" if "[[B]]" in judgment.raw else ""
    letter = letter or random.Random(f"123 {judgment.item_id}").choice("AB")
    return replace(judgment, verdict=to_canonical(Verdict.preference("AB".index(letter)), judgment.order))


def review_as_llava(judgment: Judgment, row: Row) -> Judgment:
    """The scores that the reviewing code recorded under `score`; without these, what its published parser reads.

    That takes only a first line of exactly two numbers; any other review is (-1, -1), and stays in the means.
    """
    if not judgment.raw and judgment.verdict.is_valid:
        return judgment
    recorded = row.get("score")
    known = recorded if isinstance(recorded, list) and len(recorded) == 2 else two_numbers(judgment.raw)
    return replace(judgment, verdict=Verdict.scores(known or (-1.0, -1.0)))


def two_numbers(review: str) -> list[float] | None:
    """The two numbers that alone make up a review's first line, or None (LLaVA, eval_gpt_review.py, parse_score)."""
    parts = review.split("\n")[0].replace(",", " ").split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    return numbers if len(numbers) == 2 and all(map(math.isfinite, numbers)) else None


_NO_LABEL = "no label of the official code's"
_LABEL = re.compile(r"\[\[([AB<>=]+)\]\]")
_FIVE_WAY = {"A>>B": (0, 2), "A>B": (0, 1), "A=B": (None, 1), "B>A": (1, 1), "B>>A": (1, 2)}
# The pattern's cost grows faster than the text; no answer is as long as this.
_READ_AT_MOST = 20_000
_OVERALL = re.compile(
    r"(?:Overall Judgment|Therefore)\s*.*\s*-*\s*Answer\s*(\d+)\s*is\s*(?:the\s*)?(?:slightly\s*)?better", re.IGNORECASE
)
