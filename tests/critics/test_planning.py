"""A plan asks each distinct request once, keeps what belongs together side by side, and gives every answer back."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from critic_eval.critics.conversations import Message
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.critics.image_store import ImageStore
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.critics.plan_summary import summarize
from critic_eval.critics.planning import MAX_MEMBERS, Asked, make_plan

COLORS = ("red", "green", "blue")
REQUESTS = st.lists(
    st.tuples(st.sampled_from([*COLORS, ""]), st.text("ab", max_size=3), st.integers(1, 2)), max_size=40
)


def asked(index: int, color: str, text: str, tokens: int = 8) -> Asked:
    image = (Image.new("RGB", (4 + len(color), 4), color),) if color else ()
    return Asked(index, [Message("user", (*image, text))], GenerationSettings(tokens))


@given(REQUESTS)
def test_each_distinct_request_is_planned_once_and_answers_all_that_are_equal(
    wanted: list[tuple[str, str, int]],
) -> None:
    plan = make_plan((asked(index, *one) for index, one in enumerate(wanted)), RequestKeys({}))
    members = [member for group in plan.groups for member in group.members]
    assert plan.requests == len(wanted)
    assert plan.unique == len(members) == len(set(wanted))
    assert sorted(index for member in members for index in member.indices) == list(range(len(wanted)))
    for member in members:
        assert len({wanted[index] for index in member.indices}) == 1


@given(REQUESTS)
def test_a_group_shares_images_and_settings_and_no_two_groups_could_be_one(wanted: list[tuple[str, str, int]]) -> None:
    plan = make_plan((asked(index, *one) for index, one in enumerate(wanted)), RequestKeys({}))
    kinds: list[tuple[str, int]] = []
    for group in plan.groups:
        kind = {(wanted[member.indices[0]][0], wanted[member.indices[0]][2]) for member in group.members}
        assert len(kind) == 1
        kinds += kind
        shown = [wanted[member.indices[0]][1] for member in group.members]
        assert shown == sorted(shown)
    assert len(kinds) == len(set(kinds))


def test_a_large_group_is_cut_into_groups_of_bounded_size() -> None:
    many = (asked(index, "red", f"{index:04}") for index in range(2 * MAX_MEMBERS + 1))
    assert sorted(len(group.members) for group in make_plan(many, RequestKeys({})).groups) == [
        1,
        MAX_MEMBERS,
        MAX_MEMBERS,
    ]


def test_what_the_journal_holds_is_not_planned(tmp_path: Path) -> None:
    keys, journal = RequestKeys({"name": "critic"}), Journal(tmp_path / "a.sqlite")
    known = make_plan([asked(0, "red", "a")], keys).groups[0].members[0]
    journal.add(known.key, Answer("yes", 1, 1, 0.0))
    plan = make_plan([asked(0, "red", "b"), asked(1, "red", "a")], keys, journal)
    assert {index: answer.text for index, answer in plan.answered.items()} == {1: "yes"}
    assert [member.indices for group in plan.groups for member in group.members] == [[0]]


def test_images_are_opened_once_while_they_fit_and_read_again_when_they_do_not() -> None:
    reread: list[int] = []

    def images_of(index: int) -> list[Image.Image]:
        reread.append(index)
        return [Image.new("RGB", (4 + len(COLORS[index]), 4), COLORS[index])]

    for limit, times in ((10_000, 0), (90, 2)):  # 7 * 4 * 3 = 84 bytes is the smallest of the three
        reread.clear()
        store = ImageStore(images_of, limit)
        plan = make_plan(
            (asked(index, color, "a") for index, color in enumerate(COLORS)), RequestKeys({}), keep=store.keep
        )
        for ref in plan.images:
            assert store.get(ref).getpixel((0, 0)) == Image.new("RGB", (1, 1), COLORS[ref.request]).getpixel((0, 0))
            store.drop(ref)
        assert len(reread) == times


def test_a_summary_counts_without_a_model_and_with_an_encoder(checkpoint: object) -> None:
    wanted = [asked(index, "red", text) for index, text in enumerate(["same", "same", "same and more"])]
    plan = make_plan(wanted, RequestKeys({}))
    plain = summarize(plan)
    assert (plain.requests, plain.unique, plain.images, plain.prompt_tokens) == (3, 2, 1, None)
    encoder = checkpoint.encoder  # type: ignore[attr-defined]
    counted = summarize(plan, encoder)
    lengths = [len(encoder.encode(one.conversation).input_ids) for one in wanted]
    assert counted.prompt_tokens == sum(lengths)
    assert counted.tiles == 2
    assert counted.computed_tokens is not None
    assert max(lengths) < counted.computed_tokens < lengths[0] + lengths[2]
    assert "prefill saved" in counted.to_text()


def test_an_empty_plan_has_nothing_to_do() -> None:
    plan = make_plan([], RequestKeys({}))
    assert (plan.unique, plan.images) == (0, set())
    assert "distinct, to compute                  0" in summarize(plan).to_text()
