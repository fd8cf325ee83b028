"""Conversations, and the formats in which LLaVA critics were trained to read them."""

from critic_eval.critics.conversations.choosing import choose_conversation, conversation_named
from critic_eval.critics.conversations.formats import FORMATS, LLAVA_LLAMA_2, LLAVA_V0, LLAVA_V1, QWEN_1_5, VICUNA_V1
from critic_eval.critics.conversations.messages import (
    IMAGE_MARK,
    ROLES,
    Conversation,
    Message,
    Segment,
    SpecialToken,
    check_conversation,
    readable,
)
from critic_eval.critics.conversations.rendering import ConversationFormat

__all__ = [
    "FORMATS",
    "IMAGE_MARK",
    "LLAVA_LLAMA_2",
    "LLAVA_V0",
    "LLAVA_V1",
    "QWEN_1_5",
    "ROLES",
    "VICUNA_V1",
    "Conversation",
    "ConversationFormat",
    "Message",
    "Segment",
    "SpecialToken",
    "check_conversation",
    "choose_conversation",
    "conversation_named",
    "readable",
]
