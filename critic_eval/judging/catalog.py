"""All protocols, by name: trained prompts of critics, prompts of benchmarks, and our own.

Trained prompts and benchmarks' prompts are input formats and kept to the letter, in `prompts/` or here; each says
where it comes from.
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from importlib.resources import files

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import MAX_RESPONSES
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.graded_preference import parse_graded_preference
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.preference import parse_preference
from critic_eval.judging.parsing.ranking import parse_ranking
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.judging.parsing.score import parse_score, parse_two_scores
from critic_eval.judging.parsing.sections import parse_judgement, parse_result
from critic_eval.judging.protocols import Parser, Protocol
from critic_eval.judging.verdicts import LabelKind, Verdict


def get_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises ArgumentError that names near ones.

    >>> get_protocol("llava_critic_pair").kind
    'preference'
    """
    if name not in _PROTOCOLS:
        near = get_close_matches(name, _PROTOCOLS) or protocol_names()
        raise ArgumentError(f"There is no protocol {name!r}; did you mean {' or '.join(near)}?")
    return _PROTOCOLS[name]


def protocol_names() -> list[str]:
    """All names that `get_protocol` knows, sorted."""
    return sorted(_PROTOCOLS)


REASON_FIRST = "Explain first, then judge.\n"
"""Put before a trained prompt to ask for the reason before the verdict, and nothing else differently."""

_PREAMBLE = (
    "Given an image and a corresponding question, please serve as an unbiased and fair judge to evaluate the quality "
    "of the answers provided by a Large Multimodal Model (LMM). "
)
_TASK = " and explain your reasoning with specific details. Your task is provided as follows:\nQuestion: [{question}]\n"
_OURS = "critic-eval's own wording"
_MLLM_JUDGE = "Dongping-Chen/MLLM-Judge, scripts/prompt.py (No COT) and construct_input of scripts/api_benchmark.py"
_CARD = "https://huggingface.co/lmms-lab/llava-critic-7b (model card)"


def _prompt(name: str) -> str:
    return files("critic_eval.judging").joinpath("prompts").joinpath(f"{name}.txt").read_text(encoding="utf-8")


def _second_score(text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()) -> Parsed:
    """The second of two scores: the first is the reference's."""
    parsed = parse_two_scores(text, 2, responses, marks=marks)
    value = parsed.verdict.value
    return replace(parsed, verdict=Verdict.score(value[1])) if isinstance(value, tuple) else parsed


def _advantage_of_second(
    text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()
) -> Parsed:
    """A five-way preference as a score from -2 (the first is much better) to 2 (the second is)."""
    parsed = parse_graded_preference(text, 2, responses, marks=marks)
    verdict = parsed.verdict
    if not verdict.is_valid:
        return parsed
    sign = {None: 0, 0: -1, 1: 1}[verdict.value]  # type: ignore[index]  # a preference's value
    return replace(parsed, verdict=Verdict.score(sign * verdict.strength))


def _final_score(text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()) -> Parsed:
    return parse_score(text, 1, responses, "last", (0.0, 100.0), marks)


_GIVEN: tuple[tuple[str, LabelKind, Parser, tuple[float, float] | None, VerdictPosition], ...] = (
    ("given_pair", "preference", parse_preference, None, "first"),
    ("given_two_scores", "score", _second_score, (1.0, 10.0), "first"),
    ("given_five_way", "score", _advantage_of_second, (-2.0, 2.0), "last"),
    ("given_final_score", "score", _final_score, (0.0, 100.0), "last"),
)

_ALL = (
    Protocol(
        name="llava_critic_pair",
        kind="preference",
        template=_PREAMBLE
        + "Determine which answer is better"
        + _TASK
        + "The first response: [{a}]\nThe second response: [{b}]\nASSISTANT:\n",
        parser=parse_preference,
        source=_CARD,
        n_responses=(2, 2),
    ),
    Protocol(
        name="llava_critic_score",
        kind="score",
        # The card's prompt ends in a space, which a critic may have been trained on.
        template=_PREAMBLE + "Score the response out of 100" + _TASK + "The LMM response: [{a}]\nASSISTANT:\n ",
        parser=partial(parse_score, scale=(0.0, 100.0)),
        source=_CARD,
        n_responses=(1, 1),
        scale=(0.0, 100.0),
    ),
    Protocol(
        name="llava_critic_rank",
        kind="ranking",
        template=_PREAMBLE + "Rank the answers from best to worst" + _TASK + "{responses}ASSISTANT:\n",
        response_template="Response {letter}: [{text}]\n",
        parser=parse_ranking,
        source="critic-eval's own wording in the style of " + _CARD + ", which has no prompt for rankings",
        n_responses=(2, MAX_RESPONSES),
    ),
    Protocol(
        name="verdict_last_pair",
        kind="preference",
        template=_prompt("verdict_last_pair"),
        parser=partial(parse_preference, position="last"),
        source=_OURS,
        n_responses=(2, 2),
        verdict_position="last",
    ),
    Protocol(
        name="verdict_last_score",
        kind="score",
        template=_prompt("verdict_last_score"),
        parser=partial(parse_score, position="last", scale=(0.0, 100.0)),
        source=_OURS,
        n_responses=(1, 1),
        scale=(0.0, 100.0),
        verdict_position="last",
    ),
    Protocol(
        name="verdict_last_rank",
        kind="ranking",
        template=_prompt("verdict_last_rank"),
        response_template="Response {letter}: [{text}]\n",
        parser=partial(parse_ranking, position="last"),
        source=_OURS,
        n_responses=(2, MAX_RESPONSES),
        verdict_position="last",
    ),
    Protocol(
        name="aspect_score",
        kind="score",
        template=_prompt("aspect_score"),
        parser=partial(parse_score, scale=(1.0, 5.0)),
        source=_OURS + "; VLFeedback's own template rates four responses at once",
        n_responses=(1, 1),
        scale=(1.0, 5.0),
    ),
    Protocol(
        name="mllm_judge_score",
        kind="score",
        template=_prompt("mllm_judge_score"),
        parser=partial(parse_judgement, kind="score"),
        source=_MLLM_JUDGE,
        n_responses=(1, 1),
        scale=(1.0, 5.0),
        verdict_position="last",
    ),
    Protocol(
        name="mllm_judge_pair",
        kind="preference",
        template=_prompt("mllm_judge_pair"),
        parser=partial(parse_judgement, kind="preference"),
        source=_MLLM_JUDGE,
        n_responses=(2, 2),
        verdict_position="last",
    ),
    Protocol(
        name="mllm_judge_batch",
        kind="ranking",
        template=_prompt("mllm_judge_batch"),
        response_template=(
            "[The Start of Assistant {letter}’s Answer]\n{text}\n[The End of Assistant {letter}’s Answer]\n"
        ),
        parser=partial(parse_judgement, kind="ranking"),
        source=_MLLM_JUDGE,
        n_responses=(2, MAX_RESPONSES),
        verdict_position="last",
    ),
    Protocol(
        name="vl_rewardbench",
        kind="preference",
        template=_prompt("vl_rewardbench"),
        parser=partial(parse_preference, position="last"),
        source="MMInstruction/VL_RewardBench, prompt.py, as lmms-eval's task vl_rewardbench has it",
        n_responses=(2, 2),
        verdict_position="last",
        max_new_tokens=2048,
    ),
    Protocol(
        name="mm_rewardbench",
        kind="preference",
        template=_prompt("mm_rewardbench"),
        parser=partial(parse_preference, position="last"),
        source="facebookresearch/multimodal_rewardbench, scripts/1_run_model_as_judge_gpt4o.py",
        n_responses=(2, 2),
        verdict_position="last",
        max_new_tokens=1024,
    ),
    Protocol(
        name="wildvision_bench",
        kind="preference",
        template=_prompt("wildvision_bench"),
        parser=parse_graded_preference,
        source="WildVision-AI/WildVision-Bench, config/judge_config.yaml: its system prompt, then its user prompt",
        n_responses=(2, 2),
        verdict_position="last",
    ),
    Protocol(
        name="prometheus_vision",
        kind="score",
        template=_prompt("prometheus_vision"),
        parser=parse_result,
        source="prometheus-eval/prometheus-vision, README and sample_eval_data.jsonl",
        n_responses=(1, 1),
        scale=(1.0, 5.0),
        verdict_position="last",
        max_new_tokens=1024,
    ),
    *(
        Protocol(
            name=name,
            kind="score",
            template=_prompt(name),
            parser=parse_two_scores,
            source=source,
            n_responses=(2, 2),
            scale=(1.0, 10.0),
            max_new_tokens=1024,
        )
        for name, source in (
            ("llava_bench_coco", "haotian-liu/LLaVA, eval_gpt_review_visual.py and rule.json (conv, detail, complex)"),
            ("llava_bench_wild", "haotian-liu/LLaVA, eval_gpt_review_bench.py and rule.json (llava_bench_*)"),
            ("llava_wilder", "lmms-eval, tasks/llava_wilder/utils.py; LLaVA-Critic was trained on this wording"),
        )
    ),
    *(
        Protocol(
            name=name,
            kind=kind,
            template="{question}",
            parser=parser,
            source="the prompt that a row of LLaVA-Critic-113k holds",
            n_responses=(2, 2) if kind == "preference" else (1, 2),
            scale=scale,
            verdict_position=position,
        )
        for name, kind, parser, scale, position in _GIVEN
    ),
)
_LAST: tuple[Parser, ...] = (
    partial(parse_preference, position="last"),
    partial(parse_score, position="last", scale=(0.0, 100.0)),
    partial(parse_ranking, position="last"),
)
_REASON_FIRST = tuple(
    replace(
        trained,
        name=trained.name.replace("llava_critic", "reason_first"),
        template=REASON_FIRST + trained.template,
        parser=parser,
        source=f"{_OURS} before the trained prompt: {trained.source}",
        verdict_position="last",
    )
    for trained, parser in zip(_ALL[:3], _LAST, strict=True)
)
_PROTOCOLS = {protocol.name: protocol for protocol in (*_ALL, *_REASON_FIRST)}
