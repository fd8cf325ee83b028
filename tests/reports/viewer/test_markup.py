"""No text runs, loads or becomes an element in a browser, on any of the pages, even without their policies."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Invalid, Preference
from critic_eval.reports.viewer.export import export
from critic_eval.reports.viewer.view import View, open_view
from tests.reports.payloads import HTML, PAYLOADS, STEP
from tests.reports.test_markup import Texts, leaderboard_texts, study_texts
from tests.reports.viewer.conftest import pair, plant, served

MADE = "script, img, iframe, object, embed, video, audio, form, base, meta, link, style, template, marquee, math"
"""Elements that payloads would make, and the viewer's own parts don't have; drawings are told by their listeners."""


class Watch:
    """A page without its policy, and what it ran or asked for that it should not."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context(bypass_csp=True)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self._check(request.url))

    def _dismiss(self, dialog: Any) -> None:
        self.wrong.append(dialog.message)
        dialog.dismiss()

    def _check(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1", "file:", "data:image/svg+xml;base64,")):
            self.wrong.append(url)

    def made(self, within: str = "body") -> int:
        """How many elements there are of those that payloads would make, or with a listener written as an attribute."""
        return int(
            self.page.evaluate(
                """([within, made]) => [...document.querySelector(within).querySelectorAll("*")].filter((one) =>
                one.matches(made) || [...one.attributes].some(({ name, value }) =>
                (/^on|^srcdoc$|^style$/.test(name) && /window\\.ran|evil/.test(value)) ||
                (/^(href|src|action|data|formaction|xlink:href)$/.test(name) && /^\\s*javascript:/i.test(value)))
                ).length""",
                [within, MADE],
            )
        )

    def end(self) -> None:
        """Nothing of it may have happened."""
        assert self.page.evaluate("window.ran") is None
        assert self.wrong == []
        self.context.close()


def cycled(start: int) -> Callable[[str], str]:
    """Gives another payload at each call, with a name that makes it one of a kind."""
    left = itertools.cycle(PAYLOADS[start:] + PAYLOADS[:start])
    return lambda name: f"{next(left)}{name}"


@pytest.mark.parametrize("start", range(0, 90, min(6 * STEP, 45)))
@pytest.mark.parametrize("make", [leaderboard_texts, study_texts])
def test_a_report_runs_and_loads_nothing(
    make: Callable[[Path, Callable[[str], str]], Texts], start: int, browser: Any, tmp_path: Path
) -> None:
    watch = Watch(browser)
    own = tmp_path / "own.html"
    own.write_text(make(tmp_path / "clean", lambda name: f"name {name}")["page"], encoding="utf-8")
    watch.page.goto(own.as_uri())
    images = watch.page.locator("img").count()
    assert watch.made() == images
    hostile = tmp_path / "hostile.html"
    hostile.write_text(make(tmp_path / "hostile", cycled(start))["page"], encoding="utf-8")
    watch.page.goto(hostile.as_uri())
    assert watch.made() == watch.page.locator("figure > img").count()
    watch.page.wait_for_timeout(50)
    watch.end()


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    """An item for each payload, which is all of its texts."""

    def shown(item: str, order: str) -> dict[str, Any]:
        text = item.partition("#")[2]
        return dict.fromkeys(("question", "reference", "rubric", "context"), text) | {"responses": [text, text]}

    said = [
        pair(
            item,
            order,
            Preference(0) if item % 3 else Invalid(text or "x"),
            Preference(0),
            item_id=f"{item}#{text}",
            group=text,
            raw=f"{text} and {text}",
            span=(0, len(text)),
            models=(text, text),
            logprobs={text: -0.5},
            protocol=text,
        )
        for item, text in enumerate(PAYLOADS)
        for order in ("AB", "BA")
    ]
    folder = tmp_path_factory.mktemp("markup")
    settings = {f"x{text}": text for text in HTML}
    one, two = (
        plant(folder / name, said, HTML[at], shown=shown, settings=settings, date=HTML[at])
        for at, name in ((11, "one"), (12, "two"))
    )
    return open_view([one, two])


@pytest.mark.parametrize("is_exported", [False, True])
def test_the_viewer_runs_and_loads_nothing(is_exported: bool, view: View, browser: Any, tmp_path: Path) -> None:
    def look(address: str) -> None:
        watch = Watch(browser)
        page = watch.page
        page.goto(address)
        page.wait_for_selector("main[data-view]")
        assert watch.made("#list") == watch.made("#filters") == 0
        own = watch.made()
        for item, text in list(enumerate(PAYLOADS))[:: STEP if not is_exported else 2 * STEP]:
            if "\ud800" in text:
                continue  # which no address can hold
            page.evaluate("text => { location.hash = `item=${encodeURIComponent(text)}` }", f"{item}#{text}")
            page.wait_for_selector(f".item[data-item='{item}'] .answer")
            page.locator("#detail summary").evaluate_all("all => all.forEach((one) => one.click())")
            assert watch.made("#detail") == 0, text
        for text in HTML[::STEP]:
            for key in ("item", "task", "group", "search", "label", "verdict", "shown", text):
                page.evaluate("([key, text]) => { location.hash = `${key}=${encodeURIComponent(text)}` }", [key, text])
            page.evaluate("text => { location.hash = text }", text)
            page.evaluate("() => new Promise(requestAnimationFrame)")
            assert watch.made() <= own, text
        watch.end()

    if is_exported:
        export(view, tmp_path / "out", with_images=False)
        look((tmp_path / "out" / "index.html").as_uri())
    else:
        with served(view) as address:
            look(address)
