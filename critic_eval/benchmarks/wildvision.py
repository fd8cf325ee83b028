"""WildVision (arXiv 2406.11069): people's votes in its arena, and its bench of models against a baseline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, LeftOut, UnusableError, case_of, responses_of, text_of
from critic_eval.benchmarks.loading.sources import Source
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Label
from critic_eval.judging.parsing.graded_preference import parse_graded_preference
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.lmms.variants import with_variants

ARENA = Source("wildvision_arena", "*.parquet", hub="WildVision/wildvision-battle", split="train")
BENCH = Source(
    "wildvision_bench",
    "*.parquet",
    hub="WildVision/wildvision-arena-data",
    config="release_bench_0617_with_modelresponse",
)

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


def read_battle(row: Row) -> Iterator[Case]:
    """One battle: what two models answered to a person, who named a winner. Both kinds of tie are ties."""
    if row["winner"] not in _WINNERS:
        raise UnusableError("winner is none of model_a, model_b and tie")
    asked, first = _last_turn(row["conversation_a"])
    asked_too, second = _last_turn(row["conversation_b"])
    if asked != asked_too:
        raise UnusableError("the two conversations ask different questions")
    responses = responses_of([first, second], [row["model_a"], row["model_b"]])
    item = Item(str(row["question_id"]), asked, responses, ARENA.images(row))
    yield Case(item, Label.preference(_WINNERS[row["winner"]]))


def read_bench(row: Row) -> Iterator[Case | LeftOut]:
    """A case for each model that a row holds a response of, as assistant B against the baseline as A.

    A column `gpt4o_labels`, from model to recorded label ("A>>B"), gives the labels where it is there.
    """
    name = str(row["question_id"])
    labels = row.get("gpt4o_labels") or {}
    for model in MODELS:
        if row.get(model) is None:
            continue
        yield case_of(partial(_bench_case, row, name, model, labels.get(model)))


def _bench_case(row: Row, name: str, model: str, recorded: Any) -> Case:
    label = parse_graded_preference(f"[[{recorded}]]").verdict
    item = Item(
        f"{name}-{model}",
        text_of(row, "instruction"),
        responses_of([row[BASELINE], row[model]], [BASELINE, model]),
        BENCH.images(row),
        group=model,
        cluster=name,
    )
    return Case(item, Label.preference(label.value) if label.is_valid else None)  # type: ignore[arg-type]


def _last_turn(conversation: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """What the person said, all turns of it, and the model's last answer."""
    asked = [turn["content"] for turn in conversation if turn["role"] == "user"]
    answers = [turn["content"] for turn in conversation if turn["role"] != "user"]
    if not asked or not answers:
        raise UnusableError("a conversation lacks a question or an answer")
    return "\n".join(asked), answers[-1]


_WINNERS = {"model_a": 0, "model_b": 1, "tie": None, "tie (bothbad)": None}

_BATTLES = JudgeTask(
    "llava_critic_pair",
    ("question_id", "model_a", "model_b", "conversation_a", "conversation_b", "winner"),
    read_battle,
    (
        "accuracy_with_tie",
        "accuracy_without_tie",
        "model_kendall",
        "order_consistency",
        "invalid_rate",
        "left_out",
    ),
    image_columns=("image",),
    source=ARENA,
)
_BENCH = JudgeTask(
    "wildvision_bench",
    ("question_id", "instruction", BASELINE),
    read_bench,
    ("score", "win_rate", "reward", "accuracy_with_tie", "cohen_kappa", "invalid_rate", "left_out"),
    order_policy="single",
    image_columns=("image",),
    source=BENCH,
)

ARENA_TASKS = with_variants("battles", _BATTLES)
BENCH_TASKS = {"all": _BENCH, "all_official": replace(_BENCH, invalid_policy="wrong")}
