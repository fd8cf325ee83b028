"""Sequences that grow out of shared prefixes: a prefill for each prefix, and steps for all that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    DynamicCache,
    LlavaForConditionalGeneration,
    LlavaNextForConditionalGeneration,
    LlavaOnevisionForConditionalGeneration,
)

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt
from critic_eval.critics.engines.local.shared_attention import SharedPrefix, attending_to


def why_not_shared(model: Any) -> str | None:
    """Why a model's prefixes can't be shared here, or None where they can."""
    if not isinstance(model, _MODELS):
        return f"{type(model).__name__} may place its tokens in ways that only its own code knows"
    text = model.config.text_config
    if text.model_type not in _TEXT_MODELS:
        return f"its text model is {text.model_type}, not one of {', '.join(_TEXT_MODELS)}"
    vision = model.config.vision_config.model_type
    if vision not in ("siglip_vision_model", "clip_vision_model"):
        return f"its vision tower is {vision}, whose images may be laid out in other ways than as runs of one token"
    slides = getattr(text, "sliding_window", None) and getattr(text, "use_sliding_window", True)
    if slides or set(getattr(text, "layer_types", None) or ["full_attention"]) != {"full_attention"}:
        return "some of its layers attend to a part of the text only"
    changed = [
        name for name, neutral in _NEUTRAL.items() if getattr(model.generation_config, name, None) not in neutral
    ]
    if changed:
        return f"its generation config asks for {', '.join(changed)}"
    return None


def prefill(checkpoint: Checkpoint, trunks: Sequence[EncodedPrompt]) -> SharedPrefix:
    """Compute the keys and values of prompts' beginnings, images among them.

    Short ones are computed together, padded on the left. Long ones fill the machine alone, and are computed one by one:
    padding would need a mask, with which attention is slower and takes the square of the length.
    """
    long = [index for index, trunk in enumerate(trunks) if len(trunk.input_ids) >= _LONG]
    short = [index for index in range(len(trunks)) if index not in long]
    parts = [[index] for index in long] + ([short] if short else [])
    prefixes = [_prefilled(checkpoint, [trunks[index] for index in part]) for part in parts]
    indices = torch.tensor([index for part in parts for index in part])
    return SharedPrefix.joined(prefixes).select(indices.argsort()) if len(parts) > 1 else prefixes[0]


def _prefilled(checkpoint: Checkpoint, trunks: Sequence[EncodedPrompt]) -> SharedPrefix:
    model = checkpoint.model
    inputs = {name: placed(tensor, model) for name, tensor in checkpoint.encoder.collate(trunks).items()}
    lengths = inputs["attention_mask"].sum(dim=1)
    cache = DynamicCache(config=model.config.text_config)
    positions = (inputs["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
    with torch.inference_mode():
        model.model(**inputs, position_ids=positions, past_key_values=cache, use_cache=True)
    return SharedPrefix.of(cache, lengths)


class Branches:
    """Sequences that follow shared prefixes, equally many for each, neighbors where they share one.

    Attributes:
        prefix: what they follow.
        rows: how many sequences there are.
    """

    def __init__(self, model: Any, prefix: SharedPrefix, members: int) -> None:
        self.prefix, self._members = prefix, members
        self._model, self._text = model, model.model.language_model
        self._embed, self._device = model.get_input_embeddings(), model.get_input_embeddings().weight.device
        self._cache = DynamicCache(config=self._text.config)
        self._is_token = torch.zeros(self.rows, 0, dtype=torch.bool, device=self._device)

    @property
    def rows(self) -> int:
        """How many sequences there are."""
        return len(self.prefix.lengths) * self._members

    def extend(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Append tokens to each sequence; gives the hidden states at them, (rows, longest, width), padded left."""
        longest = max(len(row) for row in tokens)
        ids = torch.zeros(self.rows, longest, dtype=torch.long)
        is_token = torch.zeros(self.rows, longest, dtype=torch.bool)
        for row, given in enumerate(tokens):
            if given:
                ids[row, -len(given) :] = torch.as_tensor(given, dtype=torch.long)
                is_token[row, -len(given) :] = True
        return self._step(ids.to(self._device), is_token.to(self._device))

    def append(self, tokens: Tensor) -> Tensor:
        """Append one token to each sequence, (rows,); gives the hidden states at them, (rows, width)."""
        ids = tokens[:, None].to(self._device)
        return self._step(ids, torch.ones_like(ids, dtype=torch.bool))[:, -1]

    def logits(self, hidden: Tensor) -> Tensor:
        """The model's prediction from hidden states, in float32."""
        predicted: Tensor = self._model.lm_head(hidden)
        return predicted.float()

    def branch(self, parents: Sequence[int], members: int) -> None:
        """Go on with these sequences, each as often as it is named; `members` of them follow each prefix.

        What is named must keep to its prefix: all of the first group, then all of the second, and so on.
        """
        index = torch.as_tensor(parents, dtype=torch.long, device=self._device)
        for layer in self._cache.layers:
            if layer.is_initialized:
                layer.keys = layer.keys[index.to(layer.keys.device)]
                layer.values = layer.values[index.to(layer.values.device)]
        self._is_token = self._is_token[index]
        self._members = members

    def keep_groups(self, groups: Sequence[int], rows: Sequence[int], members: int) -> None:
        """Go on with some groups only, and in them with these rows."""
        self.prefix = self.prefix.select(torch.as_tensor(groups, dtype=torch.long))
        self.branch(rows, members)

    def _step(self, ids: Tensor, is_token: Tensor) -> Tensor:
        past = self._is_token.shape[1]
        self._is_token = torch.cat([self._is_token, is_token], dim=1)
        prefix_lengths = self.prefix.lengths.to(self._device).repeat_interleave(self._members)
        before = self._is_token.cumsum(dim=1)[:, past:] - 1
        positions = (prefix_lengths[:, None] + before).clamp(min=0)
        with torch.inference_mode(), attending_to(self.prefix, self._text.config):
            output = self._text(
                inputs_embeds=self._embed(ids),
                attention_mask=self._mask(past, ids.shape[1]),
                position_ids=positions,
                past_key_values=self._cache,
                use_cache=True,
            )
        hidden: Tensor = output.last_hidden_state
        return hidden

    def _mask(self, past: int, queries: int) -> Tensor:
        """Additive mask (rows, 1, queries, own keys): causal, without padding, but each query may see itself."""
        n_keys = past + queries
        here = torch.arange(past, n_keys, device=self._device)[:, None]
        keys = torch.arange(n_keys, device=self._device)[None, :]
        allowed = (self._is_token[:, None, :] & (keys <= here)) | (keys == here)
        mask = torch.zeros(allowed.shape, dtype=self._model.dtype, device=self._device)
        return mask.masked_fill_(~allowed, float("-inf"))[:, None]


def placed(tensor: Tensor, model: Any) -> Tensor:
    """A tensor on the model's device, of its type if it is one of numbers with a point."""
    return tensor.to(model.device, model.dtype) if tensor.is_floating_point() else tensor.to(model.device)


_MODELS = (
    LlavaForConditionalGeneration,
    LlavaNextForConditionalGeneration,
    LlavaOnevisionForConditionalGeneration,
)

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "repetition_penalty": (None, 1, 1.0),
    "no_repeat_ngram_size": (None, 0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "suppress_tokens": (None, []),
    "begin_suppress_tokens": (None, []),
    "bad_words_ids": (None, []),
    "sequence_bias": (None, {}),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "exponential_decay_length_penalty": (None,),
    "guidance_scale": (None, 1, 1.0),
}
"""Settings of a checkpoint's generation config that change greedy decoding, and what leaves it alone."""

_LONG = 1024
"""Tokens from which on a prefill gains nothing from company."""

_TEXT_MODELS = ("qwen2", "llama", "mistral", "qwen3")
