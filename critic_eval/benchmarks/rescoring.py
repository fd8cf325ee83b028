"""Figures of a benchmark from recorded judgments: without its data set, its images or a model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal

from critic_eval import __version__
from critic_eval.benchmarks.official import (
    pair_as_flex_judge,
    review_as_llava,
    score_as_flex_judge,
    two_numbers,
    verdict_as_wildvision,
)
from critic_eval.benchmarks.records import Columns, Recorded, unchanged
from critic_eval.benchmarks.tables import read_table
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Judgment, parse_preference, parse_ranking, parse_score, parse_two_scores
from critic_eval.judging.graded_preferences import parse_graded_preference
from critic_eval.metrics import Figure, InvalidPolicy, group_figures
from critic_eval.metrics.signature import Signature

Invalid = Literal["exclude", "wrong", "official"]


@dataclass(frozen=True)
class Rescored:
    """A benchmark's figures over recorded judgments, how they came about, and what to know about the records."""

    benchmark: str
    signature: Signature
    figures: list[Figure]
    notes: list[str]

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold; NaN becomes None."""
        return {
            "benchmark": self.benchmark,
            "signature": str(self.signature),
            "figures": [
                {
                    "name": found.name,
                    "group": found.group,
                    "value": _number(found.value),
                    "low": _number(found.low),
                    "high": _number(found.high),
                    "n": found.n,
                    "invalid": sum(found.invalid.values()),
                }
                for found in self.figures
            ],
            "notes": self.notes,
        }

    def to_text(self) -> str:
        """A table for the terminal, with notes and signature below."""
        header = ("group", "figure", "value", "95 % interval", "n", "invalid")
        rows = [
            (
                found.group,
                found.name,
                f"{found.value:.3f}",
                f"{found.low:.3f} to {found.high:.3f}",
                str(found.n),
                str(sum(found.invalid.values())),
            )
            for found in self.figures
        ]
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*(line.rstrip() for line in lines), "", *self.notes, str(self.signature)])


def rescore(
    benchmark: str,
    files: Sequence[str | Path],
    invalid: Invalid = "exclude",
    expected: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    strict: bool = False,
) -> Rescored:
    """Apply a benchmark's parser and metrics to recorded judgments.

    Args:
        benchmark: A name of `recorded_names()`; `critic_` may be left out.
        files: Tables (see `read_table`). Where there are several of a benchmark without groups, each is a group.
        invalid: What becomes of invalid verdicts: left out, wrong, or what the benchmark's own code makes of them.
        expected: Take scores expected from log-probabilities.
        resamples: Bootstrap resamples; 0 for no intervals.
        seed: Seed of the bootstrap.
        strict: Raise for a malformed line or record, which is else left out and named.

    Raises:
        ArgumentError: An unknown benchmark or policy, or a policy that none of its figures can follow.
        DataError: A file can't be read, or holds no record that can be used.
    """
    recorded = find_recorded(benchmark)
    if invalid not in ("exclude", "wrong", "official"):
        raise ArgumentError(f"Invalid verdicts are counted by 'exclude', 'wrong' or 'official', not {invalid!r}.")
    if resamples < 0 or seed < 0:
        raise ArgumentError("The number of resamples and the seed are 0 or more.")
    judgments, notes = _read(recorded, files, expected, invalid == "official", strict)
    policy: InvalidPolicy = recorded.official_policy if invalid == "official" else invalid
    figures: list[Figure] = []
    for name in recorded.figures:
        if expected and name in _OF_WHOLE_SCORES:
            continue
        try:
            figures += group_figures(name, judgments, policy, resamples, seed)
        except ArgumentError as error:
            if policy != "wrong":
                raise
            notes.append(f"{name} is not shown: {error}")
    if all(found.name == "invalid_rate" for found in figures):
        raise ArgumentError(f"No figure of {recorded.name} can count invalid verdicts as wrong; use exclude.")
    settings = {
        "benchmark": recorded.name,
        "protocol": recorded.protocol,
        "orders": "+".join(sorted({judgment.order for judgment in judgments})),
        "invalid": invalid,
        "scores": "expected" if expected else "read",
        "bootstrap": str(resamples),
        "seed": str(seed),
        "version": __version__,
    }
    return Rescored(recorded.name, Signature(settings), figures, notes)


def find_recorded(name: str) -> Recorded:
    """A benchmark by name. Raises ArgumentError that names near ones."""
    wanted = name if name.startswith("critic_") else f"critic_{name}"
    if wanted in _RECORDED:
        return _RECORDED[wanted]
    near = get_close_matches(wanted, _RECORDED) or recorded_names()
    raise ArgumentError(f"There is no recorded form of {name!r}; did you mean {' or '.join(near)}?")


def recorded_names() -> list[str]:
    """All names that `rescore` knows, sorted."""
    return sorted(_RECORDED)


def _read(
    recorded: Recorded, files: Sequence[str | Path], expected: bool, official: bool, strict: bool
) -> tuple[list[Judgment], list[str]]:
    judgments: list[Judgment] = []
    notes: list[str] = []
    seen: Counter[tuple[str | None, str, str]] = Counter()
    for file in files:
        table = read_table(file, strict)
        problems = list(table.problems)
        for number, row in table.rows:
            try:
                judgment = recorded.judgment(row, f"{table.name}, line {number}", expected, official)
            except DataError as error:
                if strict:
                    raise
                problems.append(str(error))
                continue
            judgments.append(judgment)
            seen[judgment.group, judgment.item_id, judgment.order] += 1
        notes += _summary(problems)
    if not judgments:
        raise DataError(f"No record can be used. {notes[0] if notes else ''}")
    repeated = [item for (_, item, _), times in seen.items() if times > 1]
    if repeated:
        notes.append(f"{len(repeated)} items are judged more than once in the same order, such as {repeated[0]}")
    alone = [judgment.item_id for judgment in judgments if judgment.group is None]
    if alone and len(alone) < len(judgments):
        listed = ", ".join(alone[:_SHOWN]) + (", ..." if len(alone) > _SHOWN else "")
        notes.append(f"{len(alone)} of {len(judgments)} records name no group and count only as pooled: item {listed}")
    more = [
        judgment.item_id
        for judgment in judgments
        if judgment.raw
        and not recorded.official_reads(judgment.raw)
        and recorded.parse(judgment.raw, len(judgment.order)).verdict.is_valid
    ]
    if more:
        listed = ", ".join(more[:_SHOWN]) + (", ..." if len(more) > _SHOWN else "")
        notes.append(
            f"{len(more)} of {len(judgments)} answers are read here, but not by the official rule: item {listed}"
        )
    return judgments, notes


def _summary(problems: Sequence[str]) -> list[str]:
    shown = [f"left out: {problem}" for problem in problems[:_SHOWN]]
    return shown if len(problems) <= _SHOWN else [*shown, f"left out: {len(problems) - _SHOWN} more records"]


def _number(value: float) -> float | None:
    return None if value != value else value


_SHOWN = 5
_OF_WHOLE_SCORES = ("score_accuracy", "quadratic_kappa")

_MLLM_JUDGE = Columns(
    item_id=("score_id", "pair_id", "item_id", "id"),
    group=("original_dataset", "group"),
    label=("human", "human_answer", "label"),
    verdict=("judge", "verdict"),
    logprobs={float(score): f"logprob_{score}" for score in range(1, 6)},
)

_ALL = (
    Recorded(
        name="critic_mllm_judge_score",
        kind="score",
        n_responses=1,
        parse=partial(parse_score, position="last", scale=(1.0, 5.0)),
        protocol="mllm_judge_score",
        figures=("pearson", "spearman", "kendall", "concordance", "quadratic_kappa", "score_accuracy", "invalid_rate"),
        columns=_MLLM_JUDGE,
        official=score_as_flex_judge,
        source="flex-judge, test/evaluate.py, mllm_judge_eval; the benchmark's own repository has no metric code",
    ),
    Recorded(
        name="critic_mllm_judge_pair",
        kind="preference",
        n_responses=2,
        parse=partial(parse_preference, position="last"),
        protocol="mllm_judge_pair",
        figures=("accuracy_with_tie", "accuracy_without_tie", "macro_f1", "cohen_kappa", "invalid_rate"),
        columns=_MLLM_JUDGE,
        official=pair_as_flex_judge,
        source="flex-judge, test/evaluate.py, mllm_judge_eval",
    ),
    Recorded(
        name="critic_mllm_judge_batch",
        kind="ranking",
        n_responses=4,
        parse=partial(parse_ranking, position="last"),
        protocol="mllm_judge_batch",
        figures=("levenshtein", "kendall_distance", "invalid_rate"),
        columns=_MLLM_JUDGE,
        official=unchanged,
        official_policy="wrong",
        source="flex-judge, test/evaluate.py, mllm_judge_eval: an unreadable ranking is at distance 1",
    ),
    Recorded(
        name="critic_wildvision_bench",
        kind="preference",
        n_responses=2,
        parse=parse_graded_preference,
        protocol="wildvision_bench",
        figures=("score", "win_rate", "reward", "invalid_rate"),
        columns=Columns(
            item_id=("question_id", "item_id", "id"),
            group=("model", "group"),
            verdict=("verdict",),
            text=("judgement", "judgment", "text", "raw"),
        ),
        official=verdict_as_wildvision,
        official_policy="wrong",
        source="WildVision-Bench, show_results.py, and its recorded labels",
    ),
    Recorded(
        name="critic_llava_bench",
        kind="score",
        n_responses=2,
        parse=parse_two_scores,
        protocol="llava_bench",
        figures=("relative_score", "mean_score_1", "mean_score_2", "invalid_rate"),
        columns=Columns(
            item_id=("question_id", "review_id", "item_id", "id"),
            group=("category", "group"),
            text=("text", "content", "raw"),
        ),
        official=review_as_llava,
        official_reads=lambda review: two_numbers(review) is not None,
        source="LLaVA, eval_gpt_review.py parse_score and summarize_gpt_review.py",
    ),
)
_RECORDED = {recorded.name: recorded for recorded in _ALL}
