"""From what lmms-eval's tasks hand over to a conversation: text and opened images, checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from critic_eval.critics.conversations import Conversation, Message
from critic_eval.errors import ArgumentError
from critic_eval.judging.images import open_image


def read_conversation(messages: Sequence[Mapping[str, Any]], place: str) -> Conversation:
    """Turn chat messages (`{"role", "content": [{"type": "text" | "image", ...}]}`) into a conversation.

    Args:
        messages: as lmms-eval's `doc_to_messages` gives them; an image is a PIL image, a path, bytes, or a `datasets`
            record of bytes or path.
        place: the task and document, for error messages.

    Raises:
        ImageError: an image can't be opened or has no pixels.
        ArgumentError: a part is neither text nor image.
    """
    return [
        Message(message["role"], tuple(_read_part(part, place) for part in _parts(message["content"])))
        for message in messages
    ]


def with_images(conversation: Conversation, images: Sequence[Image.Image]) -> Conversation:
    """Replace the images of a conversation by others, which may be fewer (then they repeat)."""
    replaced, n_images = [], 0
    for message in conversation:
        content: list[str | Image.Image] = []
        for part in message.content:
            if isinstance(part, str):
                content.append(part)
            else:
                content.append(images[n_images % len(images)])
                n_images += 1
        replaced.append(Message(message.role, tuple(content)))
    return replaced


def _parts(content: Any) -> Sequence[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _read_part(part: Mapping[str, Any], place: str) -> str | Image.Image:
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "image":
        return open_image(part.get("url", part.get("image")), place)
    raise ArgumentError(f"A critic reads text and images; {place} holds a part of type {part['type']!r}.")
