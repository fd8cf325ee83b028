"""The conversation formats of LLaVA's code (`llava/conversation.py` of LLaVA and LLaVA-NeXT), to the letter.

System messages and marks are what the critics were trained with: they are their input format, and nothing to improve.
"""

from __future__ import annotations

from dataclasses import replace

from critic_eval.critics.conversations.messages import SpecialToken
from critic_eval.critics.conversations.rendering import ConversationFormat

_IM_START, _IM_END, _EOS = SpecialToken("<|im_start|>"), SpecialToken("<|im_end|>"), SpecialToken("</s>")
_LLAMA_MARKS = ("<s>", "</s>", "<unk>")

_CURIOUS_USER = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
_CURIOUS_HUMAN = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
_MMTAG = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant is able to understand the visual content that the user provides, and assist the user with a "
    "variety of tasks using natural language."
    "The visual content will be provided with the following format: <Image>visual content</Image>."
)
_LANGUAGE_AND_VISION = (
    "You are a helpful language and vision assistant. "
    "You are able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)


def _chatml(name: str, system: str, between: str) -> ConversationFormat:
    def turn(role: str) -> tuple[tuple[SpecialToken, str], tuple[SpecialToken, str]]:
        return (_IM_START, f"{role}\n"), (_IM_END, between)

    return ConversationFormat(
        name=name,
        around={role: turn(role) for role in ("system", "user", "assistant")},
        answer=(_IM_START, "assistant\n"),
        system=system,
        reserved=("<|endoftext|>", "<video>"),
        begins_with_bos=False,
    )


def _vicuna(name: str, system: str) -> ConversationFormat:
    """`SeparatorStyle.TWO`: a space after the user's turn, the end of sequence after the assistant's."""
    return ConversationFormat(
        name=name,
        around={"system": ((), (" ",)), "user": (("USER: ",), (" ",)), "assistant": (("ASSISTANT: ",), (_EOS,))},
        answer=("ASSISTANT:",),
        system=system,
        reserved=_LLAMA_MARKS,
    )


def _hashes(name: str, system: str) -> ConversationFormat:
    """`SeparatorStyle.SINGLE`: `###` after every turn, which is text and no token."""
    return ConversationFormat(
        name=name,
        around={"system": ((), ("###",)), "user": (("Human: ",), ("###",)), "assistant": (("Assistant: ",), ("###",))},
        answer=("Assistant:",),
        system=system,
        stop="###",
        reserved=_LLAMA_MARKS,
    )


def _inst(name: str, system: str | None, begin: tuple[SpecialToken, ...]) -> ConversationFormat:
    """`SeparatorStyle.LLAMA_2`: the system message within the first `[INST]`, whose `begin` the tokenizer adds."""
    return ConversationFormat(
        name=name,
        around={
            "system": (("[INST] <<SYS>>\n",), ("\n<</SYS>>\n\n",)),
            "user": ((*begin, "[INST] "), (" [/INST]",)),
            "assistant": ((" ",), (" ", _EOS)),
        },
        answer=(),
        system=system,
        after_system=(),
        reserved=_LLAMA_MARKS,
    )


def _with_image_text(conversation_format: ConversationFormat) -> ConversationFormat:
    """Put every image between `<Image>` and `</Image>`, which are text, as `preprocess_multimodal` trained it."""
    return replace(conversation_format, around_image=(("<Image>",), ("</Image>",)))


QWEN_1_5 = _chatml("qwen_1_5", "You are a helpful assistant.", between="\n")
"""ChatML with Qwen's system line: LLaVA-OneVision, its chat models, LLaVA-Critic and LLaVA-NeXT-Qwen."""

VICUNA_V1 = _vicuna("vicuna_v1", _CURIOUS_USER)
"""Vicuna 1.1: LLaVA-1.5 as it was trained and evaluated, and Prometheus-Vision."""

LLAVA_V1 = _vicuna("llava_v1", _CURIOUS_HUMAN)
"""What LLaVA's command line and demo choose for models of Vicuna 1.1, LLaVA-1.6 among them."""

LLAVA_V0 = _hashes("llava_v0", _CURIOUS_HUMAN)
"""The first LLaVA, of Vicuna v0."""

V0_MMTAG = _with_image_text(_hashes("v0_mmtag", _MMTAG))
V1_MMTAG = _with_image_text(_vicuna("v1_mmtag", _MMTAG))

LLAVA_LLAMA_2 = _inst("llava_llama_2", _LANGUAGE_AND_VISION, begin=(SpecialToken("<s>"),))
"""LLaVA of Llama-2-chat."""

MISTRAL_INSTRUCT = _inst("mistral_instruct", None, begin=())
"""LLaVA-1.6 of Mistral; a conversation without a system message has none."""

CHATML_DIRECT = _chatml("chatml_direct", "Answer the questions.", between="")
"""LLaVA-1.6 34B, of Hermes 2 and Yi."""

MPT = _chatml(
    "mpt",
    "A conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest answers.",
    between="",
)
"""LLaVA-Lightning of MPT-chat."""

PLAIN = ConversationFormat(
    name="plain",
    around={"system": ((), ()), "user": ((), ("\n",)), "assistant": ((), ("\n",))},
    answer=(),
    reserved=_LLAMA_MARKS,
)
"""No template: what projectors are trained with before anything else is."""

FORMATS = {
    conversation_format.name: conversation_format
    for conversation_format in (
        *(QWEN_1_5, VICUNA_V1, LLAVA_V1, LLAVA_V0, V0_MMTAG, V1_MMTAG),
        *(LLAVA_LLAMA_2, MISTRAL_INSTRUCT, CHATML_DIRECT, MPT, PLAIN),
    )
}
"""All formats, by LLaVA's names of them."""
