"""The plan of a run: each distinct request once, grouped and ordered so that what requests share meets.

A plan is data and needs no model. Images are not in it: it holds their digests and where they can be read again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from PIL import Image

from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.critics.images import digest_image
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.judging import Reading

MAX_MEMBERS = 64
"""Requests of a group at most; more on one image become several groups."""


@dataclass(frozen=True)
class Asked:
    """A request as it comes: its index, what it shows, how it is answered, and how its answer will be read."""

    index: int
    conversation: Conversation
    settings: GenerationSettings
    reading: Reading | None = None


@dataclass(frozen=True)
class ImageRef:
    """An image of a plan: its content, and at which place among the images of which request it can be read again."""

    digest: str
    width: int
    height: int
    request: int
    place: int


@dataclass
class PlannedRequest:
    """A distinct request, and the indices of the requests that its answer answers."""

    key: bytes
    indices: list[int]
    roles: tuple[str, ...]
    contents: tuple[tuple[str | ImageRef, ...], ...]
    reading: Reading | None = None

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """Its images, in the order in which they are shown."""
        return tuple(part for content in self.contents for part in content if isinstance(part, ImageRef))

    @property
    def seed(self) -> int:
        """What draws of its answer begin with; a draw of the same request has another."""
        return int.from_bytes(self.key[:6], "big")

    @property
    def parts(self) -> tuple[str, ...]:
        """What it shows, part by part, each after its role; for an image its digest stands."""
        return tuple(
            f"{role}: {part}" if isinstance(part, str) else part.digest
            for role, content in zip(self.roles, self.contents, strict=True)
            for part in content
        )

    def conversation(self, image: Callable[[ImageRef], Image.Image]) -> Conversation:
        """The conversation, with its images."""
        return [
            Message(role, tuple(part if isinstance(part, str) else image(part) for part in content))
            for role, content in zip(self.roles, self.contents, strict=True)
        ]


@dataclass
class PlannedGroup:
    """Requests that share their settings and begin alike, through their last image; the likest are neighbors."""

    settings: GenerationSettings
    members: list[PlannedRequest]

    @property
    def size(self) -> int:
        """About how many tokens its longest prompt has, to sort by."""
        pixels = sum(image.width * image.height for image in self.members[0].images)
        return pixels // _PIXELS_PER_TOKEN + max(sum(map(len, member.parts)) for member in self.members) // 4


@dataclass
class Plan:
    """What is to be computed, in order, and what is known already.

    Attributes:
        requests: how many were asked.
        groups: distinct requests; of groups of equal size those with the longest prompts first, so that memory runs out
            early or not at all.
        answered: answers from the journal, by the requests' indices.
    """

    requests: int = 0
    groups: list[PlannedGroup] = field(default_factory=list)
    answered: dict[int, Answer] = field(default_factory=dict)

    @property
    def unique(self) -> int:
        """How many requests are computed."""
        return sum(len(group.members) for group in self.groups)

    @property
    def images(self) -> set[ImageRef]:
        """The distinct images of what is computed."""
        by_digest = {image.digest: image for group in self.groups for image in group.members[0].images}
        return set(by_digest.values())


KeepImage: TypeAlias = Callable[[ImageRef, Image.Image], None]
"""Is shown an image of a plan, and may keep it."""


def make_plan(
    asked: Iterable[Asked],
    keys: RequestKeys,
    journal: Journal | None = None,
    keep: KeepImage = lambda ref, image: None,
) -> Plan:
    """Plan requests: drop what the journal holds and what comes twice, and group the rest by their images.

    Args:
        asked: the requests, read one at a time.
        keys: names requests, so that equal ones are known.
        journal: answers of past runs.
        keep: is shown every image of a request that will be computed, for whoever has room for it.
    """
    planner = Planner(journal)
    planner.add(asked, keys, keep)
    return planner.plan()


class Planner:
    """Makes one plan of the requests of several evaluations, as `make_plan` does of those of one.

    Args:
        journal: answers of past runs.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal, self._digests = journal, _Digests()
        self._plan, self._next = Plan(), 0
        self._planned: dict[bytes, PlannedRequest] = {}
        self._recalled: dict[bytes, Answer] = {}
        self._groups: dict[tuple[GenerationSettings, tuple[str, ...]], PlannedGroup] = {}

    def add(self, asked: Iterable[Asked], keys: RequestKeys, keep: KeepImage = lambda ref, image: None) -> int:
        """Add the requests of an evaluation; see `make_plan`.

        Returns:
            What is added to their indices in the plan, so that those of several evaluations don't meet.

        Raises:
            CriticEvalError: a request can't be read or asked; nothing of this evaluation is in the plan then.
        """
        offset, last = self._next, -1
        try:
            for request in asked:
                last = max(last, request.index)
                self._add(replace(request, index=offset + request.index), keys, keep)
        except BaseException:
            self._forget(offset)
            raise
        self._next = offset + last + 1
        return offset

    def plan(self) -> Plan:
        """The plan of all that was added."""
        self._plan.groups = sorted((part for group in self._groups.values() for part in _cut(group)), key=_order)
        return self._plan

    def _forget(self, offset: int) -> None:
        """Take requests out again from an index on."""
        indices = [planned.indices for planned in self._planned.values()]
        self._plan.requests -= sum(index >= offset for each in indices for index in each)
        self._plan.requests -= sum(index >= offset for index in self._plan.answered)
        self._plan.answered = {index: answer for index, answer in self._plan.answered.items() if index < offset}
        for each in indices:
            each[:] = [index for index in each if index < offset]
        for group in self._groups.values():
            group.members = [member for member in group.members if member.indices]
        self._planned = {key: planned for key, planned in self._planned.items() if planned.indices}

    def _add(self, request: Asked, keys: RequestKeys, keep: KeepImage) -> None:
        self._plan.requests += 1
        contents = _contents(request, self._digests)
        key = keys.key([message.role for message in request.conversation], contents, request.settings, request.reading)
        if key in self._planned:
            self._planned[key].indices.append(request.index)
            return
        known = self._recalled.get(key) or (self._journal.get(key) if self._journal is not None else None)
        if known is not None:
            self._plan.answered[request.index] = self._recalled[key] = known
            return
        roles = tuple(message.role for message in request.conversation)
        new = PlannedRequest(key, [request.index], roles, contents, request.reading)
        self._planned[key] = new
        for ref, image in zip(new.images, _images(request.conversation), strict=True):
            keep(ref, image)
        group = self._groups.setdefault((request.settings, _beginning(new)), PlannedGroup(request.settings, []))
        group.members.append(new)


_PIXELS_PER_TOKEN = 200
"""Of SigLIP's 14-pixel patches at full size; only the order of groups depends on it."""


class _Digests:
    """Digests of images; those of the image objects that came last are at hand."""

    def __init__(self) -> None:
        self._known: deque[tuple[Image.Image, str]] = deque(maxlen=8)

    def of(self, image: Image.Image) -> str:
        digest = next((known_digest for known, known_digest in self._known if known is image), None)
        if digest is None:
            digest = digest_image(image)
            self._known.append((image, digest))
        return digest


def _contents(request: Asked, digests: _Digests) -> tuple[tuple[str | ImageRef, ...], ...]:
    position, contents = 0, []
    for message in request.conversation:
        parts: list[str | ImageRef] = []
        for part in message.content:
            if isinstance(part, str):
                parts.append(part)
            else:
                parts.append(ImageRef(digests.of(part), part.width, part.height, request.index, position))
                position += 1
        contents.append(tuple(parts))
    return tuple(contents)


def _images(conversation: Conversation) -> Iterator[Image.Image]:
    return (part for message in conversation for part in message.content if not isinstance(part, str))


def _beginning(request: PlannedRequest) -> tuple[str, ...]:
    """Its parts through the last image; what stands before an image shapes how the image is read."""
    n_parts = [len(content) for content in request.contents]
    flat = [part for content in request.contents for part in content]
    last = max((position for position, part in enumerate(flat) if isinstance(part, ImageRef)), default=-1)
    # Without any image, prompts that begin with the same message may still share much.
    return request.parts[: last + 1] if last >= 0 else (str(len(n_parts)),)


def _cut(group: PlannedGroup) -> Iterator[PlannedGroup]:
    """Sort a group so that what begins alike is side by side, and cut it into groups of bounded size."""
    members = sorted(group.members, key=lambda member: member.parts)
    for start in range(0, len(members), MAX_MEMBERS):
        yield PlannedGroup(group.settings, members[start : start + MAX_MEMBERS])


def _order(group: PlannedGroup) -> tuple[str, int, int]:
    return repr(group.settings), -len(group.members), -group.size
