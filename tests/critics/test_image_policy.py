"""The control that shows every request another image."""

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from critic_eval.critics.image_policy import digest_image, shuffled_sources

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
