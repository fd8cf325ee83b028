"""Oracle: tokens, logits and greedy answers that LLaVA-NeXT's and LLaVA's own code computed (../shared/fixtures)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from critic_eval.critics.checkpoints import Checkpoint, convert_checkpoint, load_checkpoint
from critic_eval.critics.conversations import Conversation, Message
from tests.conftest import Shared

from .conftest import judge

IMAGES = {
    "llava_qwen_tiny": ("image_640x480.png", "image_300x900.png", "image_1600x1200.png"),
    "llava_llama_tiny": ("image_640x480.png", "image_300x900.png", "image_336x336.png"),
    "llava_v0_tiny": ("image_640x480.png", "image_300x900.png", "image_336x336.png"),
    "llava_v0_tiny/delta": ("image_640x480.png", "image_300x900.png", "image_336x336.png"),
    "llava_v1_6_tiny": ("image_640x480.png", "image_300x900.png", "image_336x336.png"),
}
"""The images of each fixture; a delta is to give what its sum does."""
TOLERANCE = 2e-3


@dataclass
class Reference:
    """A tiny checkpoint, and what the reference code computed with it for each image."""

    folder: Path
    is_delta: bool = False

    @cached_property
    def cases(self) -> dict[str, dict[str, Any]]:
        """By image: the prompt, and what came of it."""
        return {case["image"]: case for case in json.loads((self.folder / "expected.json").read_text())["cases"]}

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint as our loader reads it."""
        return load_checkpoint(**self.arguments)

    @property
    def arguments(self) -> dict[str, Any]:
        """What it takes to load it."""
        if self.is_delta:
            parts = {"base": self.folder / "base", "vision_tower": self.folder / "vision_tower"}
            return {"pretrained": self.folder / "delta", **parts}
        if (self.folder / "vision_tower").is_dir():
            return {"pretrained": self.folder / "checkpoint", "vision_tower": self.folder / "vision_tower"}
        return {"pretrained": self.folder / "checkpoint", "vision_config": self.folder / "vision_config.json"}

    def picture(self, image: str) -> Image.Image:
        return Image.open(self.folder / image)

    def conversation(self, image: str) -> Conversation:
        return judge(self.cases[image]["prompt"], self.picture(image))


@pytest.fixture(scope="module")
def references(shared: Shared) -> dict[str, Reference]:
    names = {name: name.split("/") for name in IMAGES}
    return {name: Reference(shared(f"fixtures/{parts[0]}"), "delta" in parts) for name, parts in names.items()}


@pytest.fixture(scope="module")
def converted(references: dict[str, Reference], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name, reference in references.items():
        arguments, folders[name] = dict(reference.arguments), tmp_path_factory.mktemp("converted") / name
        convert_checkpoint(arguments.pop("pretrained"), folders[name], **arguments)
    return folders


@pytest.fixture
def reference(name: str, references: dict[str, Reference]) -> Reference:
    return references[name]


def slowly(name: str, is_slow: bool) -> Any:
    return pytest.param(name, marks=pytest.mark.slow) if is_slow else name


each_name = pytest.mark.parametrize("name", list(IMAGES))
# A batch of tiles takes seconds, and a delta's sum is the checkpoint that is there too.
each_of_few = pytest.mark.parametrize("name", [slowly(name, "v1_6" in name or "delta" in name) for name in IMAGES])
each_case = pytest.mark.parametrize(
    ("name", "image"), [(name, image) for name, images in IMAGES.items() for image in images]
)
each_converted_case = pytest.mark.parametrize(
    ("name", "image"),
    [
        pytest.param(name, image, marks=pytest.mark.slow)
        if ("delta" in name or "v1_6" in name) and number != 2
        else (name, image)
        for name, images in IMAGES.items()
        for number, image in enumerate(images)
    ],
)


@each_name
def test_every_case_of_the_reference_is_held_against_ours(name: str, reference: Reference) -> None:
    assert set(reference.cases) == set(IMAGES[name])


def collapsed(ids: list[int], image_token_id: int) -> list[int]:
    """Token ids with each run of image tokens as the one -200 that LLaVA's code has there."""
    kept = [
        token for index, token in enumerate(ids) if index == 0 or token != image_token_id or ids[index - 1] != token
    ]
    return [-200 if token == image_token_id else token for token in kept]


def last_logits(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(**batch, logits_to_keep=1).logits[:, -1]
    return logits


def greedy(model: Any, batch: dict[str, torch.Tensor], tokens: int = 24) -> list[list[int]]:
    answers: list[list[int]] = model.generate(**batch, max_new_tokens=tokens)[:, batch["input_ids"].shape[1] :].tolist()
    return answers


def check(case: dict[str, Any], model: Any, batch: dict[str, torch.Tensor], pixel_tolerance: float) -> None:
    ids = batch["input_ids"][0].tolist()
    image_token_id = model.config.image_token_id
    assert collapsed(ids, image_token_id) == case["input_ids"]
    assert ids.count(image_token_id) == case["image_tokens"]
    assert batch["pixel_values"].mean().item() == pytest.approx(case["pixel_mean"], abs=pixel_tolerance)
    assert batch["pixel_values"].std().item() == pytest.approx(case["pixel_std"], abs=pixel_tolerance)
    expected = torch.tensor(case["last_logits"])
    assert (last_logits(model, batch)[0, : len(expected)] - expected).abs().max() < TOLERANCE
    assert greedy(model, batch) == [case["greedy_ids"]]


@each_case
def test_original_format_equals_reference(image: str, reference: Reference) -> None:
    case, checkpoint, encoder = reference.cases[image], reference.checkpoint, reference.checkpoint.encoder
    assert encoder.render(reference.conversation(image)) == case["rendered_prompt"]
    prompt = encoder.encode(reference.conversation(image))
    assert prompt.image_tokens == case["image_tokens"]
    if prompt.media["pixel_values"].dim() == 5:
        assert prompt.media["pixel_values"].shape[1] == case["tiles"]
    check(case, checkpoint.model, encoder.collate([prompt]), pixel_tolerance=1e-6)
    assert encoder.tokenizer.decode(case["greedy_ids"]) == case["greedy_text"]


@each_converted_case
def test_converted_checkpoint_equals_reference_with_transformers_alone(
    name: str, image: str, reference: Reference, converted: dict[str, Path]
) -> None:
    case = reference.cases[image]
    model = AutoModelForImageTextToText.from_pretrained(converted[name]).eval()
    processor = AutoProcessor.from_pretrained(converted[name])
    content = [{"type": "image", "image": reference.picture(image)}, {"type": "text", "text": case["prompt"]}]
    batch = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    # AutoProcessor takes torchvision's resizing, which rounds a little differently from Pillow's.
    check(case, model, batch, pixel_tolerance=2e-4)


@each_converted_case
def test_converted_checkpoint_equals_reference_through_our_loader(
    name: str, image: str, reference: Reference, converted: dict[str, Path]
) -> None:
    case = reference.cases[image]
    checkpoint = load_checkpoint(converted[name])
    assert checkpoint.identity["format"] == "transformers"
    assert checkpoint.encoder.render(reference.conversation(image)) == case["rendered_prompt"]
    batch = checkpoint.encoder.collate([checkpoint.encoder.encode(reference.conversation(image))])
    check(case, checkpoint.model, batch, pixel_tolerance=2e-4)


@each_of_few
def test_a_batch_equals_its_prompts_one_by_one(name: str, reference: Reference) -> None:
    checkpoint, images = reference.checkpoint, IMAGES[name][:2]
    conversations = [
        reference.conversation(images[0]),
        judge("Which is larger?", *map(reference.picture, images)),
        [Message("user", ("Only text, and rather short.",))],
        reference.conversation(images[1]),
    ]
    prompts = [checkpoint.encoder.encode(messages) for messages in conversations]
    batch = checkpoint.encoder.collate(prompts)
    singles = [checkpoint.encoder.collate([prompt]) for prompt in prompts]
    alone = torch.cat([last_logits(checkpoint.model, single) for single in singles])
    torch.testing.assert_close(last_logits(checkpoint.model, batch), alone, atol=2e-4, rtol=0)
    assert greedy(checkpoint.model, batch, 6) == [greedy(checkpoint.model, single, 6)[0] for single in singles]
