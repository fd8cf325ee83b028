"""Tokenizers: LLaVA's own loaded without guessing, and text that can never become a special token."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, normalizers
from transformers import LlamaTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer

from critic_eval.critics.checkpoints.sources import read_json
from critic_eval.errors import CheckpointError

TransformersTokenizer: TypeAlias = Any
"""A fast tokenizer of transformers, which is untyped here."""


class SentencepieceTokenizer(LlamaTokenizer):  # type: ignore[misc]
    """A Llama tokenizer that reads bytes which are no text as sentencepiece does: each is one replacement character.

    The fast decoder makes the whole run of byte tokens around such a byte unreadable, as when an answer is cut within
    a character.
    """

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, **settings: Any) -> Any:
        """The text of some ids, as a number, a list, an array or a tensor of them; of several texts, a list."""
        text = super().decode(token_ids, skip_special_tokens=skip_special_tokens, **settings)
        if isinstance(text, list):
            return [self.decode(ids, skip_special_tokens=skip_special_tokens, **settings) for ids in token_ids]
        if "\ufffd" not in text:
            return text
        ids = np.asarray(token_ids).reshape(-1).tolist()
        read = b"".join(map(_bytes, self.convert_ids_to_tokens(ids, skip_special_tokens=skip_special_tokens)))
        return read.decode("utf-8", errors=_EACH_BYTE).removeprefix(" ")


def _bytes(token: str) -> bytes:
    match = re.fullmatch(r"<0x([0-9A-F]{2})>", token)
    return bytes.fromhex(match[1]) if match else token.replace("▁", " ").encode("utf-8")


_EACH_BYTE = "critic_eval.each_byte"
codecs.register_error(_EACH_BYTE, lambda error: ("\ufffd" * (error.end - error.start), error.end))  # type: ignore[attr-defined]

_CLASSES: dict[str, Any] = {"LlamaTokenizer": SentencepieceTokenizer, "Qwen2Tokenizer": Qwen2Tokenizer}


def load_tokenizer(folder: Path, default_class: str, special_tokens: tuple[str, ...]) -> TransformersTokenizer:
    """Load the tokenizer of a checkpoint in LLaVA's own format, with `special_tokens` added where they are new.

    The class is the one that `tokenizer_config.json` names, since `AutoTokenizer` takes a generic one, with other ids,
    for a config it doesn't know. Sentencepiece vocabularies get `sentencepiece_backend`.

    Raises:
        CheckpointError: the tokenizer's files are missing or can't be read.
    """
    file = folder / "tokenizer_config.json"
    settings = read_json(file) if file.is_file() else {}
    stated = str(settings.get("tokenizer_class") or default_class)
    tokenizer_class = _CLASSES.get(stated.removesuffix("Fast"), PreTrainedTokenizerFast)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise CheckpointError(f"There is no tokenizer in {folder} (tokenizer.json, tokenizer.model or vocab.json).")
    try:
        tokenizer = tokenizer_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        # The readers of vocabularies raise bare Exceptions of many kinds.
        raise CheckpointError(f"The tokenizer in {folder} can't be loaded ({error}).") from error
    if not tokenizer("Which?", add_special_tokens=False).input_ids:
        raise CheckpointError(f"The tokenizer in {folder} makes nothing of a text; its vocabulary is missing.")
    if tokenizer_class is SentencepieceTokenizer:
        sentencepiece_backend(tokenizer)
        # Checkpoints older than the setting were trained as it was by default then.
        tokenizer.legacy = settings.get("legacy") is not False
    new = [token for token in special_tokens if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=True) for token in new], special_tokens=True)
    return tokenizer


def sentencepiece_backend(tokenizer: TransformersTokenizer) -> None:
    """Make a Llama tokenizer begin every piece between special tokens with `▁`, as sentencepiece begins a text.

    LLaVA's code tokenizes the text before and after an image apart, so a `▁` follows each image; transformers' Llama
    tokenizer puts it only before the first piece, and not before a piece that begins with a space.
    """
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = None
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def without_inner_prefix(tokenizer: TransformersTokenizer, first: list[str], inner: list[str]) -> None:
    """Make a tokenizer that reads a whole prompt put no `▁` before what follows a special token.

    LLaVA's tokenizers put none there unless they are `legacy`, but one after an image. What can stand there is the
    template's, by which it is known.

    Args:
        tokenizer: changed in place.
        first: the template's texts that begin a prompt, which keep their `▁`.
        inner: those that follow a special token.
    """
    if tokenizer.legacy or not inner:
        return
    kept, bare = ("|".join(re.escape(text.replace(" ", "▁")) for text in texts) for texts in (first, inner))
    guard = f"(?!{kept})" if kept else ""
    backend = tokenizer.backend_tokenizer
    removal = normalizers.Replace(Regex(rf"\A▁{guard}(?={bare})"), "")
    backend.normalizer = normalizers.Sequence([backend.normalizer, removal])


class TextTokenizer:
    """Tokenizes untrusted text: special tokens that it spells out become ordinary characters' ids.

    Args:
        tokenizer: a fast tokenizer, left as it is.
        prefix: whether a text begins with sentencepiece's `▁`; other vocabularies are not concerned.
    """

    def __init__(self, tokenizer: TransformersTokenizer, *, prefix: bool = True) -> None:
        backend = json.loads(tokenizer.backend_tokenizer.to_str())
        specials = {token["content"] for token in backend["added_tokens"] if token["special"]}
        # Sentencepiece never merges letters into a control token; a merge list made from its vocabulary may.
        merges = backend["model"].get("merges")
        if merges:
            backend["model"]["merges"] = [pair for pair in merges if _joined(pair) not in specials]
        backend["post_processor"] = None
        if not prefix and isinstance(tokenizer, LlamaTokenizer):
            backend["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        self._backend = Tokenizer.from_str(json.dumps(backend))
        self._backend.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text, with no special token among them."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids


def _joined(pair: str | list[str]) -> str:
    return pair.replace(" ", "") if isinstance(pair, str) else "".join(pair)
