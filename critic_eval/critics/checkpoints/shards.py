"""Weight files: which there are, whether they are whole, and their tensors, one open file at a time."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from critic_eval.critics.checkpoints.faults import first_line
from critic_eval.critics.checkpoints.pickles import foreign_call
from critic_eval.errors import CheckpointError

_SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")

_SAMPLE_BYTES = 64 * 1024
_SETTINGS = (".json", ".jinja", ".txt", ".model")
_SAMPLES = 16


def weight_files(folder: Path) -> list[Path]:
    """List a checkpoint's weight files, safetensors before `.bin`, each checked to be there and whole.

    Raises:
        CheckpointError: there are none, one that the index names is missing, or one is truncated or no weight file.
    """
    for single, index in (_SAFETENSORS, _PICKLED):
        if (folder / index).is_file():
            files = _indexed(folder, index)
        elif (folder / single).is_file():
            files = [folder / single]
        else:
            continue
        for file in files:
            check_whole(file)
        return files
    raise CheckpointError(
        f"There are no weights in {folder}: expected model.safetensors or pytorch_model.bin, or an index with its "
        "shards; download the checkpoint again."
    )


def _indexed(folder: Path, index: str) -> list[Path]:
    try:
        weight_map = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(weight_map.values()))
        bounds = _bounds(folder)
        strays = [name for name in names if not _is_inside(folder, name, bounds)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"The index {folder / index} can't be read ({error}); download it again.") from error
    if strays:
        raise CheckpointError(f"The index {folder / index} names {strays[0][:100]!r}, which leads out of its folder.")
    if not names:
        raise CheckpointError(f"The index {folder / index} names no weight file; download it again.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(
            f"{len(missing)} of {len(names)} weight files that {index} names are missing from {folder} "
            f"({', '.join(missing[:5])}); download them again."
        )
    return [folder / name for name in names]


def _bounds(folder: Path) -> Path:
    """Where a checkpoint's files may lie: its folder, or in the hub's cache, whose links point to blobs, its own."""
    whole = folder.resolve()
    return whole.parent.parent if whole.parent.name == "snapshots" else whole


def _is_inside(folder: Path, name: str, bounds: Path) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and (folder / path).resolve().is_relative_to(bounds)


def check_whole(file: Path) -> None:
    """Raise `CheckpointError` if a weight file is truncated or of no known format, without reading its tensors."""
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, framework="pt"):
                return
        except (SafetensorError, OSError) as error:
            raise _damaged(file, error) from error
    with file.open("rb") as stream:
        head = stream.read(2)
    # A zip archive lists its content at its end; torch's older format begins with a pickle.
    if not (zipfile.is_zipfile(file) if head == b"PK" else head[:1] == b"\x80"):
        raise _damaged(file, "not a complete torch file")


@contextmanager
def open_shard(file: Path) -> Iterator[Mapping[str, Any]]:
    """Open one weight file as a lazy mapping from names to tensors, mapped from disk and valid only while it is open.

    Raises:
        CheckpointError: the file can't be read.
    """
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as handle:
                yield _LazyTensors(handle)
        else:
            tensors = _load_pickled(file)
            tensors = tensors.get("state_dict", tensors)
            yield {name: value for name, value in tensors.items() if isinstance(value, torch.Tensor)}
    except SafetensorError as error:
        raise _damaged(file, error) from error


class _LazyTensors(Mapping[str, torch.Tensor]):
    """A safetensors handle as a mapping that reads a tensor when it is asked for it."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._names = list(handle.keys())

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor: torch.Tensor = self._handle.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _load_pickled(file: Path) -> dict[str, Any]:
    try:
        # Only zip archives can be mapped; torch's older format has to be read.
        tensors = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except Exception as error:
        # torch.load raises RuntimeError, EOFError, UnpicklingError, KeyError and more for a damaged file.
        if called := foreign_call(file):
            raise CheckpointError(
                f"The weight file {file} holds code that loading it would run ({called[:100]}); it is refused, and "
                "nothing of it was run: use weights in safetensors, from a source that you trust."
            ) from error
        raise _damaged(file, error) from error
    if not isinstance(tensors, dict):
        raise _damaged(file, f"it holds a {type(tensors).__name__}, not named tensors")
    return tensors


def _damaged(file: Path, reason: object) -> CheckpointError:
    return CheckpointError(f"The weight file {file} is truncated or damaged ({first_line(reason)}); download it again.")


def digest_settings(folder: Path) -> str:
    """Hash the small files of a checkpoint, which shape prompts, images and answers: tokenizer, template, processor.

    Returns:
        32 hexadecimal digits.
    """
    state = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix in _SETTINGS and file.is_file()):
        state.update(f"\0{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return state.hexdigest()[:32]


def digest(config_file: Path, files: list[Path]) -> str:
    """Hash what tells checkpoints apart: config, names and sizes of the weight files, and samples of their bytes.

    A file of up to 1 MiB is read whole; of a larger one 16 blocks of 64 KiB, evenly spread from its first to its last
    byte. That takes a moment for 15 GB, yet weights that differ by training differ everywhere, and so in the samples.

    Returns:
        32 hexadecimal digits.
    """
    state = hashlib.sha256(config_file.read_bytes())
    for file in sorted(files):
        size = file.stat().st_size
        state.update(f"\0{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size <= _SAMPLES * _SAMPLE_BYTES:
                state.update(stream.read())
                continue
            for sample in range(_SAMPLES):
                stream.seek((size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                state.update(stream.read(_SAMPLE_BYTES))
    return state.hexdigest()[:32]
