"""Reports show names and texts, whatever these mean to HTML or Markdown: the oracles are two parsers of others."""

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from critic_eval.reports.leaderboard.build import make_leaderboard
from critic_eval.reports.leaderboard.published import PublishedFigure
from critic_eval.reports.leaderboard.render import reproduction_csv, to_csv, to_html, to_markdown
from critic_eval.runs.results import collect
from critic_eval.studies.render import cells_csv, effects_csv, make_report
from critic_eval.studies.render import to_html as study_html
from critic_eval.studies.render import to_markdown as study_markdown
from critic_eval.studies.running import Outcome
from critic_eval.studies.study import Axis, Cell, Study
from tests.factories import judgments
from tests.reports.conftest import TASK, write_run
from tests.reports.payloads import PAYLOADS, STEP

Texts = dict[str, str]


def leaderboard_texts(folder: Path, payload: Callable[[str], str]) -> Texts:
    """A leaderboard of which every text is made by `payload` from a name."""
    for name in ("one", "two"):
        said = {key: payload(f"{name} {key}") for key in ("checkpoint", "orders", "answers", "images", "decoding")}
        run = write_run(folder / name, judgments(6, 0.5), said, date=payload("date"))
        results = json.loads((run / "20260101_results.json").read_text())
        section = results["critic_eval"][TASK]
        section["left_out"] = payload("left out")
        for group in ("pooled", "mean"):
            section["figures"].append(
                {"name": payload("figure"), "group": group, "value": 0.5, "low": 0.4, "high": 0.6}
            )
        section["figures"].append({"name": "accuracy_with_tie", "group": payload("group"), "value": 0.5})
        section["figures"].append({"name": payload("odd"), "group": payload("odd"), "value": payload("value")})
        results["critic_eval"][payload("task").replace("/", "_")] = section
        results["results"] = {**results["results"], payload("task").replace("/", "_"): {}, payload("foreign"): {}}
        (run / "20260101_results.json").write_text(json.dumps(results))
    (folder / "broken_results.json").write_text(json.dumps({"results": {payload("foreign"): {}}}))
    collected = collect([folder])
    critic, column, source, trust, fault = map(payload, ("critic", "column", "source", "trust", "fault"))
    printed = [
        PublishedFigure(name, TASK, "accuracy_with_tie", "pooled", column, 0.5, 0.01, source, trust, reason)
        for name, reason in ((critic, None), (critic, fault), (collected.runs[0].critic, None))
    ]
    made = make_leaderboard(collected.runs, printed, [*collected.notes, payload("note")])
    return {
        "page": to_html(made),
        "markdown": to_markdown(made),
        "csv": to_csv(made),
        "reproduction": reproduction_csv(made),
    }


def study_texts(folder: Path, payload: Callable[[str], str]) -> Texts:
    """A study's report of which every text is made by `payload` from a name."""
    study = Study(
        title=payload("title"),
        question=payload("question"),
        tasks=(TASK,),
        model=payload("model"),
        base={payload("setting"): payload("value")},
        design="grid",
        axes=(
            Axis("image_policy", {payload("level"): "as_is", payload("other"): "blank"}),
            Axis("model_args.x", {payload("third"): 1, payload("fourth"): payload("fifth")}),
        ),
        seeds=(0,),
        limit=None,
        resamples=40,
        invalid=None,
        folder=folder,
    )
    levels = list(itertools.product(*(axis.levels for axis in study.axes)))
    cells = [
        Cell(number, dict(zip(("image_policy", "model_args.x"), level, strict=True)), 0, ("--model", payload("option")))
        for number, level in enumerate(levels)
    ]
    outcomes = [
        Outcome(cell, {TASK: collect([write_run(folder / str(cell.number), judgments(6, 0.5, cell.number))]).runs[0]})
        for cell in cells
    ]
    outcomes[-1] = Outcome(outcomes[-1].cell, {}, payload("error"))
    report = make_report(study, outcomes)
    return {
        "page": study_html(report),
        "markdown": study_markdown(report),
        "csv": cells_csv(report),
        "effects": effects_csv(report),
    }


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[str, ...]]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, tuple(sorted(name for name, _ in attrs))))


def tags(page: str) -> set[tuple[str, tuple[str, ...]]]:
    """The tags of a page, each with the names of its attributes."""
    parser = _Tags()
    parser.feed(page)
    parser.close()
    return parser.found


def blocks(markdown: str) -> Counter[str]:
    """What a Markdown parser makes of a text: how many of each element; texts are left out."""
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it is not installed")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found: Counter[str] = Counter()
    for token in parser.parse(markdown):
        inner = [one.type for one in token.children or () if one.type not in ("text", "text_special", "softbreak")]
        found.update([token.type, *inner])
    return found


def plain(name: str) -> str:
    return f"name {name}"


@pytest.mark.parametrize("make", [leaderboard_texts, study_texts])
def test_no_payload_changes_what_a_page_or_a_table_is_made_of(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Images hold no markup of the page's, and take the time of all else.
    monkeypatch.setattr("critic_eval.reports.leaderboard.plots.leaderboard_plots", lambda leaderboard: {})
    monkeypatch.setattr("critic_eval.studies.render.effect_plots", lambda effects: [])
    clean = make(tmp_path / "clean", plain)
    for number, payload in enumerate(PAYLOADS[:: min(STEP, 3)]):

        def hostile(name: str, payload: str = payload) -> str:
            return f"{payload}{name}"

        made = make(tmp_path / str(number), hostile)
        for name, text in made.items():
            text.encode()
            assert not set(text) & set("\x00\x07\x0b\x0c\x1b\u202e\u2028"), (payload, name)
        assert tags(made["page"]) == tags(clean["page"]), payload
        assert blocks(made["markdown"]) == blocks(clean["markdown"]), payload
        # Some readers make links of bare addresses; in code, which is indented here, none does.
        prose = "\n".join(line for line in made["markdown"].splitlines() if not line.startswith(" " * 8))
        assert "http://evil" not in prose
        assert "www.evil" not in prose
        for name in set(made) - {"page", "markdown"}:
            rows, known = (list(csv.reader(io.StringIO(texts[name]))) for texts in (made, clean))
            assert [len(row) for row in rows] == [len(row) for row in known], (payload, name)
            assert not any(
                cell.lstrip()[:1] in tuple("=+-@") and cell.strip()
                for row in rows
                for cell in row
                if not _is_number(cell)
            )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
