"""LLaVA models built empty and filled shard by shard: from LLaVA's own formats, and from transformers' layout."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from transformers import (
    AutoConfig,
    GenerationConfig,
    LlavaForConditionalGeneration,
    LlavaOnevisionForConditionalGeneration,
)

from critic_eval.critics.checkpoints import transformers_layout
from critic_eval.critics.checkpoints.configs import build_config
from critic_eval.critics.checkpoints.encoding import LlavaEncoder
from critic_eval.critics.checkpoints.images import LlavaImages, OnevisionImages, pads_to_square
from critic_eval.critics.checkpoints.placement import Placement, device_of, resolve_device_map
from critic_eval.critics.checkpoints.shards import weight_files
from critic_eval.critics.checkpoints.sources import Source, fetch, read_json
from critic_eval.critics.checkpoints.tokenization import load_tokenizer
from critic_eval.critics.checkpoints.weights import (
    Filling,
    Rename,
    empty_model,
    layout_renamer,
    mapped_state,
    pad_vocabulary,
    renamer,
    tower_renamer,
)
from critic_eval.critics.conversations import QWEN_1_5, VICUNA_V1, ConversationFormat
from critic_eval.errors import CheckpointError

PreTrainedModel: TypeAlias = Any
"""A transformers model, which is untyped here."""

_ADDED_TOKENS = 100_000
"""So many rows at most are added to a vocabulary for tokens that it lacks."""

_MODELS: dict[str, Any] = {
    "llava": LlavaForConditionalGeneration,
    "llava_onevision": LlavaOnevisionForConditionalGeneration,
}


def load_llava(
    source: Source, files: list[Path], placement: Placement, vision_config: dict[str, Any] | None
) -> tuple[PreTrainedModel, LlavaEncoder]:
    """Load a checkpoint of LLaVA-NeXT's or LLaVA-1.5's own format, tokenizer and images included.

    Raises:
        CheckpointError: a part is missing or doesn't fit the config.
        ArgumentError: the placement can't be had.
    """
    is_next = source.format == "llava_next"
    conversation_format = QWEN_1_5 if is_next else VICUNA_V1
    new_tokens = ("<image>", "<video>") if is_next else ("<image>",)
    tokenizer = load_tokenizer(source.folder, "Qwen2Tokenizer" if is_next else "LlamaTokenizer", new_tokens)
    check_marks(tokenizer, conversation_format, source)
    image_token_id = tokenizer.convert_tokens_to_ids("<image>")
    if not 0 <= image_token_id < int(source.config.get("vocab_size", 0)) + _ADDED_TOKENS:
        raise CheckpointError(
            f"The tokenizer of {source.name} gives <image> the id {image_token_id}, far over its vocabulary."
        )
    config = build_config(source.config, vision_config, image_token_id=image_token_id)
    model_class = _MODELS[config.model_type]
    load = _load_quantized if placement.quantization else _load_weights
    model = load(model_class, config, source, files, placement)
    eos_token_ids, pad_token_id = _end_and_padding(source, tokenizer)
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=list(eos_token_ids),
        pad_token_id=pad_token_id,
    )
    encoder = LlavaEncoder(
        tokenizer=tokenizer,
        conversation_format=conversation_format,
        image_processor=OnevisionImages(config) if is_next else LlavaImages(config, pad=pads_to_square(source)),
        image_token_id=config.image_token_id,
        pad_token_id=pad_token_id,
        eos_token_ids=eos_token_ids,
        device=model.device,
    )
    return model, encoder


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
        and text.get("model_type") in ("llama", "qwen2")
        and "quantization_config" not in config
    )


def load_layout(source: Source, files: list[Path], placement: Placement) -> PreTrainedModel:
    """Load the model of a LLaVA checkpoint in transformers' layout, such as `llava-hf/*`, one shard at a time.

    Raises:
        CheckpointError: the weights don't fit the config.
    """
    config = AutoConfig.from_pretrained(source.folder, local_files_only=True)
    model = empty_model(_MODELS[config.model_type], config, placement.dtype, placement.attn_implementation)
    device_map = _fill(model, placement, source, config.text_config.vocab_size, files, layout_renamer(model))
    if (source.folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(source.folder, local_files_only=True)
    return _placed(model, device_map)


def _load_weights(
    model_class: Any, config: Any, source: Source, files: list[Path], placement: Placement
) -> PreTrainedModel:
    model = empty_model(model_class, config, placement.dtype, placement.attn_implementation)
    device_map = _fill(model, placement, source, int(source.config["vocab_size"]), files, renamer(model))
    return _placed(model, device_map)


def _fill(
    model: PreTrainedModel, placement: Placement, source: Source, vocab_size: int, files: list[Path], rename: Rename
) -> dict[str, Any]:
    if placement.is_empty:
        return {"": placement.device}
    device_map = resolve_device_map(model, placement.spread, placement.dtype)
    filling = Filling(model, placement.dtype, device_of(device_map), vocab_size)
    filling.fill(files, rename)
    if source.format != "transformers" and tower_is_absent(model):
        filling.fill(_tower_files(source), tower_renamer(model))
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


def _tower_files(source: Source) -> list[Path]:
    tower = source.config.get("mm_vision_tower")
    if not tower:
        raise CheckpointError(f"{source.name} holds no vision tower and names none (mm_vision_tower).")
    try:
        folder, _, _ = fetch(str(tower))
        return weight_files(folder)
    except CheckpointError as error:
        raise CheckpointError(
            f"{source.name} holds no vision tower, and the one it names can't be loaded: {error}"
        ) from error


def _load_quantized(
    model_class: Any, config: Any, source: Source, files: list[Path], placement: Placement
) -> PreTrainedModel:
    """Let transformers quantize: it takes the weights, mapped from disk, under the names of its own layout."""
    outline = empty_model(model_class, config, placement.dtype, placement.attn_implementation)
    with mapped_state(files, renamer(outline)) as state:
        if not any("vision_tower" in name for name in state):
            with mapped_state(_tower_files(source), tower_renamer(outline)) as tower:
                state.update({name: tensor.clone() for name, tensor in tower.items()})
        pad_vocabulary(state, config.text_config.vocab_size)
        from_state = partial(model_class.from_pretrained, None, config=config, state_dict=state)
        return transformers_layout.checked(
            from_state, source.folder, **placement.arguments(), optional="post_layernorm."
        )


def _end_and_padding(source: Source, tokenizer: Any) -> tuple[tuple[int, ...], int]:
    """Give the ids that end an answer, of generation config, config and tokenizer, and the id that pads."""
    file = source.folder / "generation_config.json"
    generation = read_json(file) if file.is_file() else {}
    ends: list[int] = []
    for stated in (generation.get("eos_token_id"), source.config.get("eos_token_id"), tokenizer.eos_token_id):
        ends += stated if isinstance(stated, list) else [] if stated is None else [stated]
    candidates = (tokenizer.pad_token_id, generation.get("pad_token_id"), tokenizer.unk_token_id, *ends)
    padding = next((int(candidate) for candidate in candidates if candidate is not None), None)
    if not all(isinstance(end, int) for end in ends):
        raise CheckpointError(f"{source.name} names an end-of-answer token that is not an id: {ends}.")
    if not ends or padding is None:
        raise CheckpointError(f"{source.name} names no end-of-answer token; add eos_token_id to its config.json.")
    return tuple(dict.fromkeys(ends)), padding
