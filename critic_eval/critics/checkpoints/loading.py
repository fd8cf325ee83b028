"""Loads a critic's checkpoint, whatever its format, as a transformers model with the encoder of its prompts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from critic_eval.critics.checkpoints.adapting import apply_adapter, check_can_stay_apart
from critic_eval.critics.checkpoints.encoding import PromptEncoder
from critic_eval.critics.checkpoints.faults import in_sentences
from critic_eval.critics.checkpoints.heads import (
    LinearHead,
    check_promised,
    head_file,
    is_classifier,
    linear_head,
    read_head,
)
from critic_eval.critics.checkpoints.llava_models import PreTrainedModel, load_layout, load_llava, reads_by_itself
from critic_eval.critics.checkpoints.own_heads import OwnHead, brings_own_head, load_own_model
from critic_eval.critics.checkpoints.parts import Parts, open_parts
from critic_eval.critics.checkpoints.placement import (
    Placement,
    Quantization,
    check_device,
    check_device_map,
    check_quantization,
    choose_dtype,
)
from critic_eval.critics.checkpoints.shards import digest, digest_settings, weight_files
from critic_eval.critics.checkpoints.sizes import check_fit, check_model, check_sizes
from critic_eval.critics.checkpoints.sources import Source
from critic_eval.critics.checkpoints.transformers_layout import TransformersEncoder, limit_pixels
from critic_eval.critics.checkpoints.transformers_models import empty_layout, load_classifier, load_model
from critic_eval.errors import ArgumentError


@dataclass
class Checkpoint:
    """A loaded critic.

    Attributes:
        model: on its device, in eval mode, without gradients.
        encoder: makes its prompts; None of a model whose own code makes them.
        identity: `name` (hub id or folder name), `format` (see `kinds.Format`), `revision` (commit or ""), `digest` (of
            config and weights, see `shards.digest`), `settings` (of the other files); and of the parts that were given
            besides, `base`, `vision_tower` and `adapter` (their digests) and `conversation` (its name); and `head`,
            where there is one (what it was read from).
        head: gives rewards instead of text; None of a critic that writes.
    """

    model: PreTrainedModel
    encoder: PromptEncoder
    identity: dict[str, str]
    head: LinearHead | OwnHead | None = None


def load_checkpoint(
    pretrained: str | Path,
    *,
    revision: str | None = None,
    device: str = "cpu",
    dtype: str = "auto",
    device_map: str | dict[str, Any] | None = None,
    attn_implementation: str | None = None,
    vision_config: str | Path | dict[str, Any] | None = None,
    quantization: Quantization | None = None,
    trust_remote_code: bool = False,
    weights: bool = True,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    base: str | Path | None = None,
    vision_tower: str | Path | None = None,
    conversation: str | None = None,
    adapter: str | Path | None = None,
    merge_adapter: bool = True,
) -> Checkpoint:
    """Load a checkpoint; peak memory stays under the model plus its largest shard.

    That holds for LLaVA in its own formats and in transformers' layout. Other models are read by transformers, which
    takes no more memory of its own but keeps the files mapped meanwhile.

    Args:
        pretrained: a hub id, or a folder.
        revision: branch, tag or commit of a hub id.
        device: `cpu`, `cuda`, `cuda:N`; not used with `device_map`.
        dtype: `float32`, `float16`, `bfloat16`, or `auto`: as stored on a GPU, float32 on a CPU.
        device_map: `auto` or a dict from module names to devices (accelerate).
        attn_implementation: transformers' name of an attention implementation.
        vision_config: a JSON file (or its content) with the vision tower's sizes, for towers that are not known.
        quantization: `4bit` or `8bit` with bitsandbytes, on a GPU.
        trust_remote_code: whether code that a checkpoint brings may run.
        weights: `False` leaves the model empty: good for its encoder and config only.
        min_pixels: pixels of an image at least, for processors that take images of any size.
        max_pixels: pixels of an image at most, for the same.
        base: where the checkpoint is a delta, the language model that its weights are to be added to: a hub id or a
            folder.
        vision_tower: the vision tower of a checkpoint that doesn't hold it, or is to be read with other sizes: a hub
            id, or a folder; by default the one that its config names.
        conversation: LLaVA's name of the format in which prompts are rendered; by default the checkpoint's (see
            `choose_conversation`).
        adapter: what was trained on top of the checkpoint, of PEFT's or LLaVA's forms: a hub id, or a folder.
        merge_adapter: whether its matrices go into the weights, or stay beside them (with PEFT).

    Raises:
        CheckpointError: the checkpoint can't be found or read, is of no known kind, or doesn't fit its config.
        ArgumentError: an argument is unknown, or asks for what this machine doesn't have.
    """
    check_quantization(quantization)
    check_device_map(device_map)
    if adapter is not None and not merge_adapter:
        check_can_stay_apart()
    if quantization and (base is not None or (adapter is not None and merge_adapter)):
        raise ArgumentError(
            f"What is added to weights can't be added to those in {quantization}; write the sum with critic-eval "
            "convert, and load that."
        )
    target = check_device("cuda" if quantization and device == "cpu" else device)
    with in_sentences(pretrained):
        source, parts = open_parts(
            pretrained,
            revision,
            vision_config=vision_config,
            vision_tower=vision_tower,
            base=base,
            adapter=adapter,
            conversation=conversation,
            trust_remote_code=trust_remote_code,
        )
        placement = Placement(target, device_map, torch.float32, attn_implementation, quantization)
        checkpoint = _loaded(source, parts, placement, dtype, trust_remote_code, weights)
        if parts.adapter is not None and weights:
            apply_adapter(checkpoint.model, parts.adapter, merge=merge_adapter)
            checkpoint.model.eval().requires_grad_(False)
        if (min_pixels, max_pixels) != (None, None):
            limits = limit_pixels(checkpoint.encoder, min_pixels, max_pixels)
            checkpoint.identity.update({name: str(limit) for name, limit in limits.items()})
    if adapter is not None and not merge_adapter:
        checkpoint.identity["adapter_merged"] = "no"
    return checkpoint


def _loaded(
    source: Source, parts: Parts, placement: Placement, dtype: str, trust_remote_code: bool, weights: bool
) -> Checkpoint:
    files = weight_files(source.folder)
    own_file = head_file(source.folder)
    check_sizes(source.config, source.name)
    check_sizes(parts.vision_config or {}, f"{source.name} (vision_config)")
    on_cpu = not torch.cuda.is_available() if placement.device_map else placement.device.type == "cpu"
    placement = replace(placement, dtype=choose_dtype(dtype, source.config, files, on_cpu=on_cpu))
    bytes_a_value = 0.0 if not weights else 0.5 if placement.quantization else float(placement.dtype.itemsize)
    check_fit(source.config, parts.vision_config, files, source.name, bytes_a_value)
    if not weights:
        placement = replace(placement, device=torch.device("meta"), device_map=None, quantization=None)
    model: PreTrainedModel
    encoder: Any
    head: LinearHead | OwnHead | None
    if trust_remote_code and brings_own_head(source.config):
        model = load_own_model(source, placement)
        encoder, head = None, OwnHead.of(model, source)
    elif source.format == "transformers" and is_classifier(source.config):
        model = load_classifier(source.folder, placement.arguments(), is_empty=placement.is_empty)
        encoder = TransformersEncoder.load(source.folder, model)
        head = linear_head(model.score.weight, model.score.bias, _width(model), "num_labels=1: score.weight")
    else:
        if source.format == "transformers":
            model, encoder = _load_transformers(source, files, placement, trust_remote_code)
        else:
            model, encoder = load_llava(source, files, placement, parts)
        head = read_head([own_file, *files] if own_file else files, _width(model))
        check_promised(source.config, head, source.name)
    model.eval().requires_grad_(False)
    identity = {
        "name": source.name,
        "format": source.format,
        "revision": source.revision,
        "digest": digest(source.folder / "config.json", [*files, own_file] if own_file else files),
        "settings": digest_settings(source.folder),
        **parts.identity(),
        **({} if head is None else {"head": head.source}),
    }
    return Checkpoint(model, encoder, identity, head)


def _width(model: PreTrainedModel) -> int:
    return int(model.config.get_text_config().hidden_size)


def _load_transformers(
    source: Source, files: list[Path], placement: Placement, trust_remote_code: bool
) -> tuple[PreTrainedModel, PromptEncoder]:
    if reads_by_itself(source) and not placement.quantization:
        model = load_layout(source, files, placement)
    elif placement.is_empty:
        model = empty_layout(source.folder, trust_remote_code=trust_remote_code)
    else:
        if not trust_remote_code:
            check_model(empty_layout(source.folder, trust_remote_code=False), files, source.name)
        model = load_model(source.folder, trust_remote_code=trust_remote_code, **placement.arguments())
    return model, TransformersEncoder.load(source.folder, model, trust_remote_code=trust_remote_code)
