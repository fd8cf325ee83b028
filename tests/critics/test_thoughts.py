"""Thoughts that the engine closes, and verdicts that it elicits, against plain forward passes."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.local.thoughts import begins_thought, count_thought
from critic_eval.critics.generation import GenerationSettings
from critic_eval.judging import Reading, elicited_form, get_protocol
from tests.conftest import task_index
from tests.critics.conftest import SETTINGS, answers, grouped, presented, texts

MARKS = (("The better", "so it is"),)
"""The embedded critic doesn't think; with these marks its answers begin with a thought that it never closes."""


@pytest.mark.parametrize("shares", [True, False])
def test_a_long_thought_is_closed_and_the_critic_goes_on(
    shares: bool, checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    tokenizer = checkpoint.encoder.tokenizer
    free = texts(answers(LocalEngine(checkpoint), grouped(pairs[:2])))
    settings = replace(SETTINGS, max_new_tokens=40, reasoning_marks=MARKS, max_thinking_tokens=4)
    closed = answers(LocalEngine(checkpoint, share_prefixes=shares), grouped(pairs[:2], settings))
    mark = tokenizer("\nso it is", add_special_tokens=False).input_ids
    for number, answer in closed.items():
        begun, _, rest = answer.text.partition("\nso it is\n\n")
        assert free[number].startswith(begun)
        assert len(tokenizer(begun, add_special_tokens=False).input_ids) == 4
        assert rest
        assert answer.thought_tokens == 4 + len(mark)
        assert answer.output_tokens > answer.thought_tokens


def test_a_thought_within_its_limit_and_an_answer_without_one_are_left_alone(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    free = texts(answers(LocalEngine(checkpoint), grouped(pairs[:2])))
    limited = replace(SETTINGS, max_thinking_tokens=4)
    assert texts(answers(LocalEngine(checkpoint), grouped(pairs[:2], limited))) == free
    roomy = replace(SETTINGS, reasoning_marks=(("The better", "["),), max_thinking_tokens=20)
    assert texts(answers(LocalEngine(checkpoint), grouped(pairs[:2], roomy))) == free


def test_tokens_of_a_thought_are_those_up_to_its_end(checkpoint: Checkpoint) -> None:
    tokenizer = checkpoint.encoder.tokenizer
    ids = [tokenizer(part, add_special_tokens=False).input_ids for part in ("<think>It is 7.</think>", " Score: 4")]
    assert count_thought(tokenizer, ids[0] + ids[1], (), False) == len(ids[0])
    assert count_thought(tokenizer, ids[1], (), False) == 0
    assert count_thought(tokenizer, ids[1], (), True) == len(ids[1])


def test_only_the_template_opens_a_thought_not_what_a_response_says(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LocalEngine(checkpoint)
    request = Request(0, [Message("user", ("Which is right? The first says <think>",))])
    (answer,) = answers(engine, [Group(GenerationSettings(8), (request,))]).values()
    assert not answer.text.startswith("<think>")
    render = checkpoint.encoder.render
    monkeypatch.setattr(checkpoint.encoder, "render", lambda conversation: f"{render(conversation)}<think>\n")
    assert begins_thought(checkpoint.encoder)
    (answer,) = answers(engine, [Group(GenerationSettings(8), (request,))]).values()
    assert answer.text.startswith("<think>\n")
    assert answer.thought_tokens == answer.output_tokens


def test_an_elicited_verdict_has_the_probabilities_of_a_plain_forward_pass(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    conversation, reading = presented(pairs[1], "AB", "reason_first_pair")
    request = Request(0, conversation, reading)
    settings = GenerationSettings(24, elicits=True)
    (answer,) = answers(LocalEngine(checkpoint), [Group(settings, (request,))]).values()
    assert not reading.verdict(answer.text).is_valid
    assert answer.stated is not None

    form, tokenizer = elicited_form(get_protocol("reason_first_pair")), checkpoint.encoder.tokenizer
    prompt = checkpoint.encoder.encode(conversation)
    inputs = {"input_ids": prompt.input_ids[None], "attention_mask": torch.ones_like(prompt.input_ids)[None]}
    with torch.inference_mode():
        said = checkpoint.model.generate(**inputs, **prompt.media, max_new_tokens=24, do_sample=False)[0].tolist()
        ends = [place for place, token in enumerate(said) if token in checkpoint.encoder.eos_token_ids]
        said = said[: next((end for end in ends if end >= len(prompt.input_ids)), len(said))]
        ids = torch.tensor([[*said, *tokenizer(f"\n\n{form.stem}", add_special_tokens=False).input_ids]])
        output = checkpoint.model(input_ids=ids, attention_mask=torch.ones_like(ids), **prompt.media)
    firsts = [tokenizer(f"{form.stem}{option}", add_special_tokens=False).input_ids for option in form.options]
    begin = len(tokenizer(form.stem, add_special_tokens=False).input_ids)
    expected = torch.softmax(output.logits[0, -1, [ids[begin] for ids in firsts]], 0)
    assert [answer.stated["shares"][option] for option in form.options] == pytest.approx(expected.tolist(), abs=1e-3)


def test_answers_without_a_verdict_are_elicited_counted_apart_and_signed() -> None:
    from lmms_eval.evaluator import simple_evaluate

    from critic_eval.runs.report import report

    arguments = "pretrained=digits,device=cpu,protocol=reason_first,when_unread=elicit"
    results = simple_evaluate(
        model="llava_critic",
        model_args=arguments,
        tasks=["critic_digits_pair"],
        limit=8,
        log_samples=True,
        task_manager=task_index(),
    )
    section = report(["critic_digits_pair"], "llava_critic", arguments)["critic_digits_pair"]
    assert section["verdicts"]["read_as"]["elicited"] >= 4
    assert section["settings"]["unread"] == "elicited"
    judged = [sample["judgment"] for sample in results["samples"]["critic_digits_pair"]]
    elicited = [judgment for judgment in judged if judgment["read_as"] == "elicited"]
    assert len(elicited) == section["verdicts"]["read_as"]["elicited"]
    assert all(judgment["draws"] and judgment["confidence_from"] == "probability" for judgment in elicited)
    assert section["verdicts"]["invalid"] == 0


def test_a_protocol_that_says_nothing_of_its_verdict_s_words_can_t_be_elicited() -> None:
    reading = Reading("llava_critic_rank", "ABC")
    with pytest.raises(Exception, match="has no closing_form, add one"):
        elicited_form(reading.used)
