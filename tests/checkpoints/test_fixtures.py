"""Oracle: tokens, logits and greedy answers that LLaVA-NeXT's and LLaVA's own code computed (../shared/fixtures)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from critic_eval.critics.checkpoints import Checkpoint, convert_checkpoint, load_checkpoint
from critic_eval.critics.conversations import Conversation, Message

from .conftest import judge

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
NAMES = ("llava_qwen_tiny", "llava_llama_tiny")
TOLERANCE = 2e-3

pytestmark = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason="the reference fixtures (../shared/fixtures) are not on this machine"
)


def read_cases() -> list[Any]:
    if not FIXTURES.is_dir():
        return []
    return [
        pytest.param(name, case, id=f"{name}-{case['image']}")
        for name in NAMES
        for case in json.loads((FIXTURES / name / "expected.json").read_text())["cases"]
    ]


each_case = pytest.mark.parametrize(("name", "case"), read_cases())


@cache
def original(name: str) -> Checkpoint:
    return load_checkpoint(FIXTURES / name / "checkpoint", vision_config=FIXTURES / name / "vision_config.json")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name in NAMES:
        folders[name] = tmp_path_factory.mktemp("converted") / name
        source = FIXTURES / name
        convert_checkpoint(source / "checkpoint", folders[name], vision_config=source / "vision_config.json")
    return folders


def picture(name: str, case: dict[str, Any]) -> Image.Image:
    return Image.open(FIXTURES / name / case["image"])


def conversation(name: str, case: dict[str, Any]) -> Conversation:
    return judge(case["prompt"], picture(name, case))


def collapsed(ids: list[int], image_token_id: int) -> list[int]:
    """Token ids with each run of image tokens as the one -200 that LLaVA's code has there."""
    kept = [
        token for place, token in enumerate(ids) if place == 0 or token != image_token_id or ids[place - 1] != token
    ]
    return [-200 if token == image_token_id else token for token in kept]


def last_logits(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(**batch, logits_to_keep=1).logits[:, -1]
    return logits


def greedy(model: Any, batch: dict[str, torch.Tensor], tokens: int = 24) -> list[list[int]]:
    answers: list[list[int]] = model.generate(**batch, max_new_tokens=tokens)[:, batch["input_ids"].shape[1] :].tolist()
    return answers


def check(case: dict[str, Any], model: Any, batch: dict[str, torch.Tensor], pixel_tolerance: float) -> float:
    ids = batch["input_ids"][0].tolist()
    image_token_id = model.config.image_token_id
    assert collapsed(ids, image_token_id) == case["input_ids"]
    assert ids.count(image_token_id) == case["image_tokens"]
    assert batch["pixel_values"].mean().item() == pytest.approx(case["pixel_mean"], abs=pixel_tolerance)
    assert batch["pixel_values"].std().item() == pytest.approx(case["pixel_std"], abs=pixel_tolerance)
    expected = torch.tensor(case["last_logits"])
    difference = float((last_logits(model, batch)[0, : len(expected)] - expected).abs().max())
    assert difference < TOLERANCE
    assert greedy(model, batch) == [case["greedy_ids"]]
    return difference


@each_case
def test_original_format_equals_reference(name: str, case: dict[str, Any]) -> None:
    checkpoint = original(name)
    encoder = checkpoint.encoder
    assert encoder.render(conversation(name, case)) == case["rendered_prompt"]
    prompt = encoder.encode(conversation(name, case))
    assert prompt.image_tokens == case["image_tokens"]
    if "tiles" in case:
        assert prompt.media["pixel_values"].shape[1] == case["tiles"]
    check(case, checkpoint.model, encoder.collate([prompt]), pixel_tolerance=1e-6)
    answer = greedy(checkpoint.model, encoder.collate([prompt]))[0]
    assert encoder.tokenizer.decode(answer) == case["greedy_text"]


@each_case
def test_converted_checkpoint_equals_reference_with_transformers_alone(
    name: str, case: dict[str, Any], converted: dict[str, Path]
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(converted[name]).eval()
    processor = AutoProcessor.from_pretrained(converted[name])
    content = [{"type": "image", "image": picture(name, case)}, {"type": "text", "text": case["prompt"]}]
    batch = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    # AutoProcessor takes torchvision's resizing, which rounds a little differently from Pillow's.
    check(case, model, batch, pixel_tolerance=2e-4)


@each_case
def test_converted_checkpoint_equals_reference_through_our_loader(
    name: str, case: dict[str, Any], converted: dict[str, Path]
) -> None:
    checkpoint = load_checkpoint(converted[name])
    assert checkpoint.identity["format"] == "transformers"
    assert checkpoint.encoder.render(conversation(name, case)) == case["rendered_prompt"]
    batch = checkpoint.encoder.collate([checkpoint.encoder.encode(conversation(name, case))])
    check(case, checkpoint.model, batch, pixel_tolerance=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_its_prompts_one_by_one(name: str) -> None:
    checkpoint = original(name)
    cases = json.loads((FIXTURES / name / "expected.json").read_text())["cases"][:2]
    first, second = (picture(name, case) for case in cases)
    conversations = [
        conversation(name, cases[0]),
        judge("Which is larger?", first, second),
        [Message("user", ("Only text, and rather short.",))],
        conversation(name, cases[1]),
    ]
    prompts = [checkpoint.encoder.encode(messages) for messages in conversations]
    batch = checkpoint.encoder.collate(prompts)
    singles = [checkpoint.encoder.collate([prompt]) for prompt in prompts]
    alone = torch.cat([last_logits(checkpoint.model, single) for single in singles])
    torch.testing.assert_close(last_logits(checkpoint.model, batch), alone, atol=2e-4, rtol=0)
    assert greedy(checkpoint.model, batch) == [greedy(checkpoint.model, single)[0] for single in singles]
