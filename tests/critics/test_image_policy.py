"""The controls that show a request something else than its image."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from critic_eval.critics.images import (
    ImageChange,
    ImagePolicy,
    digest_image,
    shrunk_size,
    shuffled_sources,
)
from critic_eval.errors import ArgumentError

requests = st.lists(st.tuples(st.sampled_from(["one", "two"]), st.sampled_from(["", "a", "b", "c", "d"])), max_size=30)


@given(requests, st.integers(0, 5))
def test_everyone_sees_another_image_of_the_own_task(drawn: list[tuple[str, str]], seed: int) -> None:
    tasks, digests = [task for task, _ in drawn], [digest for _, digest in drawn]
    sources = shuffled_sources(tasks, digests, seed)
    for index, source in enumerate(sources):
        others = {d for t, d in drawn if t == tasks[index] and d} - {digests[index]}
        assert tasks[source] == tasks[index]
        if digests[index] and others:
            assert digests[source] in others
        else:
            assert digests[source] == digests[index]


@given(requests, st.integers(0, 5))
def test_requests_with_one_image_stay_together(drawn: list[tuple[str, str]], seed: int) -> None:
    sources = shuffled_sources([task for task, _ in drawn], [digest for _, digest in drawn], seed)
    seen: dict[tuple[str, str], str] = {}
    for (task, digest), source in zip(drawn, sources, strict=True):
        assert seen.setdefault((task, digest), drawn[source][1]) == drawn[source][1]


def test_digest_tells_size_mode_and_pixels_apart() -> None:
    images = [Image.new("L", (2, 8)), Image.new("L", (8, 2)), Image.new("RGB", (2, 8)), Image.new("L", (2, 8), 1)]
    assert len({digest_image(image) for image in images}) == 4
    assert digest_image(images[0]) == digest_image(Image.new("L", (2, 8)))


def test_a_blank_image_has_the_size_of_its_own_and_nothing_else_of_it() -> None:
    change = ImageChange(ImagePolicy.read("blank"))
    image = Image.effect_noise((30, 20), 60).convert("RGB")
    assert change(image).size == image.size
    assert change(image).getcolors() == [(600, (128, 128, 128))]
    assert change(image) is change(image), "equal images would be digested anew each time"


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(2, 12))
def test_a_shrunk_image_takes_no_more_tiles_than_it_may_and_is_as_large_as_can_be(
    width: int, height: int, most: int
) -> None:
    def tiles(size: tuple[int, int]) -> int:
        return 1 + -(-size[0] // 384) * -(-size[1] // 384)

    shrunk = shrunk_size((width, height), most, tiles)
    assert tiles(shrunk) <= most
    if shrunk != (width, height):
        longest = max(width, height)
        larger = max(shrunk) + 2 + longest // 500
        assert (
            larger >= longest or tiles((max(1, width * larger // longest), max(1, height * larger // longest))) > most
        )


def test_tiles_that_can_not_be_had_are_refused() -> None:
    with pytest.raises(ArgumentError, match="takes 2 tiles at any size"):
        shrunk_size((800, 600), 1, lambda size: 2 + size[0] // 384)
    with pytest.raises(ArgumentError, match="in this process"):
        ImageChange(ImagePolicy.read("tiles_4"))
    for name in ("tiles_0", "tiles_", "tiles_-1", "blurred"):
        with pytest.raises(ArgumentError, match="unknown"):
            ImagePolicy.read(name)
