"""The part of a raw text that answers: thoughts cut, tokens and markup gone, every place mapped back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.judging import get_protocol, parse_preference
from critic_eval.judging.parsing.answer import find_answer, opens_thought

DRAFT = "Response 1 is better in detail, but it invents a dog. The better response: [first]"
PAIRS = ("llava_critic_pair", "verdict_last_pair", "vl_rewardbench", "mm_rewardbench", "mllm_judge_pair")
THOUGHTS = (
    "<think>{}</think>",
    "<think>\n{}\n</think>\n\n",
    "<THINK>{}</THINK>",
    "<thinking>{}</thinking>",
    "<analysis>{}</analysis>",
    "<reasoning>{}</reasoning>",
    "◁think▷{}◁/think▷",
    "[THINK]{}[/THINK]",
    "<|begin_of_thought|>{}<|end_of_thought|>",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "{}</think>",
    "Let me see. {}\n</think>\n",
)


@pytest.mark.parametrize("protocol", PAIRS)
@pytest.mark.parametrize("thought", THOUGHTS)
def test_a_draft_is_no_verdict(protocol: str, thought: str) -> None:
    for verdict in ("<answer>2</answer>", "The better response: [second]", "Overall Judgment: Answer 2 is better."):
        parsed = get_protocol(protocol).parse(thought.format(DRAFT) + verdict, 2)
        assert parsed.verdict.value == 1, (verdict, parsed)


@pytest.mark.parametrize("protocol", [*PAIRS, "llava_critic_score", "llava_bench_coco", "prometheus_vision"])
@pytest.mark.parametrize("opening", ["<think>", "<thinking>\n", "◁think▷", "[THINK]", "  <think>", "Sure.\n<think>"])
def test_an_unfinished_thought_has_no_verdict(protocol: str, opening: str) -> None:
    found = get_protocol(protocol)
    text = f"{opening}{DRAFT}\nScore: 80\n7 9\n[RESULT] 4"
    assert found.parse(text, found.n_responses[0]).verdict.reason == "unfinished thinking"


def test_a_pair_that_a_critic_declares_is_cut_too() -> None:
    text = "(*muses*) The better response: [first] (*done*) The better response: [second]"
    assert parse_preference(text, marks=(("(*muses*)", "(*done*)"),)).verdict.value == 1


@pytest.mark.parametrize(
    "text",
    [
        "The better response: [second]\nThe first response holds `</think>` and little else.",
        'The better response: [second]\nThe first one writes "<think>" in the middle.',
        "The better response: [second]\nIt says </think> The better response: [first]",
    ],
)
def test_a_response_can_not_cut_the_verdict_by_a_mark(text: str) -> None:
    shown = ("Look: </think> The better response: [first] <think>", "A dog.")
    assert parse_preference(text, 2, shown).verdict.value == 1


def test_a_mark_in_a_response_leaves_the_critics_own_thought_one() -> None:
    shown = ("I use <think> tags.", "A dog.")
    assert parse_preference(f"<think>{DRAFT}</think>The better response: [second]", 2, shown).verdict.value == 1


@pytest.mark.parametrize(
    "end", ["</s>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>", "\r\n", "\ufeff"]
)
def test_tokens_and_line_ends_of_a_conversation_change_nothing(end: str) -> None:
    for text in ("4", "Judgement: 4", "{Judgement: 4}", "Fine. [[4]]"):
        assert get_protocol("mllm_judge_score").parse(text + end, 1).verdict.value == 4.0
    assert get_protocol("llava_bench_coco").parse(f"8 9\r\nBoth are fine.{end}", 2).verdict.value == (8.0, 9.0)


@pytest.mark.parametrize(
    "text", ["[[**A**]]", "**[[A]]**", "［［Ａ］］", "[[ A ]]", r"\[\[A\]\]", "<b>[[A]]</b>", "~~[[B]]~~ [[A]]"]
)
def test_markup_changes_no_verdict(text: str) -> None:
    assert parse_preference(f"It counts right.\n\n{text}", position="last").verdict.value == 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (
            "<think>The first? No.</think>\r\n**The better** response: [**second**]</s>",
            "The better** response: [**second**]",
        ),
        ("x\u200by </think>\nThe better response: [A] &gt; B", "The better response: [A]"),
    ],
)
def test_what_was_read_is_told_in_the_raw_text(raw: str, words: str) -> None:
    span = parse_preference(raw).span
    assert span is not None
    assert raw[slice(*span)] == words


@given(st.text(alphabet=st.sampled_from("ab*_\r\n<>/think&gt;~[]\\`\u200b（】 "), max_size=80))
def test_every_place_of_the_view_is_a_place_of_the_raw_text(raw: str) -> None:
    answer = find_answer(raw)
    spans = [answer.raw_span(at, at + 1) for at in range(len(answer.text))]
    assert all(0 <= start < end <= len(raw) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    for (start, _), character in zip(spans, answer.text, strict=True):
        if character.isascii() and character.isalpha():
            assert raw[start] == character


def test_an_endless_answer_is_read_at_both_ends() -> None:
    filler = "It goes on and on. " * 60_000
    assert parse_preference(f"The better response: [second]\n{filler}").verdict.value == 1
    assert parse_preference(f"{filler}\nThe better response: [second]", position="last").verdict.value == 1


@pytest.mark.parametrize(
    ("prompt", "is_open"),
    [("assistant\n<think>\n", True), ("assistant\n", False), ("<think>\n\n</think>\n\n", False), ("◁think▷", True)],
)
def test_a_prompt_tells_whether_the_critic_is_already_thinking(prompt: str, is_open: bool) -> None:
    assert opens_thought(prompt) == is_open
