"""Planted runs to look at, a server that shows them, and one browser for all tests of the page."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Judgment, Label, Verdict
from critic_eval.reports.viewer.server import Pages, address, make_server
from critic_eval.reports.viewer.view import View
from tests.reports.conftest import TASK, judgments, write_run

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
        label = None if item % 11 == 10 else Label.preference((0, 1, None)[item % 3 if item % 5 else 2])
        for order in ("AB", "BA"):
            value = 0 if label is None else label.value
            if order == "BA" and item % skill == 0:
                value = 1 if value == 0 else 0
            verdict = Verdict.preference(value)  # type: ignore[arg-type]
            if item % 13 == 12 and order == "AB":
                verdict = Verdict.invalid("no verdict" if item % 2 else "both responses are named")
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
