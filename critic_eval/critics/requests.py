"""From what lmms-eval's tasks hand over to a conversation: text and opened images, checked."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from critic_eval.critics.conversations import Conversation, Message
from critic_eval.errors import ArgumentError, ImageError


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


def with_images(conversation: Conversation, source: Conversation) -> Conversation:
    """Replace the images of a conversation by those of another, which may have fewer (then they repeat)."""
    images = [part for message in source for part in message.content if not isinstance(part, str)]
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


def open_image(image: Any, place: str) -> Image.Image:
    """Open an image in RGB.

    Raises:
        ImageError: it can't be opened, or has no pixels; `place` says whose it is.
    """
    try:
        if isinstance(image, Mapping):
            image = image.get("bytes") or image.get("path")
        if isinstance(image, bytes):
            image = io.BytesIO(image)
        opened = image if isinstance(image, Image.Image) else Image.open(_existing(image))
        if 0 in opened.size:
            raise ImageError(f"The image of {place} has no pixels ({opened.width} x {opened.height}).")
        return opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, AttributeError, Image.DecompressionBombError) as error:
        raise ImageError(f"The image of {place} can't be read ({error}); replace the file or drop the item.") from error


def _existing(image: Any) -> Any:
    return Path(image).expanduser() if isinstance(image, str) else image


def _parts(content: Any) -> Sequence[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _read_part(part: Mapping[str, Any], place: str) -> str | Image.Image:
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "image":
        return open_image(part.get("url", part.get("image")), place)
    raise ArgumentError(f"A critic reads text and images; {place} holds a part of type {part['type']!r}.")
