"""LLaVA models built empty and filled shard by shard: from LLaVA's own formats, and from transformers' layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import (
    AutoConfig,
    GenerationConfig,
    LlavaForConditionalGeneration,
    LlavaNextForConditionalGeneration,
    LlavaOnevisionForConditionalGeneration,
)

from critic_eval.critics.checkpoints import transformers_models
from critic_eval.critics.checkpoints.configs import build_config
from critic_eval.critics.checkpoints.deltas import read_sums
from critic_eval.critics.checkpoints.encoding import ImageProcessor, LlavaEncoder
from critic_eval.critics.checkpoints.images import LlavaImages, NextImages, OnevisionImages, pads_to_square
from critic_eval.critics.checkpoints.kinds import kind_of
from critic_eval.critics.checkpoints.parts import Parts
from critic_eval.critics.checkpoints.placement import Placement, device_of, resolve_device_map
from critic_eval.critics.checkpoints.shards import weight_files
from critic_eval.critics.checkpoints.sources import Source, fetch, read_json
from critic_eval.critics.checkpoints.tokenization import load_tokenizer
from critic_eval.critics.checkpoints.weight_names import Rename, layout_renamer, renamer, tower_renamer
from critic_eval.critics.checkpoints.weights import (
    Filling,
    Rows,
    empty_model,
    mapped_state,
    pad_vocabulary,
    read_weights,
)
from critic_eval.critics.conversations import ConversationFormat, choose_conversation
from critic_eval.errors import CheckpointError

PreTrainedModel: TypeAlias = Any
"""A transformers model, which is untyped here."""

_SECOND_LAYER = "model.multi_modal_projector.linear_2"
_ADDED_TOKENS = 100_000
"""So many rows at most are added to a vocabulary for tokens that it lacks."""

_MODELS: dict[str, Any] = {
    "llava": LlavaForConditionalGeneration,
    "llava_next": LlavaNextForConditionalGeneration,
    "llava_onevision": LlavaOnevisionForConditionalGeneration,
}


def load_llava(
    source: Source, files: list[Path], placement: Placement, parts: Parts
) -> tuple[PreTrainedModel, LlavaEncoder]:
    """Load a checkpoint of one of LLaVA's own formats, tokenizer and images included; its adapter is not applied yet.

    Raises:
        CheckpointError: a part is missing or doesn't fit the config.
        ArgumentError: the placement can't be had.
    """
    kind = kind_of(source.config, source.name)
    has_video = kind.tower == "siglip"
    default_class = "Qwen2Tokenizer" if kind.language_model == "qwen2" else "LlamaTokenizer"
    tokenizer = load_tokenizer(source.folder, default_class, ("<image>", "<video>") if has_video else ("<image>",))
    name = source.name if parts.adapter is None or parts.adapter.llava_config is None else parts.adapter.name
    conversation_format = parts.conversation or choose_conversation(
        name,
        language_model=kind.language_model,
        two_layers=not kind.is_linear,
        tiled=kind.is_tiled,
        ends_with=tokenizer.eos_token,
    )
    if kind.marks_images:
        conversation_format = conversation_format.with_image_tokens("<im_start>", "<im_end>")
    check_marks(tokenizer, conversation_format, source)
    image_token_id = tokenizer.convert_tokens_to_ids("<image>")
    if not 0 <= image_token_id < int(source.config.get("vocab_size", 0)) + _ADDED_TOKENS:
        raise CheckpointError(
            f"The tokenizer of {source.name} gives <image> the id {image_token_id}, far over its vocabulary."
        )
    config = build_config(source.config, parts.vision_config, image_token_id=image_token_id)
    model_class = _MODELS[config.model_type]
    load = _load_quantized if placement.quantization else _load_weights
    model = load(model_class, config, source, files, placement, parts)
    eos_token_ids, pad_token_id = _end_and_padding(source, tokenizer, conversation_format)
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=list(eos_token_ids),
        pad_token_id=pad_token_id,
    )
    encoder = LlavaEncoder(
        tokenizer=tokenizer,
        conversation_format=conversation_format,
        image_processor=_images(config, pad=pads_to_square(replace(source, name=name))),
        image_token_id=config.image_token_id,
        pad_token_id=pad_token_id,
        eos_token_ids=eos_token_ids,
        device=model.device,
    )
    return model, encoder


def _images(config: Any, *, pad: bool) -> ImageProcessor:
    if config.model_type == "llava_onevision":
        return OnevisionImages(config)
    return NextImages(config) if config.model_type == "llava_next" else LlavaImages(config, pad=pad)


def check_marks(tokenizer: Any, conversation_format: ConversationFormat, source: Source) -> None:
    """Raise `CheckpointError` if the vocabulary lacks a mark of the conversation format."""
    absent = [token for token in conversation_format.special_tokens if token not in tokenizer.get_vocab()]
    if absent:
        raise CheckpointError(
            f"The tokenizer of {source.name} lacks {', '.join(absent)}, which the conversation format "
            f"{conversation_format.name} needs; take the tokenizer that belongs to the checkpoint."
        )


def reads_by_itself(source: Source) -> bool:
    """Tell whether a checkpoint in transformers' layout is one of a LLaVA that `load_layout` reads.

    transformers would load these too, but it keeps all shards mapped until the last is read.
    """
    config = source.config
    vision, text = config.get("vision_config") or {}, config.get("text_config") or {}
    return (
        config.get("model_type") in _MODELS
        and vision.get("model_type") in ("clip_vision_model", "siglip_vision_model")
        and text.get("model_type") in ("llama", "mistral", "qwen2")
        and "quantization_config" not in config
    )


def load_layout(source: Source, files: list[Path], placement: Placement) -> PreTrainedModel:
    """Load the model of a LLaVA checkpoint in transformers' layout, such as `llava-hf/*`, one shard at a time.

    Raises:
        CheckpointError: the weights don't fit the config.
    """
    config = AutoConfig.from_pretrained(source.folder, local_files_only=True)
    model = empty_model(_MODELS[config.model_type], config, placement.dtype, placement.attn_implementation)
    tensors, vocab_size = read_weights(files), config.text_config.vocab_size
    device_map = _fill(model, placement, source, vocab_size, tensors, layout_renamer(model), Parts())
    if (source.folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(source.folder, local_files_only=True)
    return _placed(model, device_map)


def _load_weights(
    model_class: Any, config: Any, source: Source, files: list[Path], placement: Placement, parts: Parts
) -> PreTrainedModel:
    model = empty_model(model_class, config, placement.dtype, placement.attn_implementation)
    rename, tensors = renamer(model), _tensors(source, files, parts)
    device_map = _fill(model, placement, source, int(source.config["vocab_size"]), tensors, rename, parts)
    return _placed(model, device_map)


def _tensors(source: Source, files: list[Path], parts: Parts) -> Iterator[tuple[str, Rows]]:
    """The weights that LLaVA's code would load: sums, and what an adapter that brings the config holds in whole."""
    yield from read_weights(files) if parts.base is None else read_sums(files, parts.base, parts.base_folder)
    if parts.adapter is not None and parts.adapter.llava_config is not None:
        yield from parts.adapter.whole_weights()


def _fill(
    model: PreTrainedModel,
    placement: Placement,
    source: Source,
    vocab_size: int,
    tensors: Iterator[tuple[str, Rows]],
    rename: Rename,
    parts: Parts,
) -> dict[str, Any]:
    if placement.is_empty:
        return {"": placement.device}
    device_map = resolve_device_map(model, placement.spread, placement.dtype)
    filling = Filling(model, placement.dtype, device_of(device_map), vocab_size)
    filling.fill(tensors, rename)
    if source.format != "transformers":
        if tower_is_absent(model):
            filling.fill(read_weights(_tower_files(source, parts)), tower_renamer(model))
        if model.config.projector_hidden_act == "linear":
            filling.fill_identity(_SECOND_LAYER)
        if model.config.text_config.model_type == "mpt":
            filling.copy_embeddings()
    filling.finish(source.folder)
    return device_map


def _placed(model: PreTrainedModel, device_map: dict[str, Any]) -> PreTrainedModel:
    """Put the computed buffers where the weights are, and let several devices work together."""
    if len(set(map(str, device_map.values()))) == 1:
        return model.to(next(iter(device_map.values())))
    from accelerate import dispatch_model

    return dispatch_model(model, device_map)


def tower_is_absent(model: PreTrainedModel) -> bool:
    """Tell whether no weight of the vision tower has been filled."""
    return all(weight.is_meta for name, weight in model.named_parameters() if "vision_tower" in name)


def _tower_files(source: Source, parts: Parts) -> list[Path]:
    tower = parts.tower or source.config.get("mm_vision_tower")
    if not tower:
        raise CheckpointError(
            f"{source.name} holds no vision tower and names none (mm_vision_tower); give it with vision_tower=FOLDER."
        )
    try:
        return weight_files(parts.tower or fetch(str(tower))[0])
    except CheckpointError as error:
        raise CheckpointError(
            f"{source.name} holds no vision tower, and {tower} can't be loaded; give a folder or hub id with "
            f"vision_tower: {error}"
        ) from error


def _load_quantized(
    model_class: Any, config: Any, source: Source, files: list[Path], placement: Placement, parts: Parts
) -> PreTrainedModel:
    """Let transformers quantize: it takes the weights, mapped from disk, under the names of its own layout."""
    outline = empty_model(model_class, config, placement.dtype, placement.attn_implementation)
    with mapped_state(files, renamer(outline)) as state:
        if not any("vision_tower" in name for name in state):
            with mapped_state(_tower_files(source, parts), tower_renamer(outline)) as tower:
                state.update({name: tensor.clone() for name, tensor in tower.items()})
        if config.projector_hidden_act == "linear":
            size = config.text_config.hidden_size
            state[f"{_SECOND_LAYER}.weight"], state[f"{_SECOND_LAYER}.bias"] = torch.eye(size), torch.zeros(size)
        if config.text_config.model_type == "mpt":
            state.setdefault("lm_head.weight", state["model.language_model.wte.weight"].clone())
        pad_vocabulary(state, config.text_config.vocab_size)
        from_state = partial(model_class.from_pretrained, None, config=config, state_dict=state)
        return transformers_models.checked(
            from_state, source.folder, **placement.arguments(), optional="post_layernorm."
        )


def _end_and_padding(
    source: Source, tokenizer: Any, conversation_format: ConversationFormat
) -> tuple[tuple[int, ...], int]:
    """Give the ids that end an answer, of configs, tokenizer and conversation format, and the id that pads."""
    file = source.folder / "generation_config.json"
    generation = read_json(file) if file.is_file() else {}
    ends: list[int] = []
    for stated in (generation.get("eos_token_id"), source.config.get("eos_token_id"), tokenizer.eos_token_id):
        ends += stated if isinstance(stated, list) else [] if stated is None else [stated]
    if conversation_format.end_token is not None:
        ends.append(tokenizer.convert_tokens_to_ids(conversation_format.end_token))
    candidates = (tokenizer.pad_token_id, generation.get("pad_token_id"), tokenizer.unk_token_id, *ends)
    padding = next((int(candidate) for candidate in candidates if candidate is not None), None)
    if not all(isinstance(end, int) for end in ends):
        raise CheckpointError(f"{source.name} names an end-of-answer token that is not an id: {ends}.")
    if not ends or padding is None:
        raise CheckpointError(f"{source.name} names no end-of-answer token; add eos_token_id to its config.json.")
    return tuple(dict.fromkeys(ends)), padding
