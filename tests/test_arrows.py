"""Each folder of the package imports what the table in docs/design.md lets it, and no other; lazy imports count too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "critic_eval"
GUARDED = {"lmms_eval", "torch", "transformers", "datasets", "pandas", "scipy", "matplotlib", "trl", "gradio"}
"""Other packages that not every folder may import; the table names them."""


def table() -> dict[str, set[str]]:
    """From a folder or module of the package to what it may import, as the table says."""
    text = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    section = text.partition("## Folders")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    allowed: dict[str, set[str]] = {}
    for first, _, last in rows[2:]:
        rooms = re.findall(r"`critic_eval/([\w.]+?)(?:\.py)?/?`", first)
        words = {word.strip(" `").replace("-", "_") for word in last.split(",")}
        if words & {"all above", "all"}:
            words |= set(allowed).union(rooms, *allowed.values())
        allowed |= {room: words | {room} for room in rooms}
    return allowed


ROOMS = table()
SHARED = {file.stem for file in PACKAGE.glob("*.py")} - set(ROOMS)
"""Modules at the top, which any folder may import and which import none of them."""


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Lines and what they import: parts of this package by their first name below it, others by their package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inside = [f"critic_eval.{alias.name}" for alias in node.names]
            modules = inside if node.module == "critic_eval" else [node.module]
        else:
            continue
        for module in modules:
            top, _, rest = module.partition(".")
            yield node.lineno, rest.partition(".")[0] if top == "critic_eval" else top


def breaches(room: str, source: str) -> list[tuple[int, str]]:
    """What a module of a folder imports and may not."""
    allowed = ROOMS.get(room, set()) | SHARED | {"__version__", "load_critic"}
    allowed |= {"api"} if room == "__init__" else set()  # which imports it when it is asked for
    return [(line, name) for line, name in imports(source) if name in GUARDED | set(ROOMS) and name not in allowed]


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_what_its_folder_may(file: Path) -> None:
    relative = file.relative_to(PACKAGE)
    room = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    assert breaches(room, file.read_text(encoding="utf-8")) == []


def test_every_folder_is_in_the_table() -> None:
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}
    assert folders <= set(ROOMS)


@pytest.mark.parametrize(
    ("room", "source", "name"),
    [
        ("judging", "from critic_eval.metrics import pearson", "metrics"),
        ("reports", "def f():\n    from critic_eval.lmms import plugin", "lmms"),
        ("critics", "from critic_eval import benchmarks", "benchmarks"),
        ("studies", "import lmms_eval.tasks", "lmms_eval"),
        ("errors", "import torch", "torch"),
    ],
)
def test_a_wrong_arrow_is_seen(room: str, source: str, name: str) -> None:
    assert [found for _, found in breaches(room, source)] == [name]


def questions() -> list[tuple[str, str, str]]:
    """The rows of the table of questions: the question, the folder and the module that answers it."""
    text = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    section = text.partition("## Questions")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [(question, folder, module) for question, folder, module in rows[2:]]


@pytest.mark.parametrize(("question", "folder", "module"), questions())
def test_a_question_leads_to_what_answers_it(question: str, folder: str, module: str) -> None:
    """Every file that an answer names is there, and holds what stands behind it in parentheses."""
    roots = [PACKAGE.parent, *(PACKAGE.parent / name for name in re.findall(r"`([\w/.]+/)`", folder))]
    assert all(root.is_dir() for root in roots), question
    files = re.findall(r"`([\w/]+\.py)`(?: \(`(\w+)`\))?", module)
    folders = re.findall(r"`([\w/]+/)`", module)
    assert files or folders or "YAML" in module
    assert all((PACKAGE.parent / name).is_dir() for name in folders)
    for name, part in files:
        (file,) = {path for root in roots if (path := root / name).is_file()}
        assert part in file.read_text(encoding="utf-8")
