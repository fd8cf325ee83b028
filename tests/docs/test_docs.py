"""The documentation holds together: every page can be reached, links lead somewhere, and marked commands run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKING = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
MOST_WORDS = 900
"""Of the README."""
SECONDS = 300
"""That a block may take on a busy machine; on two idle cores all together take less than 40."""

_FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """Commands that a page shows as ones that run, and lines that it shows of what they print."""

    commands: str
    prints: tuple[str, ...]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page can be called, as MkDocs and GitHub both call it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def blocks(page: Path) -> Iterator[Block]:
    """Blocks under `<!-- runs -->`, each with the one under `<!-- prints -->` that may follow, all spaces alike."""
    fence = r"```{}\n(.*?)^```\n"
    between = r"(?:\n[^`]*?<!-- prints -->\n"  # a sentence may introduce what is printed
    runs = re.compile(rf"^<!-- runs -->\n{fence.format('bash')}{between}{fence.format('text')})?", re.M | re.S)
    for found in runs.finditer(page.read_text("utf-8")):
        yield Block(found[1], tuple((found[2] or "").splitlines()))


RUNNING = [
    pytest.param(block, id=f"{page.stem}-{number}") for page in PAGES for number, block in enumerate(blocks(page), 1)
]


@pytest.fixture(scope="module")
def in_navigation() -> list[str]:
    def pages(part: Any) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        else:
            for inner in part.values() if isinstance(part, dict) else part:
                yield from pages(inner)

    return list(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))


def test_every_page_is_in_the_navigation_once_and_exists(in_navigation: list[str]) -> None:
    assert sorted(in_navigation) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_links_and_images_lead_to_files_and_headings(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = page.parent / path if path else page
        assert found.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(found), f"{target} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_of_the_site_link_to_pages_of_the_site(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target.partition("#")[0]).resolve().is_relative_to(DOCS), target


def test_every_image_is_shown_and_says_what_it_shows() -> None:
    shown = {}
    for page in LINKING:
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", prose(page)):
            shown[(page.parent / target).resolve()] = text
    assert set(shown) == set((DOCS / "images").iterdir())
    assert all(len(text.split()) >= 5 for text in shown.values())


def test_images_are_small() -> None:
    assert all(image.stat().st_size < 250_000 for image in (DOCS / "images").iterdir())


def test_the_readme_is_an_introduction() -> None:
    """At most 900 words; blocks of code and tables don't count."""
    lines = [line for line in prose(ROOT / "README.md").splitlines() if not line.startswith("|")]
    assert len(" ".join(lines).split()) <= MOST_WORDS


def test_all_commands_that_are_marked_are_run() -> None:
    marks = sum(page.read_text("utf-8").count("<!-- runs -->") for page in PAGES)
    prints = sum(page.read_text("utf-8").count("<!-- prints -->") for page in PAGES)
    found = [block for page in PAGES for block in blocks(page)]
    assert (len(found), sum(bool(block.prints) for block in found)) == (marks, prints)
    assert found


@pytest.mark.parametrize("block", RUNNING)
def test_marked_commands_run_and_print_what_the_page_shows(block: Block, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    modules = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": modules, "COLUMNS": "100", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    printed = [" ".join(line.split()) for line in done.stdout.splitlines()]
    after = 0
    for line in (" ".join(shown.split()) for shown in block.prints):
        assert line in printed[after:], f"{line!r} is not printed; this is:\n{done.stdout}"
        after = printed.index(line, after) + 1
