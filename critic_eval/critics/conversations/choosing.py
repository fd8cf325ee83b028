"""Which conversation format belongs to a checkpoint."""

from __future__ import annotations

import difflib

from critic_eval.critics.conversations.formats import (
    CHATML_DIRECT,
    FORMATS,
    LLAVA_LLAMA_2,
    LLAVA_V0,
    LLAVA_V1,
    MISTRAL_INSTRUCT,
    MPT,
    QWEN_1_5,
    V0_MMTAG,
    V1_MMTAG,
    VICUNA_V1,
)
from critic_eval.critics.conversations.rendering import ConversationFormat
from critic_eval.errors import ArgumentError


def choose_conversation(
    name: str, *, language_model: str, two_layers: bool, tiled: bool, ends_with: str | None
) -> ConversationFormat:
    """Choose the format of a checkpoint as LLaVA's code does by its name, or by its kind where the name says nothing.

    LLaVA's command line looks for `llama-2`, `mistral`, `v1.6-34b`, `v1` and `mpt` in the name of a model, and takes
    `llava_v0` otherwise (its demo also for `mmtag`). Names get lost when folders are renamed, so that the kind decides
    before that last resort: a checkpoint with tiles is a LLaVA-1.6. One with a two-layer projector and no tiles is a
    LLaVA-1.5, which gets `vicuna_v1`, in which it was trained and is evaluated, rather than the command line's
    `llava_v1`.

    Args:
        name: the hub id or the folder's name.
        language_model: `qwen2`, `mistral`, `mpt` or `llama`.
        two_layers: whether the projector is LLaVA-1.5's.
        tiled: whether images are cut into tiles.
        ends_with: the token that ends an answer, by the tokenizer.

    Example:
        >>> kind = {"language_model": "llama", "two_layers": False, "tiled": False, "ends_with": "</s>"}
        >>> choose_conversation("liuhaotian/llava-llama-2-13b-chat-lightning-preview", **kind).name
        'llava_llama_2'
        >>> choose_conversation("LLaVA-7B-v0", **kind).name
        'llava_v0'
    """
    name = name.lower()
    if language_model == "qwen2":
        return QWEN_1_5
    if language_model == "mpt":
        return MPT
    if "llama-2" in name:
        return LLAVA_LLAMA_2
    if "v1.6-34b" in name or (tiled and ends_with == CHATML_DIRECT.end_token):
        return CHATML_DIRECT
    if "mistral" in name or (tiled and language_model == "mistral"):
        return MISTRAL_INSTRUCT
    if two_layers and not tiled:
        return VICUNA_V1
    if "v1" in name or tiled:
        return V1_MMTAG if "mmtag" in name else LLAVA_V1
    return V0_MMTAG if "mmtag" in name else LLAVA_V0


def conversation_named(name: str) -> ConversationFormat:
    """Give the format of that name.

    Raises:
        ArgumentError: there is none.
    """
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; the formats are {', '.join(sorted(FORMATS))}."
        raise ArgumentError(f"conversation={name} is unknown{hint}")
    return FORMATS[name]
