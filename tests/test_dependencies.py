"""What is imported is declared, what is declared is imported or says why not, and what is tested is pinned."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.project import CONSTRAINTS, extras, pinned, requirements
from scripts.update_constraints import PYTHONS, is_by_machine

OURS = {"critic_eval", "tasks", "speed", "scripts", "tests"}
NAMES = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Modules that are named other than their packages."""


def imported(folder: Path, with_asked: bool = False) -> set[str]:
    """The packages that the modules of a folder import, by canonical name; `with_asked`, also those asked for."""
    modules = {
        name for file in folder.rglob("*.py") for name in _modules(ast.parse(file.read_text("utf-8")), with_asked)
    }
    return {canonicalize_name(NAMES.get(name, name)) for name in modules - OURS - set(sys.stdlib_module_names)}


def _modules(tree: ast.Module, with_asked: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
        elif with_asked and isinstance(node, ast.Call) and re.search("importorskip|find_spec", ast.unparse(node.func)):
            yield from (str(one.value).partition(".")[0] for one in node.args if isinstance(one, ast.Constant))


def declared_lines(text: str) -> dict[str, tuple[str, str]]:
    """Each requirement of a pyproject.toml with the comment beside it and the one that stands over its lines."""
    found, over = {}, ""
    for line in re.search(r"^dependencies = \[.*?(?=^\[project\.scripts\])", text, re.M | re.S)[0].splitlines():  # type: ignore[index]
        stripped = line.strip()
        if stripped.startswith("#"):
            over = stripped
        elif stripped in ("", "]", "[project.optional-dependencies]") or stripped.endswith("["):
            over = ""
        code, _, beside = stripped.partition("#")
        if not stripped.startswith("#"):
            for requirement in re.findall(r'"([^"]+)"', code):
                found[requirement] = (beside, over)
    return found


@pytest.fixture(scope="module")
def lines(repository: Path) -> dict[str, tuple[str, str]]:
    return declared_lines((repository / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("folder", "allowed_extras"),
    [
        ("critic_eval", ("adapters", "quantized", "ray")),
        ("tasks", ()),
        ("speed", None),
        ("scripts", None),
        ("tests", None),
    ],
)
def test_every_imported_package_is_declared(
    folder: str, allowed_extras: tuple[str, ...] | None, repository: Path
) -> None:
    declared = {
        canonicalize_name(one.name) for one in requirements(extras() if allowed_extras is None else allowed_extras)
    }
    assert imported(repository / folder) - declared == set()


def test_every_declared_package_is_imported_or_says_why_not(
    repository: Path, lines: dict[str, tuple[str, str]]
) -> None:
    used: set[str] = set().union(*(imported(repository / folder, with_asked=True) for folder in OURS))
    unused = [
        text
        for text, comments in lines.items()
        if canonicalize_name(Requirement(text).name) not in used and "not imported" not in " ".join(comments).lower()
    ]
    assert unused == []


def test_every_dependency_has_a_lower_bound_and_a_reason(lines: dict[str, tuple[str, str]]) -> None:
    for requirement in requirements():
        assert ">=" in str(requirement.specifier), requirement
        texts = [text for text in lines if Requirement(text) == requirement]
        assert any(any(lines[text]) for text in texts), f"{requirement} has no comment beside it"


def test_all_that_pyproject_declares_is_read(lines: dict[str, tuple[str, str]]) -> None:
    read, declared = map(Requirement, lines), requirements(extras())
    assert {(canonicalize_name(one.name), one.specifier) for one in read} == {
        (canonicalize_name(one.name), one.specifier) for one in declared
    }


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_pin_what_is_declared_within_its_bounds(python: str) -> None:
    versions = pinned(CONSTRAINTS.read_text("utf-8").splitlines(), python)
    for requirement in requirements(["test", "ray", "adapters"]):
        name = canonicalize_name(requirement.name)
        if not is_by_machine(name):
            assert requirement.specifier.contains(versions[name], prereleases=True), requirement


def test_constraints_are_sorted_versions_without_addresses_or_torch_builds() -> None:
    text = CONSTRAINTS.read_text("utf-8")
    found = [line for line in text.splitlines() if not line.startswith("#")]
    assert found == sorted(found)
    assert all(re.fullmatch(r'[a-z0-9-]+==[\w.]+( ; python_version [<>=]+ "3\.\d+")?', line) for line in found)
    assert not [line for line in found if is_by_machine(line.partition("==")[0])]
    assert "/" not in text.partition("\n")[0]
    assert "://" not in text


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import numpy.linalg, os", {"numpy"}),
        ("def f():\n    from sklearn import metrics\n    from . import near", {"scikit-learn"}),
        ("import critic_eval.errors\nfrom huggingface_hub import errors", {"huggingface-hub"}),
    ],
)
def test_imports_are_seen_wherever_they_stand(code: str, found: set[str], tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    assert imported(tmp_path) == found
