"""Conversations turned into what a model's `generate` takes: token ids, pixels, left-padded batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import torch
from PIL import Image
from torch import Tensor

from critic_eval.critics.checkpoints.tokenization import TextTokenizer
from critic_eval.critics.conversations import Conversation, ConversationFormat, SpecialToken
from critic_eval.errors import ImageError
from critic_eval.judging.images import open_image

Ids = list[int]
Side = Literal["left", "right"]
Prepared = TypeVar("Prepared")


@dataclass
class EncodedPrompt:
    """A prompt as the model reads it.

    Attributes:
        input_ids: int64 tensor of shape (length,), with one placeholder id for every image token.
        media: tensors that belong to its images, first dimension images (empty without images); transformers models may
            have others, with their own shapes.
        image_tokens: how many of `input_ids` stand for images.
    """

    input_ids: Tensor
    media: dict[str, Tensor] = field(default_factory=dict)
    image_tokens: int = 0


class PreparedImages(NamedTuple):
    """The images of a prompt: tensors for the model, and each image's number of tokens."""

    media: dict[str, Tensor]
    tokens: list[int]


class PromptEncoder(Protocol):
    """Renders, tokenizes and batches prompts for one checkpoint."""

    tokenizer: Any
    image_token_id: int
    pad_token_id: int
    eos_token_ids: tuple[int, ...]
    stops: tuple[str, ...]

    def render(self, conversation: Conversation) -> str:
        """Give the readable prompt, `<image>` where an image stands, ready for the answer."""
        ...

    def prepare(self, conversation: Conversation) -> PreparedImages:
        """Prepare the images of a conversation, for it and others that show the same ones."""
        ...

    def encode(
        self, conversation: Conversation, prepared: PreparedImages | None = None, *, is_answered: bool = False
    ) -> EncodedPrompt:
        """Tokenize a conversation; its images are prepared here, unless they are given.

        It is made ready for the answer; an answered one ends as the assistant's turn does, as reward heads read it.
        """
        ...

    def collate(self, prompts: Sequence[EncodedPrompt], side: Side = "left") -> dict[str, Tensor]:
        """Batch prompts, padded on the left, for `model.generate(**batch)`, or on the right, for one forward pass."""
        ...


class LlavaEncoder:
    """The encoder of LLaVA's own formats: the conversation as the critic was trained, tokenized around its images.

    Args:
        tokenizer: the checkpoint's tokenizer, `<image>` among its special tokens.
        conversation_format: the format it was trained with.
        image_processor: prepares and counts its images.
        image_token_id: the placeholder id.
        pad_token_id: what fills a batch on the left.
        eos_token_ids: the ids that end an answer.
        device: where batches are put.

    Attributes:
        beginning: the ids with which its tokenizer begins every prompt.
        stops: texts at which an answer ends, for formats whose turns don't end with a token.
    """

    def __init__(
        self,
        *,
        tokenizer: Any,
        conversation_format: ConversationFormat,
        image_processor: ImageProcessor,
        image_token_id: int,
        pad_token_id: int,
        eos_token_ids: tuple[int, ...],
        device: torch.device | str = "cpu",
    ) -> None:
        self.tokenizer = tokenizer
        self.conversation_format = conversation_format
        self.image_processor = image_processor
        self.image_token_id = image_token_id
        self.pad_token_id = pad_token_id
        self.eos_token_ids = eos_token_ids
        self.stops: tuple[str, ...] = () if conversation_format.stop is None else (conversation_format.stop,)
        self.device = device
        self.beginning: Ids = [token for token in tokenizer("").input_ids if token == tokenizer.bos_token_id]
        self._first_piece = TextTokenizer(tokenizer)
        # Without `legacy`, LLaVA's Llama tokenizers put no ▁ after a special token within a text.
        self._inner_piece = TextTokenizer(tokenizer, prefix=bool(getattr(tokenizer, "legacy", False)))

    def render(self, conversation: Conversation) -> str:
        """Give the readable prompt, `<image>` where an image stands, ready for the answer."""
        return self.conversation_format.text(conversation)

    def prepare(self, conversation: Conversation) -> PreparedImages:
        """Prepare a conversation's images. Raises ImageError for one that can't be read or has no pixels."""
        images = images_of(conversation)
        return PreparedImages(*prepare(self.image_processor, images)) if images else PreparedImages({}, [])

    def encode(
        self, conversation: Conversation, prepared: PreparedImages | None = None, *, is_answered: bool = False
    ) -> EncodedPrompt:
        """Tokenize a conversation piece by piece, as LLaVA's code does, and prepare its images unless they are given.

        What a message says never becomes a special token: `<image>`, `</s>` or `<|im_end|>` in it are tokenized as
        ordinary characters.

        Raises:
            ArgumentError: the conversation can't be answered, or is not.
            ImageError: an image can't be read or has no pixels.
        """
        segments = self.conversation_format.segments(conversation, is_answered=is_answered)
        media, counts = self.prepare(conversation) if prepared is None else prepared
        remaining = iter(counts)
        ids: Ids = [*self.beginning]
        piece = self._first_piece
        for segment in segments:
            if isinstance(segment, str):
                ids += piece.encode(segment)
            elif isinstance(segment, SpecialToken):
                ids.append(self.tokenizer.convert_tokens_to_ids(segment.text))
                piece = self._inner_piece
            else:
                ids += [self.image_token_id] * next(remaining)
                piece = self._first_piece
        return EncodedPrompt(torch.tensor(ids, dtype=torch.long), media, sum(counts))

    def collate(self, prompts: Sequence[EncodedPrompt], side: Side = "left") -> dict[str, Tensor]:
        """Batch prompts, padded on one side; they may have different numbers of images or tiles, or none.

        Returns:
            `input_ids` and `attention_mask` of shape (prompts, longest), and the images' tensors, on `self.device`.
        """
        batch = pad([prompt.input_ids for prompt in prompts], self.pad_token_id, side)
        batch.update(merge_media([prompt.media for prompt in prompts]))
        return {name: tensor.to(self.device) for name, tensor in batch.items()}


class ImageProcessor(Protocol):
    """Prepares the images of one prompt."""

    def __call__(self, images: list[Image.Image]) -> tuple[dict[str, Tensor], list[int]]:
        """Give the model's image tensors and each image's number of tokens."""
        ...


def prepare(processor: Callable[..., Prepared], *arguments: Any, **settings: Any) -> Prepared:
    """Call an image processor.

    Raises:
        ImageError: it refuses an image, such as one that is a thousand times as long as it is wide.
    """
    try:
        return processor(*arguments, **settings)
    except (ValueError, ZeroDivisionError) as error:
        raise ImageError(f"The images of a prompt can't be prepared ({error}); remove or replace them.") from error


def pad(sequences: Sequence[Tensor], padding: int, side: Side = "left") -> dict[str, Tensor]:
    """Pad int64 sequences on one side: `input_ids` and `attention_mask`, each of shape (sequences, longest)."""
    longest = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), longest), padding, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        start = longest - len(sequence) if side == "left" else 0
        ids[row, start : start + len(sequence)] = sequence
        mask[row, start : start + len(sequence)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def merge_media(media: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Join prompts' image tensors along their first dimension, zero-padding the others to the largest."""
    names = {name: None for tensors in media for name in tensors}
    return {name: _concatenate([tensors[name] for tensors in media if name in tensors]) for name in names}


def _concatenate(tensors: list[Tensor]) -> Tensor:
    shape = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    merged = tensors[0].new_zeros((sum(len(tensor) for tensor in tensors), *shape))
    row = 0
    for tensor in tensors:
        region = (slice(row, row + len(tensor)), *(slice(size) for size in tensor.shape[1:]))
        merged[region] = tensor
        row += len(tensor)
    return merged


def images_of(conversation: Conversation) -> list[Image.Image]:
    """The images of a conversation, checked and opened. Raises ImageError for one that can't be read."""
    parts = [part for message in conversation for part in message.content]
    return [open_image(part, image_name(part)) for part in parts if isinstance(part, Image.Image)]


def image_name(image: Image.Image) -> str:
    """Name an image for an error message."""
    return getattr(image, "filename", "") or "a prompt"
