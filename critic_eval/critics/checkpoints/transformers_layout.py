"""Prompts of checkpoints in transformers' own layout, with their own processor and chat template."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoProcessor

from critic_eval.critics.checkpoints.encoding import (
    EncodedPrompt,
    PreparedImages,
    Side,
    images_of,
    merge_media,
    pad,
    prepare,
)
from critic_eval.critics.checkpoints.faults import first_line
from critic_eval.critics.conversations import IMAGE_MARK, Conversation, check_conversation
from critic_eval.errors import ArgumentError, CheckpointError

STOPS = "answer_stops"
"""The key of a converted checkpoint's config that holds the texts at which its answers end."""

_ZERO_WIDTH_SPACE = "\u200b"
_logger = logging.getLogger("critic_eval")


class TransformersEncoder:
    """Makes prompts with a checkpoint's own processor and chat template.

    A processor tokenizes template and message as one string, so special tokens and image placeholders that a message
    spells out are broken up with a zero-width space after their first character. The model then reads a text that
    differs from the original by that invisible character; all other text is left as it is.

    Args:
        processor: transformers' processor of the checkpoint.
        pad_token_id: what fills a batch on the left.
        eos_token_ids: the ids that end an answer.
        device: where batches are put.
        stops: texts at which an answer ends.
    """

    def __init__(
        self,
        processor: Any,
        pad_token_id: int,
        eos_token_ids: tuple[int, ...],
        device: torch.device | str = "cpu",
        stops: tuple[str, ...] = (),
    ) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.pad_token_id = pad_token_id
        self.eos_token_ids = eos_token_ids
        self.device = device
        self.stops = stops
        self._image_token = str(getattr(processor, "image_token", IMAGE_MARK))
        self.image_token_id = self.tokenizer.convert_tokens_to_ids(self._image_token)
        self._marks = _special_marks(processor)

    @classmethod
    def load(cls, folder: Path, model: Any, *, trust_remote_code: bool = False) -> TransformersEncoder:
        """Load the processor that belongs to a model.

        Raises:
            CheckpointError: there is no processor, or it has no chat template.
        """
        try:
            processor = AutoProcessor.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
        except Exception as error:
            # Processors of remote or incomplete checkpoints fail with all kinds of errors.
            raise CheckpointError(f"The processor in {folder} can't be loaded ({first_line(error)}).") from error
        if not hasattr(processor, "tokenizer") or not getattr(processor, "chat_template", None):
            raise CheckpointError(
                f"{folder} has no processor with a chat template; use an instruction-tuned checkpoint."
            )
        ends = model.generation_config.eos_token_id if model.can_generate() else None
        if ends is None:
            ends = processor.tokenizer.eos_token_id
        ends = tuple(ends) if isinstance(ends, list) else () if ends is None else (ends,)
        padding = processor.tokenizer.pad_token_id
        if padding is None and not ends:
            raise CheckpointError(f"{folder} names neither a padding nor an end-of-answer token.")
        stops = getattr(model.config, STOPS, ())  # what `convert` writes, where turns don't end with a token
        if not isinstance(stops, list | tuple) or not all(isinstance(stop, str) and stop for stop in stops):
            raise CheckpointError(f"The config.json of {folder} gives {STOPS} that are not a list of texts.")
        return cls(processor, ends[0] if padding is None else padding, ends, model.device, tuple(stops))

    def render(self, conversation: Conversation) -> str:
        """Give the readable prompt, `<image>` where an image stands, ready for the answer."""
        check_conversation(conversation)
        prompt = self._prompt(conversation).removeprefix(self.tokenizer.bos_token or "")
        return prompt.replace(self._image_token, IMAGE_MARK)

    def prepare(self, conversation: Conversation) -> PreparedImages:
        """Prepare a conversation's images with the checkpoint's processor, which needs the prompt for that.

        Only for models whose images are runs of one placeholder, as in the LLaVA family.

        Raises:
            ArgumentError: the conversation can't be answered, or the chat template refuses it.
            ImageError: an image can't be read or has no pixels.
        """
        encoded = self._encoded(self._prompt(conversation), images_of(conversation))
        is_image = (encoded.input_ids == self.image_token_id).long()
        edges = torch.diff(is_image, prepend=is_image.new_zeros(1), append=is_image.new_zeros(1))
        runs = edges.eq(-1).nonzero().flatten() - edges.eq(1).nonzero().flatten()
        return PreparedImages(encoded.media, runs.tolist())

    def encode(
        self, conversation: Conversation, prepared: PreparedImages | None = None, *, is_answered: bool = False
    ) -> EncodedPrompt:
        """Tokenize a conversation, and prepare its images with the checkpoint's processor unless they are given.

        Raises:
            ArgumentError: the conversation can't be answered, or is not, or the chat template refuses it.
            ImageError: an image can't be read or has no pixels.
        """
        check_conversation(conversation, is_answered=is_answered)
        prompt = self._prompt(conversation)
        pieces = prompt.split(self._image_token)
        # A template may leave nothing between images, whose tokens then are one run.
        if prepared is not None and len(pieces) == len(prepared.tokens) + 1:
            tokens = [self._image_token * count for count in prepared.tokens] + [""]
            text = "".join(piece + image for piece, image in zip(pieces, tokens, strict=True))
            ids = self.tokenizer(text, return_tensors="pt", **self._begins(text)).input_ids[0]
            return EncodedPrompt(ids, prepared.media, sum(prepared.tokens))
        return self._encoded(prompt, images_of(conversation))

    def _encoded(self, prompt: str, images: list[Image.Image]) -> EncodedPrompt:
        begins = self._begins(prompt)
        if images:
            features = prepare(self.processor, text=[prompt], images=[images], return_tensors="pt", **begins)
        else:
            features = self.processor(text=[prompt], return_tensors="pt", **begins)
        input_ids = features.pop("input_ids")[0]
        features.pop("attention_mask", None)
        media = {name: value for name, value in features.items() if isinstance(value, Tensor)}
        return EncodedPrompt(input_ids, media, int((input_ids == self.image_token_id).sum()))

    def collate(self, prompts: Sequence[EncodedPrompt], side: Side = "left") -> dict[str, Tensor]:
        """Batch prompts, padded on one side.

        Tensors of one value per token (such as token types) are padded like the ids, all others joined along their
        first dimension.
        """
        batch = pad([prompt.input_ids for prompt in prompts], self.pad_token_id, side)
        per_token = {
            name
            for prompt in prompts
            for name, tensor in prompt.media.items()
            if tuple(tensor.shape) == (1, len(prompt.input_ids))
        }
        for name in per_token:
            rows = [prompt.media.get(name, torch.zeros(1, len(prompt.input_ids)))[0].long() for prompt in prompts]
            batch[name] = pad(rows, 0, side)["input_ids"]
        others = [{name: t for name, t in prompt.media.items() if name not in per_token} for prompt in prompts]
        batch.update(merge_media(others))
        return {name: tensor.to(self.device) for name, tensor in batch.items()}

    def _begins(self, prompt: str) -> dict[str, bool]:
        """How a prompt is tokenized that begins with the mark that a tokenizer puts first."""
        bos = self.tokenizer.bos_token
        return {"add_special_tokens": False} if bos and prompt.startswith(bos) else {}

    def _prompt(self, conversation: Conversation) -> str:
        is_answered = bool(conversation) and conversation[-1].role == "assistant"
        check_conversation(conversation, is_answered=is_answered)
        messages = [
            {"role": message.role, "content": [self._part(part) for part in message.content]}
            for message in conversation
        ]
        try:
            return str(
                self.processor.apply_chat_template(messages, add_generation_prompt=not is_answered, tokenize=False)
            )
        except Exception as error:
            # Templates raise jinja errors and whatever their own raise_exception says.
            raise ArgumentError(f"The checkpoint's chat template refuses this conversation: {error}") from error

    def _part(self, part: str | Image.Image) -> dict[str, str]:
        if isinstance(part, Image.Image):
            return {"type": "image"}
        return {"type": "text", "text": neutralize(part, self._marks)}


def limit_pixels(encoder: Any, least: int | None, most: int | None) -> dict[str, int]:
    """Set how many pixels an image has that a checkpoint's processor makes, as Qwen-VL's processors keep it.

    Returns:
        The limits that hold; none for a processor that makes all images of one size, which is logged.

    Raises:
        ArgumentError: the least is over the most.
    """
    processor = getattr(getattr(encoder, "processor", None), "image_processor", None)
    size = dict(getattr(processor, "size", None) or {})
    if not {"shortest_edge", "longest_edge"} <= size.keys():
        _logger.warning("the processor of images makes them all of one size; min_pixels and max_pixels are left out")
        return {}
    # By these names its `size` holds numbers of pixels, not lengths of edges.
    chosen = {"shortest_edge": least or size["shortest_edge"], "longest_edge": most or size["longest_edge"]}
    if chosen["shortest_edge"] > chosen["longest_edge"]:
        raise ArgumentError(f"min_pixels={chosen['shortest_edge']} is over max_pixels={chosen['longest_edge']}.")
    processor.size = chosen  # type: ignore[union-attr]  # it has a size
    return {"min_pixels": chosen["shortest_edge"], "max_pixels": chosen["longest_edge"]}


def neutralize(text: str, marks: Sequence[str]) -> str:
    """Break up every mark in a text with a zero-width space after its first character.

    Example:
        >>> neutralize("a </s> b", ["</s>"]) == "a <" + chr(0x200B) + "/s> b"
        True
    """
    for mark in marks:
        text = text.replace(mark, mark[0] + _ZERO_WIDTH_SPACE + mark[1:])
    return text


def _special_marks(processor: Any) -> list[str]:
    tokens = [str(token) for token in processor.tokenizer.added_tokens_decoder.values() if token.special]
    tokens += [str(token) for token in processor.tokenizer.all_special_tokens]
    tokens += [
        value for name, value in vars(processor).items() if re.search(r"_token$", name) and isinstance(value, str)
    ]
    return sorted({token for token in (*tokens, IMAGE_MARK) if len(token) > 1}, key=len, reverse=True)
