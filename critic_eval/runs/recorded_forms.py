"""The recorded form of each benchmark: its columns, its protocol, its figures and its official rule."""

from difflib import get_close_matches

from critic_eval.benchmarks.official import (
    answer_as_vl_rewardbench,
    letters_as_mm_rewardbench,
    pair_as_flex_judge,
    review_as_llava,
    score_as_flex_judge,
    two_numbers,
    verdict_as_wildvision,
)
from critic_eval.errors import ArgumentError
from critic_eval.runs.recorded import Columns, Recorded, unchanged


def find_recorded(name: str) -> Recorded:
    """A benchmark by the name of its task or a variant of it. Raises ArgumentError that names near ones."""
    wanted = name if name.startswith("critic_") else f"critic_{name}"
    wanted = "critic_llava_bench" if wanted.startswith("critic_llava_bench_") else wanted
    wanted = next((wanted.removesuffix(ending) for ending in _VARIANTS if wanted.endswith(ending)), wanted)
    if wanted in _RECORDED:
        return _RECORDED[wanted]
    near = get_close_matches(wanted, _RECORDED) or recorded_names()
    raise ArgumentError(f"There is no recorded form of {name!r}; did you mean {' or '.join(near)}?")


def recorded_names() -> list[str]:
    """All names that `rescore` knows, sorted."""
    return sorted(_RECORDED)


_MLLM_JUDGE = Columns(
    item_id=("score_id", "pair_id", "item_id", "id"),
    group=("original_dataset", "group"),
    label=("human", "human_answer", "label"),
    verdict=("judge", "result.judge", "verdict"),
    own=("score_id", "pair_id", "original_dataset", "instruction", "image_path", "answers"),
    logprobs={float(score): f"logprob_{score}" for score in range(1, 6)},
)

_VARIANTS = ("_official", "_trained", "_verdict_last", "_injected")
_TEXT = Columns().text
_ASKED = ("question", "instruction", "prompt", "query", "image", "image_path")
"""Columns of items, beside which an `answer` may be what was judged."""
_SCORE_FIGURES = ("pearson", "spearman", "kendall", "concordance", "invalid_rate")
_PAIR_FIGURES = (
    "accuracy_with_tie",
    "accuracy_without_tie",
    "macro_f1",
    "model_kendall",
    "order_consistency",
    "first_position_rate",
    "invalid_rate",
)

_ALL = (
    Recorded(
        name="critic_mllm_judge_score",
        kind="score",
        n_responses=1,
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
        protocol="wildvision_bench",
        figures=("score", "win_rate", "reward", "invalid_rate"),
        columns=Columns(
            item_id=("question_id", "item_id", "id"),
            group=("model", "group"),
            verdict=("verdict",),  # its `judge` is the judge's name
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
        protocol="llava_bench_wild",
        figures=("relative_score", "mean_score_1", "mean_score_2", "pearson", "invalid_rate"),
        columns=Columns(
            item_id=("question_id", "review_id", "item_id", "id"),
            group=("category", "group"),
            text=("text", "content", "raw"),
        ),
        official=review_as_llava,
        official_reads=lambda review: two_numbers(review) is not None,
        source="LLaVA, eval_gpt_review.py parse_score and summarize_gpt_review.py",
    ),
    Recorded(
        name="critic_vl_rewardbench",
        kind="preference",
        n_responses=2,
        protocol="vl_rewardbench",
        figures=("accuracy_with_tie", "majority_accuracy", "order_consistency", "first_position_rate", "invalid_rate"),
        columns=Columns(own=_ASKED),
        official=answer_as_vl_rewardbench,
        source="VL_RewardBench, cal.py",
    ),
    Recorded(
        name="critic_mm_rewardbench",
        kind="preference",
        n_responses=2,
        protocol="mm_rewardbench",
        figures=("accuracy_with_tie", "order_consistency", "first_position_rate", "invalid_rate"),
        columns=Columns(
            item_id=("ID", "item_id", "id"),
            group=("Category", "Meta.Category", "group"),
            label=("Better", "Label", "label"),
            text=("output", *_TEXT),
            own=("Text", "Image", "Output1", "Output2"),
        ),
        official=letters_as_mm_rewardbench,
        official_by_item=True,
        source="multimodal_rewardbench, scripts/2_get_accuracy.py",
    ),
    Recorded(
        name="critic_mm_rlhf_rewardbench",
        kind="preference",
        n_responses=2,
        protocol="llava_critic_pair",
        figures=("accuracy_with_tie", "cluster_accuracy", "order_consistency", "first_position_rate", "invalid_rate"),
        columns=Columns(own=_ASKED),
        official=unchanged,
        official_policy="wrong",
        source="MM-RLHF, cal_performance_mmreweard_bench.py: a tie is wrong",
    ),
    Recorded(
        name="critic_perception_bench",
        kind="score",
        n_responses=1,
        protocol="prometheus_vision",
        figures=_SCORE_FIGURES,
        columns=Columns(own=_ASKED),
        official=unchanged,
        source="none: the official repository has neither a parser nor metrics",
    ),
    *(
        Recorded(
            name=f"critic_{name}",
            kind="preference",
            n_responses=2,
            protocol="given_pair" if name == "113k_pair" else "llava_critic_pair",
            figures=_PAIR_FIGURES,
            columns=Columns(label=("winner", "label"), own=_ASKED),
            official=unchanged,
        )
        for name in ("wildvision_arena", "vlfeedback_pair", "pairs", "digits_pair", "113k_pair")
    ),
    *(
        Recorded(
            name=f"critic_{name}",
            kind="score",
            n_responses=1,
            protocol=protocol,
            figures=_SCORE_FIGURES,
            columns=Columns(own=_ASKED),
            official=unchanged,
        )
        for name, protocol in (
            ("vlfeedback_score", "aspect_score"),
            ("scores", "llava_critic_score"),
            ("digits_score", "llava_critic_score"),
            ("113k_score", "given_final_score"),
        )
    ),
    *(
        Recorded(
            name=f"critic_{name}",
            kind="ranking",
            n_responses=4,
            protocol="llava_critic_rank",
            figures=("levenshtein", "kendall_distance", "invalid_rate"),
            columns=Columns(own=_ASKED),
            official=unchanged,
        )
        for name in ("ranks", "digits_rank")
    ),
)
_RECORDED = {recorded.name: recorded for recorded in _ALL}
