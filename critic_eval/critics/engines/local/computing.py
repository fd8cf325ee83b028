"""The answers of one batch: texts, verdicts read off probabilities, and verdicts elicited where a text has none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt, PromptEncoder
from critic_eval.critics.engines.engine import Request
from critic_eval.critics.engines.local.decoding import IsComplete, decode, stop_check
from critic_eval.critics.engines.local.plain import answer_ids, answer_plainly, make_answer
from critic_eval.critics.engines.local.preprocessing import EncodedGroup
from critic_eval.critics.engines.local.rating import rate_plainly, rated
from critic_eval.critics.engines.local.sampling import Sampler, choose_likeliest
from critic_eval.critics.engines.local.stems import Grown, grow
from critic_eval.critics.engines.local.thoughts import ThoughtLimit, begins_thought
from critic_eval.critics.engines.local.verdict_tokens import FormTokens, verdict_shares
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.judging import VerdictForm, elicited_form, verdict_form
from critic_eval.judging.parsing.answer import UNFINISHED


def compute(checkpoint: Checkpoint, batch: Sequence[EncodedGroup], *, shares: bool) -> list[Answer]:
    """Answer the requests of a batch, in their order; with equal settings, since they are answered at once.

    Args:
        checkpoint: the critic.
        batch: groups of requests.
        shares: whether what prompts have in common is computed once.

    Raises:
        ArgumentError: a verdict alone is asked for that can't be had.
    """
    start = time.perf_counter()
    settings = batch[0].settings
    requests = [request for group in batch for request in group.requests]
    prompts = [prompt for group in batch for prompt in group.prompts]
    if not shares and settings.mode == "reward":
        return rate_plainly(checkpoint, prompts)
    if not shares:
        return answer_plainly(checkpoint, prompts, settings, requests[0].seed)
    grown = grow(checkpoint, batch)
    if settings.mode == "verdict":
        answers = _verdicts(checkpoint, grown, prompts, [verdict_form(request.read_as.used) for request in requests])
    elif settings.mode == "reward":
        answers = rated(checkpoint, prompts, grown.branches.extend(grown.rests)[grown.is_wanted, -1], 0.0)
    else:
        answers, ids = _texts(checkpoint, grown, prompts, settings)
        if settings.elicits:
            del grown  # its memory is needed
            answers = _with_elicited(checkpoint, batch, answers, ids)
    seconds = (time.perf_counter() - start) / len(answers)
    return [
        replace(answer, seconds=seconds, seed=request.seed if settings.is_drawn else None)
        for request, answer in zip(requests, answers, strict=True)
    ]


def _texts(
    checkpoint: Checkpoint, grown: Grown, prompts: Sequence[EncodedPrompt], settings: GenerationSettings
) -> tuple[list[Answer], list[list[int]]]:
    """Answers, and the ids that they were made of, for each request."""
    encoder = checkpoint.encoder
    is_begun = begins_thought(encoder, settings.reasoning_marks)
    checks = [_check(encoder, request, settings, is_begun) for request in grown.rows]
    seeds = [0 if request is None else request.seed for request in grown.rows]
    limit = settings.max_thinking_tokens
    ids = decode(
        grown.branches,
        grown.branches.extend(grown.rests)[:, -1],
        settings.max_new_tokens,
        encoder.eos_token_ids,
        checks,
        grown.is_wanted,
        Sampler(settings, seeds) if settings.is_drawn else choose_likeliest,
        None if limit is None else ThoughtLimit(encoder.tokenizer, settings, is_begun),
    )
    wanted = [row for row, request in enumerate(grown.rows) if request is not None]
    answers = [
        make_answer(encoder, prompt, ids[row], settings, is_begun) for prompt, row in zip(prompts, wanted, strict=True)
    ]
    return answers, [ids[row] for row in wanted]


def _check(
    encoder: PromptEncoder, request: Request | None, settings: GenerationSettings, is_begun: bool
) -> IsComplete | None:
    """Tells when a request's answer may end; a prompt that opens a thought leaves no telling where it closes."""
    if request is None:
        return None
    goes_on = settings.mode != "to_verdict" or is_begun or request.reading is None
    return stop_check(encoder.tokenizer, settings.until, None if goes_on else request.read_as.is_complete)


def _verdicts(
    checkpoint: Checkpoint, grown: Grown, prompts: Sequence[EncodedPrompt], forms: Sequence[VerdictForm]
) -> list[Answer]:
    """The distribution of each request's verdict, in its form."""
    tokens = {form: FormTokens.of(form, checkpoint.encoder.tokenizer) for form in set(forms)}
    remaining = iter(forms)
    of_row = [tokens[next(remaining)] if request else tokens[forms[0]] for request in grown.rows]
    stemmed = [
        [*rest, *(form.stem if request else ())]
        for rest, form, request in zip(grown.rests, of_row, grown.rows, strict=True)
    ]
    hidden = grown.branches.extend(stemmed)
    computed = verdict_shares(grown.branches, hidden, of_row, grown.is_wanted)
    measured = [shares for shares in computed if shares is not None]
    answers = []
    for form, prompt, shares in zip(forms, prompts, measured, strict=True):
        likeliest = max(range(len(form.options)), key=shares.shares.__getitem__)
        stated = {"shares": dict(zip(form.options, shares.shares, strict=True)), "coverage": shares.coverage}
        answers.append(Answer(form.texts()[likeliest], len(prompt.input_ids), 1, 0.0, stated))
    return answers


def _with_elicited(
    checkpoint: Checkpoint, batch: Sequence[EncodedGroup], answers: Sequence[Answer], ids: Sequence[Sequence[int]]
) -> list[Answer]:
    """The answers; to those without a verdict is added what the critic is likeliest to say in the protocol's form.

    It goes on from its own tokens, so that the form follows what it said.
    """
    completed, number = list(answers), 0
    for group in batch:
        unread: dict[int, VerdictForm] = {}
        for member, request in enumerate(group.requests):
            verdict = request.read_as.verdict(answers[number + member].text)
            if not verdict.is_valid:
                form = elicited_form(request.read_as.used)
                closing = f"\n{group.settings.closing_mark}" if verdict.reason == UNFINISHED else ""
                unread[member] = replace(form, stem=f"{closing}\n\n{form.stem}")
        if unread:
            prompts = [_continued(checkpoint, group.prompts[member], ids[number + member]) for member in unread]
            part = EncodedGroup.of(group.settings, [group.requests[member] for member in unread], prompts)
            for member, elicited in zip(
                unread, _verdicts(checkpoint, grow(checkpoint, [part]), prompts, [*unread.values()]), strict=True
            ):
                completed[number + member] = replace(completed[number + member], stated=elicited.stated)
        number += len(group.requests)
    return completed


def _continued(checkpoint: Checkpoint, prompt: EncodedPrompt, ids: Sequence[int]) -> EncodedPrompt:
    """A prompt with the answer that was given to it, which may go on."""
    encoder = checkpoint.encoder
    said = [token for token in answer_ids(encoder, ids) if token not in encoder.eos_token_ids]
    return EncodedPrompt(
        prompt.input_ids.new_tensor([*prompt.input_ids.tolist(), *said]), prompt.media, prompt.image_tokens
    )
