"""Planted runs to look at, a server that shows them, and one browser for all tests of the page."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Invalid, Judgment, Label, Preference, Score, Verdict
from critic_eval.reports.viewer.server import Pages, address, make_server
from critic_eval.reports.viewer.view import View, open_view
from tests.factories import judgments
from tests.reports.conftest import TASK, write_run

GROUPS = ("COCO", "Chart QA", None)
QUESTION = "What is shown?"


def pair(item: int, order: str, verdict: Verdict, label: Label | None, **changed: Any) -> Judgment:
    """A judgment whose answer names the response by where it was shown."""
    if verdict.is_valid:
        first = {None: "equal", 0: "first", 1: "second"}
        shown = verdict.value if verdict.value is None or order == "AB" else 1 - int(verdict.value)  # type: ignore[arg-type]
        read = f"The better response: [{first[shown]}]"  # type: ignore[index]
        # Signs beyond the basic plane count twice in a browser, and once in a span.
        before = "Let me see 🙂🙂. "
        raw, span = f"{before}{read} since it is right.", (len(before), len(before) + len(read))
    else:
        raw, span = "I can't tell.", None
    group, models = GROUPS[item % 3], ("gpt", "llava")
    found = Judgment(
        f"item-{item:03d}", order, verdict, raw, "llava_critic_pair", span, label, group=group, models=models
    )
    return replace(found, **changed)


def pairs(n: int, skill: int) -> list[Judgment]:
    """Judgments of n pairs in both orders: every `skill`-th is wrong in the second order, some are invalid or ties."""
    found = []
    for item in range(n):
        label = None if item % 11 == 10 else Preference((0, 1, None)[item % 3 if item % 5 else 2])
        for order in ("AB", "BA"):
            value = 0 if label is None else label.value
            if order == "BA" and item % skill == 0:
                value = 1 if value == 0 else 0
            verdict: Verdict = Preference(value)
            if item % 13 == 12 and order == "AB":
                verdict = Invalid("no verdict" if item % 2 else "both responses are named")
            found.append(pair(item, order, verdict, label))
    return found


def texts(item: str, order: str) -> dict[str, Any]:
    """What was shown of an item of `pairs`, in canonical order."""
    return {"question": QUESTION, "responses": [f"{item} says A", f"{item} says B"]}


def plant(
    folder: Path,
    said: Sequence[Judgment],
    name: str = "good",
    task: str = TASK,
    shown: Callable[[str, str], dict[str, Any] | None] = texts,
    **results: Any,
) -> Path:
    """A run as lmms-eval writes it, with what was shown, and the prompt."""
    shutil.rmtree(folder, ignore_errors=True)
    settings = {"checkpoint": name, "orders": "AB+BA", **results.pop("settings", {})}
    are_preferences = all(one.verdict.kind in ("preference", "invalid") for one in said)
    write_run(folder, list(said) if are_preferences else judgments(4, 1.0), settings, task, **results)
    lines = []
    for index, one in enumerate(said):
        known = shown(one.item_id, one.order)
        record = {**one.to_record(), **({} if known is None else {"shown": known})}
        lines.append(json.dumps({"doc_id": index, "judgment": record, "input": f"Judge {one.order}!"}))
    (folder / f"20260101_samples_{task}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@contextmanager
def served(view: View, with_images: bool = False) -> Iterator[str]:
    """The address of a viewer that runs meanwhile."""
    server = make_server(Pages(view, with_images), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield address(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end, none of them may have complained."""
    complaints: list[str] = []
    contexts = []

    def opened(url: str, width: int = 1280, height: int = 900, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.extend(_unwanted(request)))
        page.goto(url)
        page.wait_for_selector("main[data-view]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _unwanted(request: Any) -> list[str]:
    """What is to be said of a request that failed; one that the next page cut off is no failure."""
    return [] if "ERR_ABORTED" in str(request.failure) else [f"{request.url}: {request.failure}"]


FIRST, SECOND = pairs(120, 7), pairs(120, 3)
"""What the two critics of the fixtures below say."""
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
            Score(item % 101),
            f"Score: {item % 101}",
            "llava_critic_score",
            span=(7, len(f"Score: {item % 101}")),
            label=Score((item * 7) % 101),
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


def focused(page: Any) -> str:
    """What has the focus: a tag, with its key or name."""
    return str(
        page.evaluate(
            """() => { const one = document.activeElement;
            return `${one.tagName} ${one.dataset.key ?? one.getAttribute("aria-label") ?? one.textContent}`.trim() }"""
        )
    )
