"""Attention of many sequences to a prefix that they share, whose keys and values are kept once.

A query attends to the shared keys and to its own sequence's keys apart; the two results are merged by their
normalizers, which gives what attention over all keys at once would give. All queries that share a prefix are laid
side by side for the first part, so that a prefix's keys and values are read once however many sequences share them.

Source: Juravsky et al. 2024, "Hydragen" (arXiv 2402.05099), section 3.1: softmax attention decomposed by log-sum-exps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import AttentionInterface, DynamicCache

from critic_eval.compat import CPU_ATTENTION, CUDA_ATTENTION, attention_of

NAME = "critic_eval_shared_prefix"


@dataclass(frozen=True)
class SharedPrefix:
    """Keys and values of the prefixes of `groups` groups of sequences.

    Attributes:
        layers: for each layer, keys and values of shape (groups, key-value heads, length, width).
        lengths: int64 tensor (groups,), how many positions each prefix has; shorter ones are padded on the left.
    """

    layers: list[tuple[Tensor, Tensor]]
    lengths: Tensor

    @classmethod
    def of(cls, cache: DynamicCache, lengths: Tensor) -> SharedPrefix:
        """The prefix that a cache holds after its prefill."""
        return cls([(layer.keys, layer.values) for layer in cache.layers], lengths)

    @classmethod
    def joined(cls, prefixes: Sequence[SharedPrefix]) -> SharedPrefix:
        """The groups of several prefixes in one, padded to the longest."""
        longest = max(prefix.layers[0][0].shape[2] for prefix in prefixes)

        def together(tensors: Sequence[Tensor]) -> Tensor:
            return torch.cat([pad(tensor, (0, 0, longest - tensor.shape[2], 0)) for tensor in tensors])

        layers = [
            (together([keys for keys, _ in layer]), together([values for _, values in layer]))
            for layer in zip(*(prefix.layers for prefix in prefixes), strict=True)
        ]
        return cls(layers, torch.cat([prefix.lengths for prefix in prefixes]))

    def bias(self) -> Tensor | None:
        """What is added to the scores, shape (groups, 1, 1, length): minus infinity for padding; None without any."""
        keys = self.layers[0][0]
        padding = keys.shape[2] - self.lengths
        if not bool(padding.any()):
            return None
        positions = torch.arange(keys.shape[2], device=keys.device)
        is_padding = positions[None, :] < padding.to(keys.device)[:, None]
        return _additive(~is_padding, keys.dtype)[:, None, None, :]

    def select(self, groups: Tensor) -> SharedPrefix:
        """The prefixes of these groups, in this order; int64 tensor of indices."""
        layers = [(keys[groups.to(keys.device)], values[groups.to(values.device)]) for keys, values in self.layers]
        return SharedPrefix(layers, self.lengths[groups.to(self.lengths.device)])


@contextmanager
def attending_to(prefix: SharedPrefix, config: Any) -> Iterator[None]:
    """Let the layers of a text model attend to a prefix before the keys of their own caches.

    Inside, the model must be called with position ids that count from the prefix, and with an additive attention mask
    of shape (sequences, 1, queries, own keys); sequences of one group are neighbors, equally many in each.

    Args:
        prefix: the keys and values to attend to.
        config: the text model's config, which names the attention that its layers use.
    """
    token = _ACTIVE.set((prefix, prefix.bias()))
    try:
        with attention_of(config, NAME):
            yield
    finally:
        _ACTIVE.reset(token)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """Attention, with the logarithm of each query's normalizer.

    Args:
        query: shape (batch, heads, queries, width).
        key: shape (batch, heads, keys, width).
        value: shape (batch, heads, keys, width).
        bias: None, or a tensor added to the scores that broadcasts to (batch, heads, queries, keys).
        scale: factor of the scores.

    Returns:
        The attended values, shape (batch, heads, queries, width), and normalizers in float32, (batch, heads, queries).
    """
    if query.device.type == "cpu" and _agrees(query.device, query.dtype):
        return _flash_on_cpu(query, key, value, bias, scale)
    if bias is None and _is_for_cuda(query) and _agrees(query.device, query.dtype):
        return _flash_on_cuda(query, key, value, scale)
    return _attend_in_pieces(query, key, value, bias, scale)


_ACTIVE: ContextVar[tuple[SharedPrefix, Tensor | None]] = ContextVar("critic_eval_shared_prefix")
_PIECE_BYTES = 1 << 28
"""Scores that are held at once, in float32."""


def _shared_prefix_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """What a layer calls: (batch, heads, queries, width) comes in, (batch, queries, heads, width) goes out."""
    prefix, bias = _ACTIVE.get()
    prefix_key, prefix_value = prefix.layers[module.layer_idx]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    batch, heads, length, width = query.shape
    groups, kv_heads = prefix_key.shape[:2]
    members, shared = batch // groups, heads // kv_heads

    # All queries of a group, of all heads that share keys, side by side: (groups, kv_heads, members*shared*length, ·).
    side_by_side = query.reshape(groups, members, kv_heads, shared * length, width).transpose(1, 2)
    of_prefix, prefix_normalizer = attend(
        side_by_side.reshape(groups, kv_heads, -1, width),
        prefix_key,
        prefix_value,
        None if bias is None else bias.to(query.device),
        scale,
    )
    of_prefix = of_prefix.reshape(groups, kv_heads, members, shared * length, width).transpose(1, 2)
    prefix_normalizer = prefix_normalizer.reshape(groups, kv_heads, members, shared * length).transpose(1, 2)

    mask = attention_mask[:, :, None].expand(-1, -1, shared, -1, -1).flatten(2, 3)
    of_own, own_normalizer = attend(query.reshape(batch, kv_heads, shared * length, width), key, value, mask, scale)

    share = torch.sigmoid(prefix_normalizer.reshape(own_normalizer.shape) - own_normalizer)[..., None]
    beside = torch.where(share > 0, of_prefix.reshape(of_own.shape).float(), 0.0)  # NaN where a prefix is all padding
    merged = torch.lerp(of_own.float(), beside, share).to(query.dtype)
    return merged.reshape(batch, heads, length, width).transpose(1, 2), None


AttentionInterface.register(NAME, _shared_prefix_attention)


def _is_for_cuda(query: Tensor) -> bool:
    is_half = query.dtype in (torch.float16, torch.bfloat16)
    # A few queries, as of a decoding step, would leave most of the GPU idle in a kernel that divides by queries.
    return query.device.type == "cuda" and is_half and query.shape[2] >= 64


def _flash_on_cpu(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    mask = None if bias is None else bias.expand((query.shape[0], 1, query.shape[2], key.shape[2]))
    output, normalizer = _CPU_ATTENTION(query, key, value, 0.0, False, attn_mask=mask, scale=scale)
    return output, normalizer


def _flash_on_cuda(query: Tensor, key: Tensor, value: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    outputs = _CUDA_ATTENTION(query, key, value, 0.0, False, False, scale=scale)
    return outputs[0], outputs[1][..., : query.shape[2]].float()


_CPU_ATTENTION, _CUDA_ATTENTION = CPU_ATTENTION.find(), CUDA_ATTENTION.find()


@lru_cache
def _agrees(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernel that gives normalizers is here and right; it is not a public function of torch."""
    if (_CPU_ATTENTION if device.type == "cpu" else _CUDA_ATTENTION) is None:
        return False
    generator = torch.Generator(device).manual_seed(0)
    query, key, value = (
        torch.randn((2, 2, n, 64), device=device, dtype=dtype, generator=generator) for n in (128, 192, 192)
    )
    try:
        if device.type == "cpu":
            outputs = _flash_on_cpu(query, key, value, None, 0.125)
        else:
            outputs = _flash_on_cuda(query, key, value, 0.125)
    except (RuntimeError, TypeError, ValueError):
        return False
    expected = _attend_in_pieces(query, key, value, None, 0.125)
    return all(bool(torch.allclose(a.float(), b.float(), atol=2e-2)) for a, b in zip(outputs, expected, strict=True))


def _attend_in_pieces(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """`attend` by plain products, over a part of the queries at a time, so that memory stays bounded."""
    batch, heads, length, _ = query.shape
    step = max(1, _PIECE_BYTES // (4 * batch * heads * key.shape[2]))
    outputs, normalizers = [], []
    for start in range(0, length, step):
        scores = _products(query[:, :, start : start + step], key) * scale
        if bias is not None:
            scores = scores + (bias if bias.shape[2] == 1 else bias[:, :, start : start + step]).float()
        normalizer = torch.logsumexp(scores, dim=-1)
        outputs.append(torch.exp(scores - normalizer[..., None]).to(value.dtype) @ value)
        normalizers.append(normalizer)
    return torch.cat(outputs, dim=2), torch.cat(normalizers, dim=2)


def _products(query: Tensor, key: Tensor) -> Tensor:
    """Scores in float32: rounded to half precision, large ones would be off by more than their differences."""
    if query.dtype == torch.float32:
        return query @ key.mT
    if query.device.type == "cuda" and _BMM_IN_FLOAT32:
        batch, heads, queries, width = query.shape
        flat = torch.bmm(
            query.reshape(-1, queries, width), key.reshape(-1, key.shape[2], width).mT, out_dtype=torch.float32
        )
        return flat.view(batch, heads, queries, -1)
    return query.float() @ key.float().mT


_BMM_IN_FLOAT32 = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)


def _additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, float("-inf"))
