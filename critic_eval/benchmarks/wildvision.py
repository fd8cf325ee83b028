"""WildVision (arXiv 2406.11069): people's votes in its arena, and its bench of models against a baseline."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, LeftOut, UnusableError, case_of, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Invalid, Item, Judgment, Preference, to_canonical
from critic_eval.judging.parsing.graded_preference import parse_graded_preference

BASELINE = "claude-3-sonnet-20240229"
MODELS = (
    "BAAI/Bunny-v1_0-3B",
    "Qwen/Qwen-VL-Chat",
    "Reka-Flash",
    "THUDM/cogvlm-chat-hf",
    "aria",
    "bczhou/tiny-llava-v1-hf",
    "claude-3-haiku-20240307",
    "claude-3-opus-20240229",
    "deepseek-ai/deepseek-vl-7b-chat",
    "gemini-pro-vision",
    "gpt-4-turbo-2024-04-09",
    "gpt-4-vision-preview",
    "gpt-4o",
    "idefics2-8b-chatty",
    "liuhaotian/llava-v1.5-13b",
    "liuhaotian/llava-v1.6-34b",
    "liuhaotian/llava-v1.6-vicuna-13b",
    "liuhaotian/llava-v1.6-vicuna-7b",
    "llava-1.5-7b-hf",
    "openbmb/MiniCPM-V",
    "unum-cloud/uform-gen2-qwen-500m",
    "yi-vl-plus",
)
"""Models that the bench has responses of, beside its baseline."""


def read_battle(row: Row, source: HubData) -> Iterator[Case]:
    """One battle: what two models answered to a person, who named a winner. Both kinds of tie are ties."""
    if row["winner"] not in _WINNERS:
        raise UnusableError("winner is none of model_a, model_b and tie")
    asked, first = _last_turn(row["conversation_a"])
    asked_too, second = _last_turn(row["conversation_b"])
    if asked != asked_too:
        raise UnusableError("the two conversations ask different questions")
    responses = responses_of([first, second], [row["model_a"], row["model_b"]])
    item = Item(str(row["question_id"]), asked, responses, source.images(row))
    yield Case(item, Preference(_WINNERS[row["winner"]]))


def read_bench(row: Row, source: HubData) -> Iterator[Case | LeftOut]:
    """A case for each model that a row holds a response of, as assistant B against the baseline as A.

    A column `gpt4o_labels`, from model to recorded label ("A>>B"), gives the labels where it is there.
    """
    name = str(row["question_id"])
    labels = row.get("gpt4o_labels") or {}
    for model in MODELS:
        if row.get(model) is None:
            continue
        yield case_of(partial(_bench_case, row, source, name, model, labels.get(model)))


def verdict_as_published(judgment: Judgment, row: Row) -> Judgment:
    """The one label that an answer has; of two different ones, or of none, what the judging code recorded for it.

    That stands under `score`: a tie for an API error, or nothing. What it recorded nothing for has no weight in the
    score, and is a battle that nobody wins in the other figures. Source: WildVision-Bench, get_score of its judge code.
    """
    if not judgment.raw and judgment.verdict.is_valid:
        return judgment
    labels = set(_LABEL.findall(judgment.raw)) - {""}
    label = next(iter(labels)) if len(labels) == 1 else row.get("score")
    if label not in _FIVE_WAY:
        return replace(judgment, verdict=Invalid(_two_labels(labels) or judgment.verdict.reason or _NO_LABEL))
    better, strength = _FIVE_WAY[label]
    return replace(judgment, verdict=to_canonical(Preference(better, strength), judgment.order))


def _bench_case(row: Row, source: HubData, name: str, model: str, recorded: Any) -> Case:
    label = parse_graded_preference(f"[[{recorded}]]").verdict
    item = Item(
        f"{name}-{model}",
        text_of(row, "instruction"),
        responses_of([row[BASELINE], row[model]], [BASELINE, model]),
        source.images(row),
        group=model,
        cluster=name,
    )
    return Case(item, Preference(label.value) if label.is_valid else None)  # type: ignore[arg-type]


def _two_labels(labels: set[str]) -> str:
    return f"{len(labels)} different labels" if len(labels) > 1 else ""


def _last_turn(conversation: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """What the person said, all turns of it, and the model's last answer."""
    asked = [turn["content"] for turn in conversation if turn["role"] == "user"]
    answers = [turn["content"] for turn in conversation if turn["role"] != "user"]
    if not asked or not answers:
        raise UnusableError("a conversation lacks a question or an answer")
    return "\n".join(asked), answers[-1]


_WINNERS = {"model_a": 0, "model_b": 1, "tie": None, "tie (bothbad)": None}
_NO_LABEL = "no label of the official code's"
_LABEL = re.compile(r"\[\[([AB<>=]+)\]\]")
_FIVE_WAY = {"A>>B": (0, 2), "A>B": (0, 1), "A=B": (None, 1), "B>A": (1, 1), "B>>A": (1, 2)}
