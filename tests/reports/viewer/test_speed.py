"""A hundred thousand samples are looked at without waiting; the numbers are printed (`pytest -m slow -s`)."""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from critic_eval.judging import Preference
from critic_eval.reports.viewer.view import View, open_view
from tests.reports.viewer.conftest import pair, plant, served

N = 100_000
LOAD_MEGABYTES = 150
FIRST_PAINT_MS, FILTER_MS = 2000, 200
"""What a reader does not wait for."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """Samples as large as real ones: three kilobytes each, with the judgment's record once for every figure."""
    folder = plant(tmp_path_factory.mktemp("large") / "run", [pair(0, "AB", Preference(0), None)])
    file = next(folder.glob("*.jsonl"))
    sample = json.loads(file.read_text(encoding="utf-8"))
    rng = np.random.default_rng(0)
    with file.open("w", encoding="utf-8") as lines:
        for index in range(N):
            item, order = index // 2, "BA" if index % 2 else "AB"
            value = (0, 1, None)[rng.integers(3)]
            verdict = {"kind": "preference", "value": value} if rng.random() > 0.03 else _invalid(int(rng.integers(2)))
            judgment = {
                **sample["judgment"],
                **{"item_id": f"item-{item:06d}", "order": order, "verdict": verdict, "group": f"set {item % 14}"},
                **{"label": {"kind": "preference", "value": (0, 1, None)[item % 3]}, "raw": "because it is so " * 12},
            }
            figures = {name: {**judgment, "raw": "", "shown": None} for name in ("one", "two", "three", "four")}
            prompt = "Given an image and a corresponding question, " * 12
            lines.write(json.dumps({"doc_id": index, **figures, "judgment": judgment, "input": prompt}) + "\n")
    print(f"\n{N:,} samples, {file.stat().st_size / 1e6:.0f} MB")
    start = time.perf_counter()
    found = open_view([folder])
    print(f"read in {time.perf_counter() - start:.1f} s")
    yield found
    file.unlink()


def _invalid(which: int) -> dict[str, Any]:
    return {"kind": "invalid", "reason": ("no verdict", "both responses are named")[which]}


def test_samples_take_little_memory(view: View) -> None:
    tracemalloc.start()
    again = open_view([view.tasks[0].runs[0].file])
    held, peak = (size / 1e6 for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    print(f"memory held {held:.0f} MB, at most {peak:.0f} MB")
    assert again.tasks[0].table.n_judgments == N
    assert peak < LOAD_MEGABYTES


def test_first_paint_and_filters_are_fast(view: View, open_page: Callable[..., Any]) -> None:
    with served(view) as url:
        page = open_page(url)
        page.wait_for_selector(".row")
        ready = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        print(f"first contentful paint {paint:.0f} ms, list and charts there after {ready:.0f} ms")
        assert page.locator(".row").count() < 60
        filters = [{"verdict": "A"}, {"agree": "no"}, {"group": "set 3"}, {"q": "12"}, {"q": None, "flip": "yes"}]
        times = []
        for change in filters:
            # Until the frame with the new list is on the screen.
            milliseconds = page.evaluate(
                """async (change) => {
                    const start = performance.now();
                    State.change(change);
                    await new Promise((resume) => requestAnimationFrame(() => setTimeout(resume)));
                    return performance.now() - start;
                }""",
                change,
            )
            times.append(milliseconds)
        print("filters " + ", ".join(f"{milliseconds:.0f}" for milliseconds in times) + " ms")
        page.evaluate("document.querySelector('.scroller').scrollTop = 1e9")
        n = page.locator(".row").first.get_attribute("aria-setsize")
        last = page.locator(f".row[aria-posinset='{n}']")
        last.wait_for()
        place = last.bounding_box()
        assert place is not None
        assert 0 < place["y"] <= 900 - place["height"]
        assert max(paint, ready) < FIRST_PAINT_MS
        assert max(times) < FILTER_MS
