"""Reward heads, each written here in the form of its makers, against a plain forward pass in float32."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoProcessor,
    Gemma3Config,
    Gemma3ForSequenceClassification,
    Gemma3ImageProcessor,
    Gemma3Processor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLForConditionalGeneration,
)

from critic_eval.critics.checkpoints import convert_checkpoint, load_checkpoint
from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.generation import REWARD
from critic_eval.errors import ArgumentError, CheckpointError

from .conftest import QWEN_TEMPLATE, Tiny, noise, randomize, save_chatml_tokenizer

DIALOGUES = (
    ("Which digit is shown?", "A seven.", (noise(30, 20, 1),)),
    ("Which digit is shown?", "It is a cross, or so it seems to me; look at the two strokes.", (noise(30, 20, 1),)),
    ("Which answer is better?", "The first.", ()),
    ("What do both show?", "A chat.", (noise(56, 28, 2), noise(20, 50, 3))),
)
HIDDEN = 32
WEIGHT = torch.randn(1, HIDDEN, generator=torch.Generator().manual_seed(7))
BIAS = torch.tensor([0.25])
FORMS: dict[str, dict[str, Tensor]] = {
    "as Skywork and ms-swift": {"v_head.summary.weight": WEIGHT, "v_head.summary.bias": BIAS},
    "as the head itself": {"summary.weight": WEIGHT, "summary.bias": BIAS},
    "as a classifier's": {"score.weight": WEIGHT},
}


def dialogue(question: str, response: str, images: tuple[Image.Image, ...]) -> Conversation:
    return [Message("user", (*images, question)), Message("assistant", (response,))]


def rewards(folder: Path, order: list[int] | None = None, **settings: Any) -> list[float]:
    """What the engine gives each dialogue, asked in this order and all at once unless the batch is smaller."""
    requests = [Request(number, dialogue(*DIALOGUES[number])) for number in order or range(len(DIALOGUES))]
    by_images: dict[int, list[Request]] = {}
    for request in requests:
        by_images.setdefault(id(DIALOGUES[request.number][2]) if settings else request.number, []).append(request)
    groups = [Group(REWARD, tuple(members)) for members in by_images.values()]
    engine = LocalEngine(load_checkpoint(folder), **settings)
    found = dict(answer for batch in engine.answer(groups) for answer in batch)
    assert not [answer for answer in found.values() if answer.error or answer.text]
    return [(found[number].stated or {})["reward"] for number in range(len(DIALOGUES))]


def plainly(folder: Path, bias: float) -> list[float]:
    """The rewards by one forward pass a dialogue: all tokens, no cache, no padding."""
    loaded = load_checkpoint(folder)
    found = []
    for one in DIALOGUES:
        encoded = loaded.encoder.encode(dialogue(*one), is_answered=True)
        with torch.no_grad():
            hidden = loaded.model(input_ids=encoded.input_ids[None], **encoded.media, output_hidden_states=True)
        found.append(float(hidden.hidden_states[-1][0, -1].double() @ WEIGHT[0].double() + bias))
    return found


@pytest.fixture
def copied(tiny_next: Tiny, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_next.folder, tmp_path / "critic")


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("write", [save_file, torch.save], ids=["safetensors", "bin"])
def test_a_head_of_each_form_gives_what_a_plain_pass_gives(form: str, write: Callable[..., None], copied: Path) -> None:
    suffix = "bin" if write is torch.save else "safetensors"
    write(FORMS[form], copied / f"value_head.{suffix}")
    expected = plainly(copied, float(BIAS) if len(FORMS[form]) > 1 else 0.0)
    assert rewards(copied) == pytest.approx(expected, abs=1e-5)
    assert len(set(expected)) == len(expected)


def test_a_head_among_the_models_own_weights(copied: Path) -> None:
    """TRL's `AutoModelForCausalLMWithValueHead.save_pretrained` writes both into one file."""
    save_file(
        {**load_file(copied / "model.safetensors"), **FORMS["as Skywork and ms-swift"]}, copied / "model.safetensors"
    )
    assert rewards(copied) == pytest.approx(plainly(copied, float(BIAS)), abs=1e-5)


def test_padding_batches_and_order_have_no_effect(copied: Path) -> None:
    save_file(FORMS["as Skywork and ms-swift"], copied / "value_head.safetensors")
    alone = rewards(copied, batch_size=1)
    for settings in ({"batch_size": 4}, {"share_prefixes": False, "batch_size": 3}):
        assert rewards(copied, order=[3, 1, 0, 2], **settings) == pytest.approx(alone, abs=1e-5)


def test_vicuna_dialogues_end_with_the_mark_of_an_answer(tiny_llava: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llava.folder, tmp_path / "critic")
    torch.save(FORMS["as Skywork and ms-swift"], folder / "value_head.bin")
    expected = plainly(folder, float(BIAS))
    assert rewards(folder) == pytest.approx(expected, abs=1e-5)
    encoder = load_checkpoint(folder).encoder
    ids = encoder.encode(dialogue("Which?", "A seven.", ()), is_answered=True).input_ids
    assert ids[-1] == encoder.tokenizer.eos_token_id
    assert encoder.tokenizer.decode(ids).endswith("ASSISTANT: A seven.</s>")


def test_qwen_vl_by_its_own_processor_as_skyworks_card_does(qwen_vl: Path, tmp_path: Path) -> None:
    """The card's code: the chat template without a generation prompt, the value at the last token of the mask."""
    folder = shutil.copytree(qwen_vl, tmp_path / "critic")
    save_file(FORMS["as Skywork and ms-swift"], folder / "value_head.safetensors")
    processor = AutoProcessor.from_pretrained(folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    expected = []
    for question, response, images in DIALOGUES:
        shown = [*({"type": "image"} for _ in images), {"type": "text", "text": question}]
        said = [{"type": "text", "text": response}]
        messages = [{"role": "user", "content": shown}, {"role": "assistant", "content": said}]
        text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
        assert text.endswith(f"{response}<|im_end|>\n")
        inputs = processor(text=[text], images=[list(images)] if images else None, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**inputs, output_hidden_states=True).hidden_states[-1]
        last = int(inputs["attention_mask"][0].sum()) - 1
        expected.append(float(hidden[0, last] @ WEIGHT[0] + BIAS))
    assert rewards(folder) == pytest.approx(expected, abs=1e-5)
    assert rewards(folder, order=[2, 3, 1, 0], batch_size=4) == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence classifier that takes images: `Gemma3ForSequenceClassification` of one label."""
    folder = tmp_path_factory.mktemp("gemma") / "tiny-gemma"
    folder.mkdir()
    save_chatml_tokenizer(folder)
    marks = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, extra_special_tokens=marks)
    tokenizer.add_tokens(list(marks.values()), special_tokens=True)
    Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        chat_template=QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<start_of_image>"),
        image_seq_length=4,
    ).save_pretrained(folder)
    vision = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Gemma3Config(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": HIDDEN,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": 16,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**vision, "image_size": 28, "patch_size": 7},
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
        num_labels=1,
    )
    randomize(Gemma3ForSequenceClassification(config), seed=0).save_pretrained(folder)
    return folder


def test_a_sequence_classifier_of_one_label_gives_its_own_logit(gemma: Path) -> None:
    processor = AutoProcessor.from_pretrained(gemma)
    model = Gemma3ForSequenceClassification.from_pretrained(gemma, dtype=torch.float32).eval()
    expected = []
    for question, response, images in DIALOGUES:
        text = "".join(["<|im_start|>user\n", "<start_of_image>" * len(images), question, "<|im_end|>\n"])
        text += f"<|im_start|>assistant\n{response}<|im_end|>\n"
        inputs = processor(text=[text], images=[list(images)] if images else None, return_tensors="pt")
        with torch.no_grad():
            expected.append(float(model(**inputs).logits[0, 0]))
    assert rewards(gemma) == pytest.approx(expected, abs=1e-5)
    assert rewards(gemma, order=[3, 2, 1, 0], batch_size=4) == pytest.approx(expected, abs=1e-5)
    assert load_checkpoint(gemma).identity["head"] == "num_labels=1: score.weight"
    assert load_checkpoint(gemma, weights=False).head is not None


def test_a_classifier_without_its_head_or_of_several_labels_is_refused(gemma: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gemma, tmp_path / "headless")
    weights = load_file(folder / "model.safetensors")
    save_file({name: weights[name] for name in weights if name != "score.weight"}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 are missing \(score.weight\)"):
        load_checkpoint(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "id2label": {"0": "bad", "1": "good"}}))
    with pytest.raises(CheckpointError, match="a classifier of 2 labels; a reward model has one"):
        load_checkpoint(folder)


def test_a_converted_critic_keeps_its_head(copied: Path, tmp_path: Path) -> None:
    save_file(FORMS["as a classifier's"], copied / "value_head.safetensors")
    convert_checkpoint(copied, tmp_path / "converted")
    # Its images go through another processor, whose pixels are rounded otherwise.
    assert rewards(tmp_path / "converted") == pytest.approx(rewards(copied), abs=1e-3)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"v_head.summary.weight": torch.zeros(1, 16)},
            r"has the shape \[1, 16\]; a reward head of this model is \[1, 32\]",
        ),
        ({"v_head.summary.weight": torch.zeros(2, 32)}, r"has the shape \[2, 32\]"),
        ({"v_head.summary.weight": WEIGHT, "v_head.summary.bias": torch.zeros(3)}, r"\[1, 32\] and \[3\]"),
        ({"v_head.summary.weight": WEIGHT * float("nan")}, "not finite"),
        ({"0.weight": torch.zeros(64, 32), "2.weight": torch.zeros(1, 64)}, "holds 0.weight, 2.weight, where a linear"),
        ({"v_head.summary.bias": BIAS}, "holds nothing, where a linear head is expected"),
    ],
)
def test_another_head_is_refused_in_one_sentence(tensors: dict[str, Tensor], message: str, copied: Path) -> None:
    save_file(tensors, copied / "value_head.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(copied)


def test_a_head_that_is_promised_and_absent_is_an_error(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["architectures"] = ["LlavaQwenForCausalLM", "LlavaQwenForCausalLMWithValueHead"]
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"names a model with a head .* neither value_head.safetensors nor"):
        load_checkpoint(copied)


def test_a_pickled_head_runs_no_code(copied: Path, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    (copied / "value_head.bin").write_bytes(pickle.dumps({"v_head.summary.weight": Payload()}))
    with pytest.raises(CheckpointError):
        load_checkpoint(copied)
    assert not (tmp_path / "ran").exists()


def test_the_head_is_part_of_what_a_critic_is(tiny_next: Tiny, copied: Path) -> None:
    plain = load_checkpoint(tiny_next.folder).identity
    assert "head" not in plain
    save_file(FORMS["as the head itself"], copied / "value_head.safetensors")
    first = load_checkpoint(copied).identity
    save_file({**FORMS["as the head itself"], "summary.bias": BIAS + 1}, copied / "value_head.safetensors")
    second = load_checkpoint(copied).identity
    assert len({identity["digest"] for identity in (plain, first, second)}) == 3
    assert first["head"] == "value_head.safetensors: summary.weight"


def test_a_critic_without_a_head_gives_no_reward(tiny_next: Tiny) -> None:
    with pytest.raises(ArgumentError, match="has no reward head"):
        rewards(tiny_next.folder)


def test_a_head_in_half_precision_is_computed_in_float32(copied: Path) -> None:
    save_file({"v_head.summary.weight": torch.full((1, HIDDEN), 3.0).bfloat16()}, copied / "value_head.safetensors")
    head = load_checkpoint(copied, dtype="bfloat16").head
    hidden = torch.ones(2, HIDDEN, dtype=torch.bfloat16)
    hidden[1, 0] = 1.0078125  # the next number in bfloat16
    assert head.rewards(hidden) == [96.0, 96.0234375]  # type: ignore[union-attr, arg-type]  # bfloat16 has 96 twice


OWN_CODE = """
import torch
from PIL import Image
from transformers import PretrainedConfig, PreTrainedModel

class OwnConfig(PretrainedConfig):
    model_type = "own_reward"

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.length = torch.nn.Parameter(torch.zeros(1))
        self.post_init()

    def {method}
"""
METHODS = {
    "get_score": """get_score(self, conversation, image, hd_num=9):
        shown = sum(Image.open(one).size[0] for one in image)
        return self.length[0] * len(conversation[1]["content"]) + shown
""",
    "get_scores": """get_scores(self, conversations, images, hd_num=9):
        return torch.stack([
            self.length[0] * len(chat[1]["content"]) + sum(Image.open(one).size[0] for one in image)
            for chat, image in zip(conversations, images, strict=True)
        ])
""",
    "chat": "chat(self):\n        return 'no reward'\n",
}


def make_own(folder: Path, method: str) -> Path:
    """A checkpoint with code of its own, whose reward is told from the response's length and the images' widths."""
    folder.mkdir()
    (folder / "own_model.py").write_text(OWN_CODE.replace("{method}", METHODS[method]))
    config = {
        "architectures": ["OwnModel"],
        "model_type": "own_reward",
        "auto_map": {"AutoConfig": "own_model.OwnConfig", "AutoModel": "own_model.OwnModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"length": torch.tensor([2.0])}, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("method", ["get_score", "get_scores"])
def test_a_models_own_code_gives_rewards_where_it_is_trusted(method: str, tmp_path: Path) -> None:
    from critic_eval.critics.engines.opening import EngineArguments, open_engine

    folder = make_own(tmp_path / f"own_{method}", method)
    with pytest.raises(CheckpointError, match="its own code loads with trust_remote_code=True"):
        load_checkpoint(folder)
    opened = open_engine(EngineArguments(str(folder), trust_remote_code=True, batch_size=3))
    assert opened.gives_rewards
    assert opened.identity["head"] == method
    requests = tuple(Request(number, dialogue(*one)) for number, one in enumerate(DIALOGUES))
    found = dict(answer for batch in opened.answer([Group(REWARD, requests)]) for answer in batch)
    expected = [2.0 * len(response) + sum(image.width for image in images) for _, response, images in DIALOGUES]
    assert [(found[number].stated or {})["reward"] for number in range(len(DIALOGUES))] == expected


def test_own_code_without_a_method_for_rewards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has neither get_scores nor get_score"):
        load_checkpoint(make_own(tmp_path / "own_chat", "chat"), trust_remote_code=True)
