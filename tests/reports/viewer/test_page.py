"""The page in a browser: what it lists, what it shows of an item, and what its address holds."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Judgment, Preference
from critic_eval.judging.verdicts import verdict_text
from critic_eval.reports.viewer.export import export
from critic_eval.reports.viewer.view import open_view
from tests.reports.viewer.conftest import FIRST, SECOND, Open, choose, counted, listed, pairs, plant, served


def item_order(said: list[Judgment]) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = {}
    for one in said:
        found.setdefault(one.item_id, set()).add(one.verdict.value if one.verdict.is_valid else "invalid")
    return found


VALUES = item_order(FIRST)
FILTERS: dict[str, tuple[str, str, Callable[[Judgment], bool]]] = {
    "a data set": ("group", "Chart QA", lambda one: one.group == "Chart QA"),
    "no data set": ("group", "(none)", lambda one: one.group is None),
    "a label": ("label", "tie", lambda one: one.label == Preference(None)),
    "no label": ("label", "no label", lambda one: one.label is None),
    "a verdict": ("verdict", "B", lambda one: one.verdict.value == 1),
    "invalid": ("verdict", "invalid", lambda one: not one.verdict.is_valid),
    "agreeing": (
        "agree",
        "agrees",
        lambda one: one.label is not None and one.verdict.is_valid and one.verdict.value == one.label.value,
    ),
    "differing": (
        "agree",
        "differs",
        lambda one: one.label is not None and one.verdict.is_valid and one.verdict.value != one.label.value,
    ),
    "a reason": ("reason", "no verdict", lambda one: one.verdict.reason == "no verdict"),
    "a flip": (
        "flip",
        "orders contradict",
        lambda one: "invalid" not in VALUES[one.item_id] and len(VALUES[one.item_id]) == 2,
    ),
}


def test_each_filter_lists_what_it_names(url: str, open_page: Open) -> None:
    page = open_page(url)
    assert listed(page) == (120, 240)
    for name, (key, option, passes) in FILTERS.items():
        choose(page, key, option)
        assert listed(page) == counted(FIRST, passes), name
        page.click("text=Clear")
    assert listed(page) == (120, 240)


def test_filters_on_verdicts_speak_of_the_same_judgment(url: str, open_page: Open) -> None:
    page = open_page(url)
    choose(page, "verdict", "A")
    choose(page, "agree", "differs")
    choose(page, "group", "COCO")

    def passes(one: Judgment) -> bool:
        wrong = one.label is not None and one.verdict.value != one.label.value
        return one.verdict.is_valid and one.verdict.value == 0 and wrong and one.group == "COCO"

    assert listed(page) == counted(FIRST, passes)
    # What an option would leave is counted under the other filters.
    texts = page.locator("select[data-key=group] option").all_inner_texts()
    others = Counter(one.group for one in FIRST if passes(Judgment(**{**one.__dict__, "group": "COCO"})))
    assert f"Chart QA ({others['Chart QA']})" in texts
    page.fill("#search", "ITEM-00")
    assert listed(page) == counted(FIRST, lambda one: passes(one) and "item-00" in one.item_id)


def test_two_critics_are_filtered_each_and_together(two: str, open_page: Open) -> None:
    page = open_page(two)
    other = {(one.item_id, one.order): one.verdict for one in SECOND}
    choose(page, "between", "disagree")
    assert listed(page) == counted(
        FIRST,
        lambda one: (
            one.verdict.is_valid
            and other[one.item_id, one.order].is_valid
            and one.verdict.value != other[one.item_id, one.order].value
        ),
    )
    page.click("text=Clear")
    choose(page, "verdict", "A")
    choose(page, "verdict2", "B")
    wanted = counted(FIRST, lambda one: one.verdict.value == 0 and other[one.item_id, one.order].value == 1)
    assert listed(page) == wanted
    assert wanted[0] > 0
    chart = page.locator("[data-chart=verdict-verdict2]")
    assert chart.locator("[aria-pressed=true]").inner_text() == str(wanted[1])


def test_an_item_shows_responses_in_presented_order_and_what_was_read(url: str, open_page: Open) -> None:
    page = open_page(f"{url}#item=item-007")
    page.wait_for_selector(".image img")
    assert page.evaluate("document.querySelector('.image img').naturalWidth") == 320
    own = [one for one in FIRST if one.item_id == "item-007"]
    for one in own:
        page.click(f".order:text-is('{one.order}')")
        page.wait_for_selector(f".order[aria-pressed=true]:text-is('{one.order}')")
        assert page.locator(".response .letter").all_inner_texts() == list(one.order)
        assert page.locator(".response .text").all_inner_texts() == [f"item-007 says {name}" for name in one.order]
        assert one.span is not None
        assert page.inner_text(".raw mark") == one.raw[slice(*one.span)]
        assert page.inner_text(".raw") == one.raw
        assert page.inner_text(".answer .chip .what") == verdict_text(one.verdict)
        page.click("summary")
        assert page.inner_text(".prompt") == f"Judge {one.order}!"
    assert page.locator(".verdicts .order-cell").count() == 2
    assert "contradict" in page.inner_text(".flip-cell")
    assert page.inner_text(".item h2") == "item-007"
    page.click(".zoom")
    assert page.locator("#image-dialog[open] img").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("#image-dialog[open]").count() == 0
    assert page.inner_text(".item h2") == "item-007"


def test_an_invalid_verdict_says_why_and_old_samples_show_their_prompt(url: str, two: str, open_page: Open) -> None:
    page = open_page(f"{two}#item=item-012&shown=AB")
    page.wait_for_selector(".answer")
    assert page.locator(".answer mark").count() == 0
    assert page.locator(".answer .facts").first.inner_text().startswith("The parser found no verdict")
    assert "both responses are named" in page.locator(".answer h3").first.inner_text()
    assert page.locator(".answer").count() == 2
    page = open_page(f"{url}#task=critic_scores&item=score-5")
    page.wait_for_selector(".answer")
    assert "do not hold the question" in page.inner_text(".asked")
    assert page.locator(".logprobs tbody th").all_inner_texts() == ["100", "0"]
    assert page.locator(".prompt").text_content() == "Judge A!"


def test_charts_count_and_filter_on_click(url: str, open_page: Open) -> None:
    page = open_page(url)
    cells = Counter((verdict_text(one.label) if one.label else "no label", verdict_text(one.verdict)) for one in FIRST)
    for label in ("A", "B", "tie", "no label"):
        for verdict in ("A", "B", "tie", "invalid"):
            cell = page.get_by_label(re.compile(f"^label {label}, verdict {verdict}: "))
            assert cell.inner_text() == (str(cells[label, verdict]) if cells[label, verdict] else "")
    page.get_by_label(re.compile("^label A, verdict B: ")).focus()
    page.keyboard.press("Enter")
    assert listed(page)[1] == cells["A", "B"] > 0
    assert page.evaluate("location.hash") == "#label=A&verdict=B"
    pressed = page.get_by_label(re.compile("^label A, verdict B: "))
    assert pressed.get_attribute("aria-pressed") == "true"
    pressed.click()
    assert listed(page) == (120, 240)
    page.select_option("#task", "critic_scores")
    cell = page.get_by_label(re.compile("^label 0 to 10, verdict 0 to 10: "))
    wanted = sum(item % 101 < 10 and item * 7 % 101 < 10 for item in range(200))
    cell.click()
    assert listed(page) == (wanted, wanted)
    assert page.locator(".figures").count() == 1


def test_the_address_holds_all_that_is_seen(url: str, open_page: Open) -> None:
    page = open_page(url)
    choose(page, "flip", "orders contradict")
    page.fill("#search", "item-0")
    page.locator(".row a").nth(1).click()
    page.wait_for_selector(".order[aria-pressed=true]:text-is('AB')")
    page.keyboard.press("o")
    page.wait_for_selector(".order[aria-pressed=true]:text-is('BA')")
    seen = (listed(page), page.inner_text(".item h2"), page.inner_text(".place"))
    page.reload()
    page.wait_for_selector(".order[aria-pressed=true]:text-is('BA')")
    assert (listed(page), page.inner_text(".item h2"), page.inner_text(".place")) == seen
    assert page.input_value("#search") == "item-0"
    page.go_back()
    page.wait_for_selector(".overview")
    assert listed(page) == seen[0]
    page.go_forward()
    page.wait_for_selector(".item h2")
    assert page.inner_text(".item h2") == seen[1]
    page.goto(f"{url}#item=no-such-item")
    assert "no item no-such-item" in page.inner_text("#detail")
    page.goto(f"{url}#verdict=nonsense")
    assert "Clear the filters" in page.inner_text(".empty")


def test_themes_follow_the_system_and_the_choice(url: str, open_page: Open) -> None:
    def background(page: Any) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light, dark = (open_page(url, scheme=scheme) for scheme in ("light", "dark"))
    assert background(light) == "rgb(255, 255, 255)"
    assert background(dark) != background(light)
    light.click("#theme")
    assert background(light) == background(dark)
    light.reload()
    assert background(light) == background(dark)


def test_on_a_phone_an_item_takes_the_place_of_the_list(url: str, two: str, open_page: Open) -> None:
    def is_too_wide(page: Any) -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    for address in (url, two):
        page = open_page(address, 390, 844)
        assert page.locator(".row").first.is_visible()
        assert not page.locator("#detail").is_visible()
        assert not is_too_wide(page)
        page.locator(".row a").first.click()
        page.wait_for_selector(".answer")
        assert not page.locator(".row").first.is_visible()
        assert not is_too_wide(page)
        page.click(".item .back")
        assert page.locator(".row").first.is_visible()
        page.click("text=Charts")
        assert page.locator(".chart").first.is_visible()
        assert not is_too_wide(page)
        page.locator(".count-cell:not(:disabled)").first.click()
        assert page.locator(".row").first.is_visible()


def test_an_exported_page_is_the_same_from_disk(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_page: Open
) -> None:
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(runs / "own.jsonl"))
    export(open_view([runs / "one"]), tmp_path / "out")
    page = open_page((tmp_path / "out" / "index.html").as_uri())
    choose(page, "agree", "differs")
    assert listed(page) == counted(FIRST, FILTERS["differing"][2])
    page.locator(".row a").first.click()
    page.wait_for_selector(".image img")
    assert page.evaluate("document.querySelector('.image img').naturalWidth") == 320
    assert page.locator(".response").count() == 2
    page.select_option("#task", "critic_scores")
    page.wait_for_selector(".bubble")
    assert listed(page) == (200, 200)


def test_lines_that_were_passed_over_are_told_on_the_page(tmp_path: Path, open_page: Open) -> None:
    folder = plant(tmp_path / "run", pairs(10, 4))
    file = next(folder.glob("*.jsonl"))
    file.write_text(file.read_text(encoding="utf-8")[:-50], encoding="utf-8")
    with served(open_view([folder])) as address:
        page = open_page(address)
        assert "1 line of" in page.inner_text(".notes")
        assert listed(page) == (10, 19)
