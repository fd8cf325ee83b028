"""Whatever samples hold is shown: as text, uncut, in plots, and where something is missing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Invalid, Judgment, MemberVerdict, Preference, Ranking
from critic_eval.reports.viewer.export import export
from critic_eval.reports.viewer.view import View, open_view
from tests.reports.viewer.conftest import Open, choose, focused, listed, pair, plant, served

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
            Preference(0) if item else Invalid(HOSTILE[1]),
            Preference(0),
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


def test_the_members_of_a_jury_are_shown_beside_what_they_were_pooled_to(tmp_path: Path, open_page: Open) -> None:
    said = (
        MemberVerdict(HOSTILE[0], Preference(1), HOSTILE[1]),
        MemberVerdict("second", Preference(0)),
        MemberVerdict("third", Invalid(HOSTILE[0])),
    )
    judged = [
        pair(0, order, Preference(None), Preference(0), members=said, confidence=0.5, confidence_from="members")
        for order in ("AB", "BA")
    ]
    plant(tmp_path / "run", judged, "jury", shown=lambda item, order: None)
    with served(open_view([tmp_path / "run"])) as address:
        page = open_page(address)
        page.locator(".row a").first.click()
        page.wait_for_selector(".members")
        told = page.locator(".answer .members").first.locator("li").all_text_contents()
        assert told == [f"{HOSTILE[0]} B{HOSTILE[1]}", "second A", f"third invalid: {HOSTILE[0]}"]
        assert "members of a jury said · confidence 50 %" in page.locator(".answer .facts").first.inner_text()
        assert page.evaluate("window.hacked") is None


def test_draws_and_what_was_elicited_are_shown_with_their_texts(tmp_path: Path, open_page: Open) -> None:
    texts = (HOSTILE[0], "The better response: [first]", HOSTILE[1])
    said: list[dict[str, Any]] = [
        {"draws": texts, "confidence": 2 / 3, "confidence_from": "draws", "read_as": "stated"},
        {"draws": texts[:1], "read_as": "elicited"},
    ]
    judged = [
        pair(item, "AB", Preference(0), Preference(0), raw="[statement]", **more) for item, more in enumerate(said)
    ]
    plant(tmp_path / "run", judged, "drawn")
    with served(open_view([tmp_path / "run"])) as address:
        page = open_page(address)
        page.locator(".row a").first.click()
        page.wait_for_selector(".members")
        assert tuple(page.locator(".members pre").all_text_contents()) == texts
        assert "Pooled of 3 draws · confidence 67 %" in page.locator(".answer .facts").first.inner_text()
        page.locator(".row a").last.click()
        page.wait_for_selector(".item[data-item='1'] .answer")
        assert "the critic was likeliest to say next" in page.locator(".answer .facts").first.inner_text()
        assert page.locator(".answer > pre.raw").first.text_content() == texts[0]
        assert page.evaluate("window.hacked") is None


def rankings(seed: int) -> list[Judgment]:
    """Rankings of four responses in three orders that often contradict each other."""
    orders = ("ABCD", "CADB", "DCBA")
    return [
        Judgment(
            f"ranked-{item}",
            order,
            Ranking((2, 1, 0, 3) if (item + at * seed) % 4 else (3, 0, 2, 1)),
            "CBAD",
            "ranking",
            label=Ranking((2, 1, 0, 3)),
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


def test_rewards_stand_where_an_answer_would(tmp_path: Path, open_page: Open) -> None:
    rated = pair(0, "BA", Preference(1), Preference(1), rewards=(-1.25, 0.5), raw="[stated]", span=None)
    folder = plant(tmp_path / "run", [rated])
    with served(open_view([folder])) as url:
        page = open_page(url)
        page.locator(".row a").first.click()
        page.wait_for_selector(".answer")
        assert page.locator(".rewards tbody th").all_inner_texts() == ["A", "B"]
        assert page.locator(".rewards .value").all_inner_texts() == ["-1.250", "0.500"]
        assert page.locator(".answer .raw").count() == 0
        assert page.inner_text(".answer .facts").startswith("The verdict was read off the rewards")
