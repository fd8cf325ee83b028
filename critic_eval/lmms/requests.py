"""lmms-eval's requests as a plan takes them: what each shows, and how its answer will be read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from PIL import Image

from critic_eval.benchmarks.loading.rows import without_images
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.answer_text import rewards_text
from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.generation import REWARD, Answer
from critic_eval.critics.images import AS_IS, ImageChange, ImagePolicy, TileCount, digest_image, shuffled_sources
from critic_eval.critics.planning import Asked
from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, Protocol, Reading, elicited_form, token_limit, verdict_form
from critic_eval.judging.images import open_image
from critic_eval.lmms.tasks import ORDER_COLUMN, ROW_COLUMN, JudgeTask

_PLAIN = AnswerPolicy()


class Requests:
    """The requests of a run, each in as many parts as its verdict is made of (see `part`).

    Args:
        requests: as lmms-eval hands them over.
        task_dict: documents by task and split.
        policy: what is wanted of each answer.
        images: which image each request is shown.
        count_tiles: counts the tiles of an image; None where the critic's tiles are not known.

    Raises:
        ArgumentError: a verdict alone is wanted of a task where it can't be had, or images can't be shrunk.
    """

    def __init__(
        self,
        requests: Sequence[Instance],
        task_dict: Mapping[str, Any],
        policy: AnswerPolicy = _PLAIN,
        images: ImagePolicy = AS_IS,
        count_tiles: TileCount | None = None,
    ) -> None:
        self._requests, self._documents, self._policy = requests, task_dict, policy
        self._text_documents: dict[tuple[str, str], Any] = {}
        self._asked: tuple[Instance | None, tuple[Protocol | None, bool]] = (None, (None, False))
        self._opened: tuple[tuple[Any, ...] | None, list[Image.Image]] = (None, [])
        self._sources = list(range(len(requests)))
        self._change = ImageChange(images, count_tiles)
        if images.name == "shuffled":
            digests = [[digest_image(image) for image in _images(self._read(request))] for request in requests]
            # Requests swap with those that have as many images: each place is then another's.
            places = [f"{request.args[4]} {len(digest)}" for request, digest in zip(requests, digests, strict=True)]
            self._sources = shuffled_sources(places, ["".join(digest) for digest in digests], images.seed)

    def __len__(self) -> int:
        """How many requests lmms-eval made, whatever the parts of each."""
        return len(self._requests)

    def asked(self) -> Iterator[Asked]:
        """Each part of each request, opened when it is taken."""
        is_read = self._policy.mode != "text" or self._policy.samples > 1 or self._policy.elicits
        for index, request in enumerate(self._requests):
            if self._policy.mode == "reward":
                yield from self._responses(index)
                continue
            reading = self.reading(index) if is_read else None
            settings = self._policy.generation(self._generation(request), self._protocol(request)[0])
            for draw in range(self._policy.samples):
                yield Asked(self.part(index, draw), self._conversation(index), settings, reading)
            if self._policy.mode == "verdict" and reading is not None and reading.used.kind == "preference":
                partner_reading = replace(reading, order=reading.order[::-1])
                yield Asked(self.part(index, 1), self._conversation(self.part(index, 1)), settings, partner_reading)

    def part(self, index: int, number: int) -> int:
        """The index of a part of a request; part 0 is the request itself.

        Of several draws each is a part, and so is each response that is rated by itself. Where a verdict is averaged
        over both orders, part 1 shows the same pair in the other one.
        """
        return index + number * len(self._requests)

    def rewards_result(self, index: int, answers: Mapping[int, Answer]) -> GenerationResult:
        """What lmms-eval is given for a request whose responses were rated."""
        texts = self._texts(self._requests[index])
        protocol, _ = _rated_task(self._requests[index]).protocol_of(texts)
        rated = [answers[part] for part in self._parts(index)]
        read_tokens = sum(answer.input_tokens for answer in rated)
        return GenerationResult(
            rewards_text(protocol, texts[ORDER_COLUMN], rated), TokenCounts(input_tokens=read_tokens, output_tokens=0)
        )

    def task(self, index: int) -> str:
        """The name of a request's task."""
        return str(self._requests[index % len(self._requests)].args[4])

    def texts(self, index: int) -> Any:
        """The document of a request, without its images."""
        return self._texts(self._requests[index])

    def images(self, index: int) -> list[Image.Image]:
        """The images of a request, read again."""
        return _images(self._conversation(index))

    def reading(self, index: int) -> Reading:
        """How the answer to a request will be read.

        Raises:
            ArgumentError: the task is not ours, or its protocol gives no verdict that the mode could go by.
        """
        request = self._requests[index]
        task = judge_task(request)
        if task is None:
            raise ArgumentError(
                f"verdict_only, reasons=False, samples and when_unread need to know how answers are read; "
                f"{request.args[4]} is not a task of critic-eval."
            )
        reading = task.reading(self._texts(request))
        protocol, mode = reading.used, self._policy.mode
        if self._policy.elicits:
            elicited_form(protocol)
        if mode == "verdict":
            verdict_form(protocol)
        elif mode == "to_verdict" and protocol.verdict_position != "first":
            raise ArgumentError(
                f"reasons=False needs a protocol that asks for the verdict first; {protocol.name} asks for it last."
            )
        return reading

    def _responses(self, index: int) -> Iterator[Asked]:
        """Each response of a request as a dialogue: the question with its images, and nothing but the response."""
        item, images = self._rated_item(index), _images(self._conversation(index))
        shown = Message("user", (*images, item.question))
        for part, response in zip(self._parts(index), item.responses, strict=True):
            yield Asked(part, [shown, Message("assistant", (response.text,))], REWARD)

    def _parts(self, index: int) -> list[int]:
        """The indices of a request's responses, in canonical order."""
        return list(range(index, index + len(self) * len(self._rated_item(index).responses), len(self)))

    def _rated_item(self, index: int) -> Item:
        request = self._requests[index]
        return _rated_task(request).item(self._texts(request))

    def _conversation(self, index: int) -> Conversation:
        request = self._requests[index % len(self._requests)]
        is_partner = self._policy.mode == "verdict" and index >= len(self._requests)
        conversation = self._read(request, is_partner=is_partner)
        source = self._sources[index % len(self._requests)]
        image_source = conversation if self._requests[source] is request else self._read(self._requests[source])
        return with_images(conversation, [self._change(image) for image in _images(image_source)])

    def _generation(self, request: Instance) -> Mapping[str, Any]:
        """How an answer is generated, as the task and the protocol say."""
        given, (protocol, is_selected) = request.args[2], self._protocol(request)
        if protocol is None:
            return dict(given)
        until = given.get("until") or ()
        limit = next((given[name] for name in ("max_new_tokens", "max_gen_toks") if given.get(name) is not None), None)
        return {
            **given,
            "max_new_tokens": token_limit(protocol, None if limit is None else int(limit), is_selected),
            "until": [*([until] if isinstance(until, str) else until), *protocol.until],
        }

    def _read(self, request: Instance, is_partner: bool = False) -> Conversation:
        conversation, (protocol, _) = self._read_turns(request, is_partner), self._protocol(request)
        if protocol is None or protocol.system is None:
            return conversation
        return with_system(conversation, protocol.system, str(request.args[4]))

    def _protocol(self, request: Instance) -> tuple[Protocol | None, bool]:
        """The protocol that asks, None for a task that is not ours, and whether the run selected it."""
        if self._asked[0] is not request:
            task = judge_task(request)
            self._asked = (request, (None, False) if task is None else task.protocol_of(self._texts(request)))
        return self._asked[1]

    def _read_turns(self, request: Instance, is_partner: bool) -> Conversation:
        _, doc_to_messages, _, doc_id, name, split = request.args
        task, row_key = judge_task(request), None
        if task is not None:
            texts = self._texts(request)
            row = texts.get(ROW_COLUMN)
            row_key = None if row is None else (name, split, row)
            if row_key is not None and row_key == self._opened[0]:
                # Another case or order of the row that was opened last: its images are at hand.
                return _one_turn(self._opened[1], task.text(_turned(texts, is_partner)))
        document = _turned(self._document(request), is_partner)
        conversation = read_conversation(doc_to_messages(document), f"{name}, document {doc_id}")
        if task is not None:
            images = _images(conversation)
            is_plain = list(conversation) == _one_turn(images, task.text(document))
            self._opened = (row_key if is_plain else None, images)
        return conversation

    def _document(self, request: Instance) -> Any:
        _, _, _, doc_id, task, split = request.args
        return self._documents[task][split][doc_id]

    def _texts(self, request: Instance) -> Any:
        """The document without its images, which `datasets` would decode."""
        _, _, _, doc_id, task, split = request.args
        if (task, split) not in self._text_documents:
            documents = self._documents[task][split]
            is_table = hasattr(documents, "remove_columns")
            self._text_documents[task, split] = without_images(documents) if is_table else documents
        return self._text_documents[task, split][doc_id]


def _turned(document: Any, is_partner: bool) -> Any:
    return {**document, ORDER_COLUMN: document[ORDER_COLUMN][::-1]} if is_partner else document


def _one_turn(images: Sequence[Image.Image], text: str) -> Conversation:
    return [Message("user", (*images, text))]


def judge_task(request: Instance) -> JudgeTask | None:
    """The task behind a request: lmms-eval hands over a method of its own task, whose config holds ours."""
    theirs = getattr(request.args[1], "__self__", None)
    text = getattr(getattr(theirs, "config", None), "doc_to_text", None)
    ours = getattr(text, "__self__", None)
    return ours if isinstance(ours, JudgeTask) else None


def _rated_task(request: Instance) -> JudgeTask:
    task = judge_task(request)
    if task is None:
        raise ArgumentError(
            f"A reward head rates responses, and {request.args[4]} is not a task of critic-eval, which would tell them "
            "from the question; run critic-eval's own tasks with it."
        )
    return task


def _images(conversation: Conversation) -> list[Image.Image]:
    return [part for message in conversation for part in message.content if not isinstance(part, str)]


def read_conversation(messages: Sequence[Mapping[str, Any]], source: str) -> Conversation:
    """Turn chat messages (`{"role", "content": [{"type": "text" | "image", ...}]}`) into a conversation.

    Args:
        messages: as lmms-eval's `doc_to_messages` gives them; an image is a PIL image, a path, bytes, or a `datasets`
            record of bytes or path.
        source: the task and document, for error messages.

    Raises:
        ImageError: an image can't be opened or has no pixels.
        ArgumentError: a part is neither text nor image.
    """
    return [
        Message(message["role"], tuple(_read_part(part, source) for part in _parts(message["content"])))
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


def with_system(conversation: Conversation, text: str, task: str) -> Conversation:
    """Put a protocol's system message before a conversation.

    Raises:
        ArgumentError: the task shows a system message of its own.
    """
    if conversation and conversation[0].role == "system":
        raise ArgumentError(f"{task} shows a system message of its own; ask with a protocol without `system`.")
    return [Message("system", (text,)), *conversation]


def _parts(content: Any) -> Sequence[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _read_part(part: Mapping[str, Any], source: str) -> str | Image.Image:
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "image":
        return open_image(part.get("url", part.get("image")), source)
    raise ArgumentError(f"A critic reads text and images; {source} holds a part of type {part['type']!r}.")
