"""Weights of LLaVA's own formats put into transformers' models, one shard at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from accelerate import init_empty_weights
from torch import nn
from tqdm.auto import tqdm

from critic_eval import compat
from critic_eval.critics.checkpoints.shards import open_shard
from critic_eval.critics.checkpoints.weight_names import Rename
from critic_eval.errors import ArgumentError, CheckpointError

Device: TypeAlias = str | int | torch.device

PROGRESS_FROM_BYTES = 10**9
_ROWS_AT_ONCE = 256
WITH_VOCABULARY = ("embed_tokens.weight", "wte.weight", "lm_head.weight")
"""How the names of the matrices end that have a row for each token."""


class Rows(Protocol):
    """What is copied into a model block by block: a tensor, or what computes its rows when they are asked for."""

    @property
    def shape(self) -> torch.Size:
        """The shape of all of it."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The type that it is stored in."""
        ...

    def is_floating_point(self) -> bool:
        """Whether it holds numbers with a point."""
        ...

    def __getitem__(self, rows: slice) -> torch.Tensor:
        """Some of its rows."""
        ...


def empty_model(model_class: Any, config: Any, dtype: torch.dtype, attn_implementation: str | None = None) -> Any:
    """Build a model whose parameters take no memory, and whose computed buffers are real.

    Raises:
        ArgumentError: the attention implementation is unknown, or its package is absent.
        DependencyError: transformers builds models otherwise.
    """
    chosen = {"attn_implementation": attn_implementation} if attn_implementation else {}
    try:
        with init_empty_weights(include_buffers=False), compat.NO_INITIAL_WEIGHTS.get()():
            return compat.model_of(model_class, config, dtype=dtype, **chosen)
    except (ImportError, ValueError) as error:
        if not attn_implementation:
            raise
        raise ArgumentError(f"attn_implementation={attn_implementation} can't be used: {error}") from error


@dataclass
class Filling:
    """The state of filling an empty model with weights.

    Attributes:
        model: the model, its parameters on the meta device until they are filled.
        dtype: the type to which floating-point weights are cast.
        device_of: where a parameter goes.
        vocab_size: rows that the checkpoint's vocabulary has; the model's matrices may have a few more.
    """

    model: Any
    dtype: torch.dtype
    device_of: Callable[[str], Device]
    vocab_size: int
    mismatched: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def fill(self, tensors: Iterable[tuple[str, Rows]], rename: Rename) -> None:
        """Copy a checkpoint's tensors into the model, as they come (see `read_weights`).

        Raises:
            CheckpointError: a file can't be read.
        """
        parameters = dict(self.model.named_parameters(remove_duplicate=False))
        for original, tensor in tensors:
            name = rename(original)
            if name is not None and name in parameters:
                self._put(original, name, tensor, parameters[name])
            elif name is not None:
                self.unexpected.append(original)
            del tensor  # it would keep its file open while the next one is

    def fill_identity(self, module: str) -> None:
        """Make a linear layer one that gives what it is given."""
        weight, bias = f"{module}.weight", f"{module}.bias"
        size = self.model.get_parameter(weight).shape[0]
        self._set(weight, torch.eye(size, dtype=self.dtype, device=self.device_of(weight)))
        self._set(bias, torch.zeros(size, dtype=self.dtype, device=self.device_of(bias)))

    def copy_embeddings(self) -> None:
        """Make the output layer a copy of the embeddings, unless it has been filled."""
        if self.model.lm_head.weight.is_meta and not self.model.get_input_embeddings().weight.is_meta:
            self._set("lm_head.weight", self.model.get_input_embeddings().weight.clone())

    def missing(self) -> list[str]:
        """List the parameters that no file has filled."""
        return [name for name, parameter in self.model.named_parameters() if parameter.is_meta]

    def finish(self, source: object) -> None:
        """Complete what a checkpoint may leave out, and report everything that did not fit.

        A vision tower's post-layernorm may be absent: what it computes is not read. It is made the identity.

        Raises:
            CheckpointError: weights are missing, unexpected, or have other shapes than the config says.
        """
        for name in self.missing():
            if "vision_tower" in name and "post_layernorm." in name:
                shape = self.model.get_parameter(name).shape
                constant = torch.ones if name.endswith("weight") else torch.zeros
                self._set(name, constant(shape, dtype=self.dtype, device=self.device_of(name)))
        self.model.tie_weights()
        problems = [
            _listed("have other shapes than config.json says", self.mismatched),
            _listed("are missing", [] if self.mismatched else self.missing()),
            _listed("are unexpected", self.unexpected),
        ]
        if any(problems):
            raise CheckpointError(
                f"The weights in {source} don't match its config: {'; '.join(filter(None, problems))}. "
                "Check that config.json (and vision_config) belongs to these weights."
            )

    def _put(self, original: str, name: str, tensor: Rows, parameter: torch.Tensor) -> None:
        expected = list(parameter.shape)
        padding = expected[0] - self.vocab_size if name.endswith(WITH_VOCABULARY) else 0
        expected[0] -= padding
        if list(tensor.shape) != expected:
            self.mismatched.append(f"{original} {list(tensor.shape)} instead of {expected}")
            return
        dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
        # Always a copy: a tensor that shares the mapped file would keep the whole shard open.
        value = torch.empty(parameter.shape, dtype=dtype, device=self.device_of(name))
        for start in range(0, tensor.shape[0], _ROWS_AT_ONCE):
            rows = slice(start, min(start + _ROWS_AT_ONCE, tensor.shape[0]))
            value[rows].copy_(tensor[rows])
        if padding:
            value[tensor.shape[0] :] = mean_row(tensor).to(value)
        self._set(name, value)

    def _set(self, name: str, value: torch.Tensor) -> None:
        module_name, _, leaf = name.rpartition(".")
        setattr(self.model.get_submodule(module_name), leaf, nn.Parameter(value, requires_grad=False))


def mean_row(matrix: Rows, rows_at_once: int = _ROWS_AT_ONCE) -> torch.Tensor:
    """Average a matrix's rows in float32.

    As a row of the output layer, its logit is the mean of all logits, which never exceeds their maximum: a token with
    this row is never predicted.

    Example:
        >>> mean_row(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
        tensor([2., 4.])
    """
    total = torch.zeros(matrix.shape[1:])
    for start in range(0, matrix.shape[0], rows_at_once):
        total += matrix[start : start + rows_at_once].float().sum(0)
    return total / matrix.shape[0]


def pad_vocabulary(state: dict[str, torch.Tensor], rows: int) -> None:
    """Extend the embedding and output matrices of a state dict to `rows` rows, in place."""
    for name in [name for name in state if name.endswith(WITH_VOCABULARY)]:
        if (extra := rows - state[name].shape[0]) > 0:
            padding = mean_row(state[name]).to(state[name].dtype).expand(extra, -1)
            state[name] = torch.cat((state[name], padding))


def _listed(problem: str, names: list[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} {problem} ({listed})"


def read_weights(files: Iterable[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    """Give the tensors of weight files by name, mapped from disk; one file is open at a time.

    Raises:
        CheckpointError: a file can't be read.
    """
    for file in with_progress(list(files)):
        with open_shard(file) as tensors:
            for name in tensors:
                yield name, tensors[name]


def with_progress(files: list[Path]) -> Iterator[Path]:
    """Go through weight files, with a bar where they are large."""
    large = sum(file.stat().st_size for file in files) > PROGRESS_FROM_BYTES
    yield from tqdm(files, desc="Loading weights", unit="shard", disable=not large)


@contextmanager
def mapped_state(files: Iterable[Path], rename: Rename) -> Iterator[dict[str, torch.Tensor]]:
    """Give all tensors of weight files under the model's names, mapped from disk rather than read."""
    with ExitStack() as stack:
        state: dict[str, torch.Tensor] = {}
        for file in files:
            tensors: Mapping[str, torch.Tensor] = stack.enter_context(open_shard(file))
            state.update({name: tensors[original] for original in tensors if (name := rename(original)) is not None})
        yield state
