"""Families without figures of the reference code: tiny checkpoints of each kind, written in LLaVA's own format here.

Oracle: the transformers model whose weights were written, and LLaVA's own rendering of a question (the output of
`llava/conversation.py` of LLaVA 1.2.2 and LLaVA-NeXT, kept below to the letter).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import (
    LlavaForConditionalGeneration,
    LlavaNextForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from critic_eval.critics.checkpoints import build_config, convert_checkpoint, load_checkpoint
from critic_eval.critics.checkpoints.weight_names import to_original, tower_prefix
from critic_eval.critics.checkpoints.weights import WITH_VOCABULARY
from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.branches import why_not_shared
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError, CheckpointError

from .conftest import LLAVA_CONFIG, NEXT_CONFIG, Tiny, judge, noise, randomize
from .conftest import save_chatml_tokenizer as save_byte_tokenizer
from .conftest import save_sentencepiece_tokenizer as save_pieces

TOWER = {**NEXT_CONFIG["vision_config"], "projection_dim": 16, "hidden_act": "quick_gelu"}
TILED = {
    "image_aspect_ratio": "anyres",
    "mm_patch_merge_type": "spatial_unpad",
    "image_grid_pinpoints": [[28, 56], [56, 28], [56, 56]],
}
LINEAR = {"mm_projector_type": "linear", "image_aspect_ratio": "square"}


def with_tokens(*tokens: str, **settings: Any) -> Callable[[Path], None]:
    """Sentencepiece's tokenizer with more tokens, as LLaVA's checkpoints have them."""

    def save(folder: Path) -> None:
        save_pieces(folder)
        added = {str(400 + number): {"content": token, "special": True} for number, token in enumerate(tokens)}
        file = folder / "tokenizer_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "added_tokens_decoder": added, **settings}))

    return save


MPT_CONFIG: dict[str, Any] = {
    "architectures": ["LlavaMPTForCausalLM"],
    "model_type": "llava_mpt",
    "vocab_size": 330,
    "d_model": 32,
    "n_layers": 2,
    "n_heads": 4,
    "expansion_ratio": 2,
    "max_seq_len": 64,
    "no_bias": True,
    "attn_config": {"alibi": True, "alibi_bias_max": 8, "attn_type": "multihead_attention", "attn_impl": "torch"},
    "mm_projector_type": "linear",
    "mm_use_im_start_end": True,
    "mm_vision_select_layer": -2,
    "torch_dtype": "float32",
}


def save_mpt_tokenizer(folder: Path) -> None:
    """A vocabulary of bytes with ChatML's marks and LLaVA's."""
    save_byte_tokenizer(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<im_start>", "<im_end>"]})
    tokenizer.save_pretrained(folder)


@dataclass
class Family:
    """A kind of checkpoint, and how LLaVA's code asks it "Which?"."""

    name: str
    changes: dict[str, Any]
    rendered: str
    save_tokenizer: Callable[[Path], None] = save_pieces
    model_class: Any = LlavaForConditionalGeneration
    config: dict[str, Any] = field(default_factory=lambda: LLAVA_CONFIG)


HUMAN = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
CHATML = ("<|im_start|>", "<|im_end|>")
MARKS = ("<im_patch>", "<im_start>", "<im_end>")

FAMILIES = {
    "v0": Family(
        "LLaVA-7B-v0",
        {**LINEAR, "mm_use_im_start_end": True, "vocab_size": 403},
        f"{HUMAN}###Human: <im_start><image><im_end>\nWhich?###Assistant:",
        with_tokens(*MARKS),
    ),
    "v0 with an older tokenizer": Family(
        "LLaVA-7B-v0",
        {**LINEAR, "mm_use_im_start_end": True, "vocab_size": 403},
        f"{HUMAN}###Human: <im_start><image><im_end>\nWhich?###Assistant:",
        with_tokens(*MARKS, legacy=True),
    ),
    "v1.1": Family(
        "LLaVA-Lightning-7B-v1-1",
        {**LINEAR, "mm_use_im_start_end": True, "vocab_size": 403},
        f"{HUMAN} USER: <im_start><image><im_end>\nWhich? ASSISTANT:",
        with_tokens(*MARKS),
    ),
    "Llama 2": Family(
        "llava-llama-2-7b-chat-lightning-preview",
        LINEAR,
        "[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to understand the visual "
        "content that the user provides, and assist the user with a variety of tasks using natural language.\n"
        "<</SYS>>\n\n<image>\nWhich? [/INST]",
    ),
    "1.5": Family(
        "llava-v1.5-7b",
        {},
        HUMAN.replace("human", "user") + " USER: <image>\nWhich? ASSISTANT:",
    ),
    "1.6": Family(
        "llava-v1.6-vicuna-7b",
        TILED,
        f"{HUMAN} USER: <image>\nWhich? ASSISTANT:",
        model_class=LlavaNextForConditionalGeneration,
    ),
    "1.6 of Mistral": Family(
        "llava-v1.6-mistral-7b",
        {**TILED, "architectures": ["LlavaMistralForCausalLM"], "model_type": "llava_mistral", "sliding_window": None},
        "[INST] <image>\nWhich? [/INST]",
        with_tokens(legacy=True),
        model_class=LlavaNextForConditionalGeneration,
    ),
    "1.6 34B": Family(
        "llava-v1.6-34b",
        {**TILED, "vocab_size": 402},
        "<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n<image>\nWhich?<|im_end|>"
        "<|im_start|>assistant\n",
        with_tokens(*CHATML, eos_token="<|im_end|>"),
        model_class=LlavaNextForConditionalGeneration,
    ),
    "MPT": Family(
        "LLaVA-Lightning-MPT-7B-preview",
        {},
        "<|im_start|>system\nA conversation between a user and an LLM-based AI assistant. The assistant gives helpful "
        "and honest answers.<|im_end|><|im_start|>user\n<im_start><image><im_end>\nWhich?<|im_end|>"
        "<|im_start|>assistant\n",
        save_mpt_tokenizer,
        config=MPT_CONFIG,
    ),
    "NeXT of Qwen": Family(
        "llava-next-72b",
        {**TILED, "mm_vision_tower": "openai/clip-tiny"},
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<image>\nWhich?<|im_end|>\n"
        "<|im_start|>assistant\n",
        save_byte_tokenizer,
        model_class=LlavaNextForConditionalGeneration,
        config={**NEXT_CONFIG, "mm_vision_select_layer": -2},
    ),
}


def make(family: Family, base: Path) -> Tiny:
    """Write a tiny checkpoint, its CLIP tower inside it."""
    folder = base / family.name
    config = {**family.config, **family.changes, "vision_config": TOWER}
    model = randomize(family.model_class(build_config(config)), seed=3)
    if config["mm_projector_type"] == "linear":
        second = model.model.multi_modal_projector.linear_2
        with torch.no_grad():
            second.weight.copy_(torch.eye(len(second.weight)))
            second.bias.zero_()
    prefix, rows = tower_prefix(model), config["vocab_size"]
    if config.get("model_type") == "llava_mpt":
        with torch.no_grad():
            model.lm_head.weight.copy_(model.get_input_embeddings().weight)
    weights = {}
    for name, weight in model.named_parameters():
        original = to_original(name, prefix)
        if config["mm_projector_type"] == "linear":
            if "mm_projector.2" in original:
                continue
            original = original.replace("mm_projector.0", "mm_projector")
        is_vocabulary = name.endswith(WITH_VOCABULARY)
        if config.get("model_type") == "llava_mpt":
            original = original.replace("model.mm_projector", "transformer.mm_projector")
            if original == "lm_head.weight":
                continue  # MPT predicts with its embeddings
        weights[original] = (weight[:rows] if is_vocabulary else weight).detach().clone()
    folder.mkdir()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    family.save_tokenizer(folder)
    return Tiny(folder, model)


# These are other conversations of what stands beside them.
RARE = ("v1.1", "1.5")
PARAMETERS = [pytest.param(name, marks=pytest.mark.slow) if name in RARE else name for name in FAMILIES]


@pytest.fixture(scope="module", params=PARAMETERS)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def written(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make(family, tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="module")
def converted(written: Tiny) -> Path:
    convert_checkpoint(written.folder, written.folder.parent / "converted")
    return written.folder.parent / "converted"


CONVERSATIONS: list[Conversation] = [
    judge("Which answer is better?", noise(60, 40)),
    judge("Both?", noise(20, 70, 1), noise(30, 30, 2)),
    [Message("user", ("First ", noise(28, 28, 3), "second?", noise(40, 30, 4)))],
    [Message("user", ("Only text.",))],
    [Message("system", ("You judge.",)), *judge("Which?", noise(28, 28))],
]


def test_the_conversation_is_that_of_llavas_code(family: Family, written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder, weights=False)
    assert checkpoint.encoder.render(judge("Which?", noise(28, 28))) == family.rendered
    assert type(checkpoint.model) is family.model_class


def test_the_model_computes_what_was_written(family: Family, written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder)
    rows = {**family.config, **family.changes}["vocab_size"]
    for conversation in CONVERSATIONS[:2]:
        batch = checkpoint.encoder.collate([checkpoint.encoder.encode(conversation)])
        ids = batch["input_ids"]
        theirs = {**batch, "input_ids": ids.masked_fill(ids == checkpoint.encoder.image_token_id, image_id(written))}
        with torch.no_grad():
            ours = checkpoint.model(**batch).logits[..., :rows]
            torch.testing.assert_close(ours, written.model(**theirs).logits[..., :rows], atol=1e-5, rtol=1e-5)


def image_id(written: Tiny) -> int:
    number: int = written.model.config.image_token_id
    return number


def test_the_converted_checkpoint_reads_and_computes_alike(written: Tiny, converted: Path) -> None:
    ours, theirs = load_checkpoint(written.folder), load_checkpoint(converted)
    assert isinstance(theirs.encoder.tokenizer, PreTrainedTokenizerFast)
    read = [
        [checkpoint.encoder.encode(conversation) for conversation in CONVERSATIONS] for checkpoint in (ours, theirs)
    ]
    assert [prompt.input_ids.tolist() for prompt in read[0]] == [prompt.input_ids.tolist() for prompt in read[1]]
    for conversation in CONVERSATIONS:
        assert ours.encoder.render(conversation) == theirs.encoder.render(conversation)
    batch = ours.encoder.collate(read[0])
    with torch.no_grad():
        together = ours.model(**batch).logits[:, -1]
        torch.testing.assert_close(theirs.model(**batch).logits[:, -1], together, atol=1e-5, rtol=1e-5)
        for row, prompt in zip(together, read[0], strict=True):
            alone = ours.model(**ours.encoder.collate([prompt])).logits[0, -1]
            torch.testing.assert_close(row, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_linear_projector_is_exact_in_every_type(tmp_path: Path, dtype: str) -> None:
    written = make(FAMILIES["v0"], tmp_path)
    with safe_open(written.folder / "model.safetensors", framework="pt") as tensors:
        weight, bias = (tensors.get_tensor(f"model.mm_projector.{part}") for part in ("weight", "bias"))
    projector = load_checkpoint(written.folder, dtype=dtype).model.model.multi_modal_projector
    kind = projector.linear_1.weight.dtype
    seen = torch.randn(16, 24, generator=torch.Generator().manual_seed(1)).to(kind) * 9
    assert torch.equal(projector(seen), torch.nn.functional.linear(seen, weight.to(kind), bias.to(kind)))


def test_later_turns_are_read_alike_after_conversion(written: Tiny, converted: Path) -> None:
    turns = [*judge("One?", noise(28, 28)), Message("assistant", ("Two.",)), Message("user", ("Three?",))]
    ours, theirs = (load_checkpoint(folder, weights=False).encoder for folder in (written.folder, converted))
    assert ours.encode(turns).input_ids.tolist() == theirs.encode(turns).input_ids.tolist()


def test_shared_prefixes_give_the_answers_of_generate(written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder)
    if checkpoint.model.config.text_config.model_type == "mpt":
        assert "its text model is mpt" in str(why_not_shared(checkpoint.model))
    else:
        assert why_not_shared(checkpoint.model) is None
    image, settings = noise(60, 40), GenerationSettings(8)
    requests = [Request(number, judge(f"Which answer is better, {text}?", image)) for number, text in enumerate("ab")]
    answers = []
    for share in (True, False):
        engine = LocalEngine(checkpoint, share_prefixes=share)
        answers.append(dict(pair for batch in engine.answer([Group(settings, tuple(requests))]) for pair in batch))
    assert [answers[0][n].text for n in (0, 1)] == [answers[1][n].text for n in (0, 1)]
    assert answers[0][0].output_tokens > 1


def alibi_by_hand(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """MPT as its paper has it: each key as far from its query as it is costs a head its slope; (tokens, vocabulary)."""
    language, heads = model.model.language_model, model.config.text_config.n_heads
    slopes = torch.tensor([2 ** (-8 * (head + 1) / heads) for head in range(heads)])
    hidden, length = language.wte(ids), len(ids)
    distance = torch.arange(length)[:, None] - torch.arange(length)[None]
    for block in language.blocks:
        parts = block.attn.Wqkv(block.norm_1(hidden)).chunk(3, dim=-1)
        query, key, value = (part.view(length, heads, -1).transpose(0, 1) for part in parts)
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5 - slopes[:, None, None] * distance
        seen = scores.masked_fill(distance < 0, float("-inf")).softmax(dim=-1) @ value
        hidden = hidden + block.attn.out_proj(seen.transpose(0, 1).reshape(length, -1))
        wide = torch.nn.functional.gelu(block.ffn.up_proj(block.norm_2(hidden)))
        hidden = hidden + block.ffn.down_proj(wide)
    predicted: torch.Tensor = language.norm_f(hidden) @ language.wte.weight.T
    return predicted


def test_mpt_attends_with_alibi_in_batches_and_past_its_positions(tmp_path: Path) -> None:
    written = make(FAMILIES["MPT"], tmp_path)
    convert_checkpoint(written.folder, tmp_path / "converted")
    for folder in (written.folder, tmp_path / "converted"):
        checkpoint = load_checkpoint(folder)
        texts = ["Short.", "Which answer is better and why? " * 5]
        prompts = [checkpoint.encoder.encode([Message("user", (text,))]) for text in texts]
        assert len(prompts[1].input_ids) > MPT_CONFIG["max_seq_len"]
        with torch.no_grad():
            together = checkpoint.model(**checkpoint.encoder.collate(prompts)).logits
            for row, prompt in zip(together, prompts, strict=True):
                expected = alibi_by_hand(checkpoint.model, prompt.input_ids)
                torch.testing.assert_close(row[-len(expected) :], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"attn_config": {**MPT_CONFIG["attn_config"], "alibi": False}},
        {"attn_config": {**MPT_CONFIG["attn_config"], "alibi_bias_max": 16}},
        {"attn_config": {**MPT_CONFIG["attn_config"], "qk_ln": True}},
        {"attn_config": None},
        {"attn_config": {**MPT_CONFIG["attn_config"], "prefix_lm": [True]}},
        {"no_bias": False},
        {"logit_scale": "inv_sqrt_d_model"},
        {"d_model": "wide"},
        {"mm_projector_type": "mlp2x_gelu"},
    ],
)
def test_mpt_that_transformers_does_not_compute_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"LLaVA of MPT"):
        build_config({**MPT_CONFIG, **changes}, TOWER)


def test_an_answer_ends_where_a_turn_ends_in_text(tmp_path: Path) -> None:
    written = make(FAMILIES["v0"], tmp_path)
    convert_checkpoint(written.folder, tmp_path / "converted")
    for folder in (written.folder, tmp_path / "converted"):
        checkpoint = load_checkpoint(folder)
        marks = checkpoint.encoder.tokenizer("###", add_special_tokens=False).input_ids
        with torch.no_grad():  # a model that says nothing but #
            checkpoint.model.lm_head.weight.zero_()
            checkpoint.model.lm_head.weight[marks[-1]] = checkpoint.model.model.language_model.norm.weight.sign() * 9
        for share in (True, False):
            engine = LocalEngine(checkpoint, share_prefixes=share)
            group = Group(GenerationSettings(40), (Request(0, judge("Which?", noise(28, 28))),))
            ((_, answer),) = next(iter(engine.answer([group])))
            assert "###" not in answer.text
            assert answer.output_tokens <= 40


def test_a_conversation_can_be_set(written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder, weights=False, conversation="plain")
    assert checkpoint.encoder.render([Message("user", ("Which?",))]) == "Which?\n"
    assert checkpoint.identity["conversation"] == "plain"
    with pytest.raises(ArgumentError, match="conversation=plane is unknown; did you mean plain"):
        load_checkpoint(written.folder, conversation="plane")


def test_parts_are_refused_for_transformers_layout(converted: Path, written: Tiny) -> None:
    with pytest.raises(ArgumentError, match="leave out base and conversation"):
        load_checkpoint(converted, base=written.folder, conversation="plain")


def test_a_conversation_whose_marks_the_vocabulary_lacks_is_refused(tmp_path: Path) -> None:
    written = make(FAMILIES["1.5"], tmp_path)
    with pytest.raises(CheckpointError, match=r"lacks <\|im_start\|>"):
        load_checkpoint(written.folder, conversation="chatml_direct")
