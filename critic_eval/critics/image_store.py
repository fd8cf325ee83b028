"""Decoded images that are kept between planning and answering, as far as they fit."""

from collections import Counter
from collections.abc import Callable, Iterator

from PIL import Image

from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.planning import ImageRef, Plan

KEPT_BYTES = 1 << 30


class ImageStore:
    """Images by content. What does not fit is read again when it is needed.

    Args:
        reread: gives the images of a request, by its index.
        limit: bytes of pixels that are kept.
    """

    def __init__(self, reread: Callable[[int], list[Image.Image]], limit: int = KEPT_BYTES) -> None:
        self._reread, self._limit = reread, limit
        self._kept: dict[str, Image.Image] = {}
        self._bytes = 0

    def keep(self, ref: ImageRef, image: Image.Image) -> None:
        """Keep an image while there is room."""
        size = _bytes(image)
        if ref.digest not in self._kept and self._bytes + size <= self._limit:
            self._kept[ref.digest] = image
            self._bytes += size

    def get(self, ref: ImageRef) -> Image.Image:
        """The image, from here or from its request."""
        if ref.digest in self._kept:
            return self._kept[ref.digest]
        image = self._reread(ref.request)[ref.place]
        self.keep(ref, image)
        return image

    def drop(self, ref: ImageRef) -> None:
        """Make room: the image is not needed any more."""
        image = self._kept.pop(ref.digest, None)
        if image is not None:
            self._bytes -= _bytes(image)


def _bytes(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())


def opened_groups(plan: Plan, images: ImageStore) -> Iterator[Group]:
    """The groups of a plan with their images, which are let go of after the last group that shows them."""
    number = 0
    uses = Counter(ref.digest for group in plan.groups for ref in group.members[0].images)
    for group in plan.groups:
        shown = {ref.digest: images.get(ref) for ref in group.members[0].images}
        requests = []
        for member in group.members:
            conversation = member.conversation(lambda ref, shown=shown: shown[ref.digest])  # type: ignore[misc]
            requests.append(Request(number, conversation, member.reading, member.seed))
            number += 1
        yield Group(group.settings, tuple(requests))
        for ref in group.members[0].images:
            uses[ref.digest] -= 1
            if not uses[ref.digest]:
                images.drop(ref)
