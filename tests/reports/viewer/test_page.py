"""The page in a browser: what it lists, what it shows of an item, and how it is moved through."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Judgment, Label, Verdict
from critic_eval.reports.viewer.export import export
from critic_eval.reports.viewer.view import View, open_view
from critic_eval.reports.wording import verdict_text
from tests.reports.viewer.conftest import pair, pairs, plant, served

FIRST, SECOND = pairs(120, 7), pairs(120, 3)
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two critics on pairs, and one on scores; the pairs' data set has images."""
    image_module = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("viewed")
    image_module.new("RGB", (320, 200), "teal").save(folder / "teal.png")
    items = [
        {"id": f"item-{item:03d}", "question": "What is shown?", "image": "teal.png"}
        | {"responses": [f"item-{item:03d} says A", f"item-{item:03d} says B"]}
        for item in range(120)
    ]
    (folder / "own.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    plant(folder / "one" / "pairs", FIRST, "org/first")
    plant(folder / "two", SECOND, "org/second")
    scores = [
        Judgment(
            f"score-{item}",
            "A",
            Verdict.score(item % 101),
            f"Score: {item % 101}",
            "llava_critic_score",
            span=(7, len(f"Score: {item % 101}")),
            label=Label.score((item * 7) % 101),
            logprobs={"0": -2.5, "100": -0.1},
        )
        for item in range(200)
    ]
    plant(folder / "one" / "scores", scores, "org/first", "critic_scores", shown=lambda item, order: None)
    return folder


@pytest.fixture(scope="module")
def url(runs: Path) -> Iterator[str]:
    """One run of two tasks, with images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRITIC_EVAL_PAIRS", str(runs / "own.jsonl"))
        with served(open_view([runs / "one"]), with_images=True) as address:
            yield address


@pytest.fixture(scope="module")
def two(runs: Path) -> Iterator[str]:
    """Two runs of one task."""
    with served(open_view([runs / "one", runs / "two"])) as address:
        yield address


def listed(page: Any) -> tuple[int, int]:
    """How many items and judgments the page says that it lists."""
    found = re.match(r"([\d,]+) of [\d,]+ items? · ([\d,]+) ", page.inner_text(".count"))
    assert found is not None
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


def counted(said: list[Judgment], passes: Callable[[Judgment], bool]) -> tuple[int, int]:
    kept = [one for one in said if passes(one)]
    return len({one.item_id for one in kept}), len(kept)


def choose(page: Any, key: str, option: str) -> None:
    select = page.locator(f"select[data-key={key}]")
    texts = select.locator("option").all_inner_texts()
    select.select_option(index=next(at for at, text in enumerate(texts) if text.startswith(f"{option} (")))


def item_order(said: list[Judgment]) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = {}
    for one in said:
        found.setdefault(one.item_id, set()).add(one.verdict.value if one.verdict.is_valid else "invalid")
    return found


VALUES = item_order(FIRST)
FILTERS: dict[str, tuple[str, str, Callable[[Judgment], bool]]] = {
    "a data set": ("group", "Chart QA", lambda one: one.group == "Chart QA"),
    "no data set": ("group", "(none)", lambda one: one.group is None),
    "a label": ("label", "tie", lambda one: one.label == Label.preference(None)),
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


def test_keys_move_through_the_list(url: str, open_page: Open) -> None:
    page = open_page(f"{url}#label=B&q=item-00")
    chosen = (one for one in FIRST if one.label == Label.preference(1) and "item-00" in one.item_id)
    items = list(dict.fromkeys(one.item_id for one in chosen))
    for key, place in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("k", 0)):
        page.keyboard.press(key)
        assert page.inner_text(".item h2") == items[place]
    for _ in range(len(items) + 2):
        page.keyboard.press("j")
    assert page.inner_text(".item h2") == items[-1]
    assert page.locator(".row a[aria-current=true]").get_attribute("data-item") is not None
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert page.input_value("#search") == "jk"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#help-dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("#help-dialog[open]").count() == 0
    page.keyboard.press("Escape")
    page.wait_for_selector(".overview")


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


HOSTILE = (
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "</script><script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "[click](javascript:window.hacked=1)\u2028\u2029 <a href='javascript:window.hacked=1'>x</a>",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> View:
    said = [
        pair(
            item,
            order,
            Verdict.preference(0) if item else Verdict.invalid(HOSTILE[1]),
            Label.preference(0),
            item_id=text,
            group=text,
            raw=f"{text} and {text}",
            span=(0, len(text)),
            models=(text, text),
            logprobs={text: -0.5, "__proto__": -1.0},
            protocol=text,
        )
        for item, text in enumerate(HOSTILE)
        for order in ("AB", "BA")
    ]
    folder = tmp_path_factory.mktemp("hostile") / "run"
    plant(folder, said, HOSTILE[1], shown=lambda item, order: {"question": item, "responses": [item, item]})
    return open_view([folder])


@pytest.mark.parametrize("is_exported", [False, True])
def test_what_critics_and_data_sets_say_is_shown_as_text(
    is_exported: bool, hostile: View, tmp_path: Path, open_page: Open
) -> None:
    def look(address: str) -> None:
        page = open_page(address)
        assert page.inner_text("h1") == HOSTILE[1]
        for at, text in enumerate(HOSTILE):
            page.locator(".row a").nth(at).click()
            page.wait_for_selector(f".item[data-item='{at}'] .answer")
            for place in (".item h2", ".asked .text", ".raw mark", ".response .model", ".logprobs tbody th"):
                assert page.locator(place).first.text_content() == text
            assert page.locator(".response .text").all_text_contents() == [text, text]
            assert page.locator("#detail img, #detail a, #detail script, #detail svg, #filters img").count() == 0
        choose(page, "group", HOSTILE[0])
        assert listed(page) == (1, 2)
        page.wait_for_timeout(100)
        assert page.evaluate("window.hacked") is None

    if is_exported:
        export(hostile, tmp_path / "out", with_images=False)
        look((tmp_path / "out" / "index.html").as_uri())
    else:
        with served(hostile) as address:
            look(address)


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


def focused(page: Any) -> str:
    """What has the focus: a tag, with its key or name."""
    return str(
        page.evaluate(
            """() => { const one = document.activeElement;
            return `${one.tagName} ${one.dataset.key ?? one.getAttribute("aria-label") ?? one.textContent}`.trim() }"""
        )
    )


def test_the_list_is_one_stop_of_the_tab_key(url: str, open_page: Open) -> None:
    page = open_page(url)
    page.locator(".row a").first.focus()
    page.evaluate("document.querySelector('.scroller').scrollTop = 2000")
    page.wait_for_selector(".row[aria-posinset='60']")
    assert page.evaluate("document.activeElement.dataset.item") == "0"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#detail') !== null")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.dataset.item") == "0"
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".item[data-item='1']")
    page.keyboard.press("j")
    page.wait_for_selector(".item[data-item='2']")
    assert page.evaluate("document.activeElement.dataset.item") == "2"
    assert page.locator(".row a[tabindex='0']").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#detail') !== null")


def test_controls_keep_the_focus_when_they_are_used(url: str, open_page: Open) -> None:
    page = open_page(url)
    page.locator("select[data-key=verdict]").focus()
    choose(page, "verdict", "A")
    page.wait_for_function("() => location.hash === '#verdict=A'")
    assert focused(page) == "SELECT verdict"
    page.keyboard.press("ArrowDown")
    assert page.locator(".overview").count() == 1
    page.keyboard.press("Escape")
    page.click("text=Clear")
    assert focused(page) != "BODY"
    page.locator(".row a").first.press("Enter")
    page.wait_for_selector(".item .answer")
    assert focused(page) == "H2 heading"
    page.get_by_label("Next item").focus()
    for item in (1, 2, 3):
        page.keyboard.press("Enter")
        page.wait_for_selector(f".item[data-item='{item}']")
        assert focused(page) == "BUTTON Next item"
    page.keyboard.press("Escape")
    page.wait_for_selector(".overview")
    assert page.evaluate("document.activeElement.closest('.row') !== null")


def test_stepping_from_nowhere_leaves_the_focus_there(url: str, open_page: Open) -> None:
    page = open_page(url)
    for item in (0, 1):
        page.keyboard.press("j")
        page.wait_for_selector(f".item[data-item='{item}'] .answer")
        assert page.evaluate("document.activeElement === document.body")


def test_arrows_scroll_in_an_item_and_letters_step(url: str, open_page: Open) -> None:
    page = open_page(url, 1280, 400)
    page.locator(".row a").first.click()
    page.wait_for_selector(".item[data-item='0'] .answer")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.getElementById('detail').scrollTop > 0")
    assert page.locator(".item[data-item='0']").count() == 1
    page.keyboard.press("j")
    page.wait_for_selector(".item[data-item='1']")


def test_escape_empties_the_search_box_and_the_address(url: str, open_page: Open) -> None:
    page = open_page(url)
    page.focus("#search")
    page.keyboard.type("item-00")
    assert listed(page)[0] == 10
    page.keyboard.press("Escape")
    page.wait_for_function("() => location.hash === '#' || location.hash === ''")
    assert page.input_value("#search") == ""
    assert listed(page)[0] == 120


def rankings(seed: int) -> list[Judgment]:
    """Rankings of four responses in three orders that often contradict each other."""
    orders = ("ABCD", "CADB", "DCBA")
    return [
        Judgment(
            f"ranked-{item}",
            order,
            Verdict.ranking((2, 1, 0, 3) if (item + at * seed) % 4 else (3, 0, 2, 1)),
            "CBAD",
            "ranking",
            label=Label.ranking((2, 1, 0, 3)),
        )
        for item in range(30)
        for at, order in enumerate(orders)
    ]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("n", [1, 2])
def test_long_verdicts_and_contradictions_are_not_cut(width: int, n: int, tmp_path: Path, open_page: Open) -> None:
    names = ("organisation/A-critic-of-a-rather-long-name-7B", "organisation/Another-critic-of-a-long-name-72B")
    folders = [
        plant(tmp_path / str(run), rankings(run + 1), names[run], "ranks", shown=lambda item, order: None)
        for run in range(n)
    ]
    with served(open_view(folders)) as address:
        page = open_page(address, width)
        page.wait_for_selector(".row .flip[title]")
        cut = """parts => parts.filter(part => part.scrollWidth > part.clientWidth).map(part => part.textContent)"""
        assert page.locator(".row .what").evaluate_all(cut) == []
        assert page.locator(".row .cell.label").evaluate_all(cut) == []
        assert page.locator(".row .cell.said").evaluate_all(cut) == []
        chips = page.locator(".row").first.locator(".said").first.locator(".chip").count()
        assert page.locator(".row .more").first.inner_text() == f"+{3 - chips}"
        assert page.locator(".row .id").first.bounding_box()["width"] > 40
        if width == 390:
            assert page.inner_text("h1").startswith("A-critic")
            assert page.locator("h1").bounding_box()["height"] < 56


def test_scores_are_a_plot_whose_bubbles_filter(runs: Path, open_page: Open) -> None:
    with served(open_view([runs / "one" / "scores", runs / "one" / "scores"])) as address:
        page = open_page(address)
        assert page.locator("svg.scatter").count() == 3
        plot = page.locator("[data-chart=label-verdict]")
        bubbles = plot.locator(".bubble").evaluate_all(
            """found => found.map(one => [one.getAttribute("aria-label"),
            ...["r", "cx", "cy"].map(name => Number(one.querySelector("circle").getAttribute(name)))])"""
        )
        counts = [int(said.rpartition(": ")[2]) for said, *_ in bubbles]
        assert sum(counts) == 200
        for (_, radius, *_), n in zip(bubbles, counts, strict=True):
            assert radius**2 / n == pytest.approx(bubbles[0][1] ** 2 / counts[0], rel=0.02)
        at = {said.rpartition(":")[0]: (x, y) for said, _, x, y in bubbles}
        low, high = at["label 0 to 10, verdict 0 to 10"], at["label 90 to 100, verdict 90 to 100"]
        assert low[0] < high[0]
        assert low[1] > high[1]
        one = plot.get_by_label(re.compile("^label 0 to 10, verdict 0 to 10: "))
        assert one.get_attribute("role") == "button"
        for key, n in (("Enter", counts[0]), (" ", 200)):
            one.focus()
            one.press(key)
            page.wait_for_function("n => document.querySelector('.count').textContent.startsWith(n + ' of')", arg=n)
            assert focused(page) == "g label verdict 1 1"
        page = open_page(f"{address}#view=overview", 390, 844, "dark")
        box = page.locator("svg.scatter").first.bounding_box()
        assert 300 < box["width"] < 360


def test_data_of_other_shapes_is_shown(runs: Path, open_page: Open) -> None:
    view = open_view([runs / "one" / "pairs"])
    with served(view) as address:
        page = open_page(address)

        def changed(path: str, change: Callable[[Any], None]) -> None:
            def answer(route: Any) -> None:
                record = route.fetch().json()
                change(record)
                route.fulfill(json=record)

            page.route(path, answer)

        def of_manifest(record: Any) -> None:
            record["tasks"][0]["critics"] = ["renamed"]
            record["tasks"][0]["runs"][0]["figures"][0].update(value=None, low=None, high=0.5)

        def of_texts(record: Any) -> None:
            record["remarks"] = ["First remark.", "Second remark."]
            record["slots"][0][0].update(seconds=None, tokens=None, logprobs=[["A", None], ["B", -0.5]])

        def of_table(record: Any) -> None:
            record["labels"]["kind"] = ["score"] * len(record["labels"]["kind"])
            record["labels"]["text"] = ["7"] * len(record["labels"]["text"])

        changed("**/data/manifest.json", of_manifest)
        changed("**/data/tables/*", of_table)
        changed("**/data/texts/**", of_texts)
        page.reload()
        page.wait_for_selector(".figures")
        assert page.inner_text("h1") == "renamed"
        assert page.inner_text(".figures .value >> nth=0") == "–"
        assert page.inner_text(".figures .interval >> nth=0") == "– to 0.500"
        page.locator(".row a").first.click()
        page.wait_for_selector(".answer")
        assert page.locator(".remark").all_inner_texts() == ["First remark.", "Second remark."]
        assert page.inner_text(".answer .facts").endswith("protocol llava_critic_pair")
        assert page.locator(".logprobs tbody tr").all_inner_texts()[1].split() == ["A", "–", "–"]
        assert page.locator(".response[data-response=A] .by-label").count() == 0
        assert page.inner_text(".response[data-response=B] .by-label") == "label7"
        assert "renamed" in page.inner_text(".answer h3")
