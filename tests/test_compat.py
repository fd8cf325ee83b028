"""Where another package is not as it was, one sentence says which, and which versions work."""

import ast
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from critic_eval import compat
from critic_eval.compat import WORKING_VERSIONS, Part
from critic_eval.errors import DependencyError
from critic_eval.lmms import command as lmms_eval_command
from critic_eval.lmms import parts, plugin
from scripts.project import requirements


def changed(part: Part, found: Any = None) -> ModuleType:
    """A module in which a part is gone, or is something else."""
    module = ModuleType(part.module)
    holder: Any = module
    *path, last = part.name.split(".")
    for name in path:
        setattr(holder, name, SimpleNamespace())
        holder = getattr(holder, name)
    if found is not None:
        setattr(holder, last, found)
    return module


ALL_PARTS = (*compat.PARTS, *parts.PARTS)


@pytest.mark.parametrize("part", ALL_PARTS, ids=lambda part: part.name)
def test_a_part_that_is_gone_is_named_with_the_versions_that_have_it(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.get()  # it is there in the environment of the tests
    monkeypatch.setitem(sys.modules, part.module, changed(part))
    assert part.find() is None
    with pytest.raises(DependencyError) as failed:
        part.replace(lambda: None)
    for told in (part.package, metadata.version(part.package), part.name, WORKING_VERSIONS[part.package]):
        assert told in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("part", [part for part in ALL_PARTS if part.takes], ids=lambda part: part.name)
def test_a_part_that_takes_other_arguments_is_named_with_them(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, part.module, changed(part, lambda other: None))
    with pytest.raises(DependencyError, match=rf"{part.takes[0]}.*versions "):
        part.get()


def test_a_module_that_moved_is_named() -> None:
    part = Part("lmms-eval", "lmms_eval.no_such_module", "anything")
    with pytest.raises(DependencyError, match=r"lmms-eval .* has no module lmms_eval\.no_such_module"):
        part.get()


def test_a_package_that_another_one_breaks_is_named_with_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leans_on_filelock.py").write_text("import filelock._gone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DependencyError) as failed:
        Part("lmms-eval", "leans_on_filelock", "anything").get()
    assert f"filelock {metadata.version('filelock')}" in str(failed.value)
    assert "constraints.txt" in str(failed.value)


def test_the_command_says_in_one_line_that_lmms_eval_is_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lmms_eval.tasks", changed(parts.TASK_FOLDERS))
    monkeypatch.setattr(sys, "argv", ["lmms_eval", "--tasks", "critic_digits"])
    assert lmms_eval_command.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: lmms-eval ")
    assert "TaskManager.initialize_tasks" in line


def test_a_part_is_wrapped_once_and_put_back_after_a_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part("lmms-eval", "imitation", "greet", ("name",))
    monkeypatch.setitem(sys.modules, "imitation", changed(part, lambda name: f"hello {name}"))
    for _ in range(2):
        part.wrap(lambda before: lambda name: before(name) + "!")
    assert part.get()("you") == "hello you!"
    with part.replaced(lambda name: "nothing"):
        assert part.get()("you") == "nothing"
    assert part.get()("you") == "hello you!"


def test_installing_the_plugin_twice_changes_nothing() -> None:
    plugin.install()
    wrapped = (parts.TASK_FOLDERS, parts.STANDARD_ERRORS, parts.AGGREGATION, parts.SAVED_RESULTS)
    before = [part.get() for part in wrapped]
    plugin.install()
    assert [part.get() for part in wrapped] == before


def test_attributes_of_objects_are_looked_at_when_they_are_taken() -> None:
    with pytest.raises(DependencyError, match=r"transformers .* has no SimpleNamespace\._attn_implementation"):
        compat.attention_of(SimpleNamespace(), "sdpa").__enter__()
    with pytest.raises(DependencyError, match=r"transformers .* has no Path\._from_config"):
        compat.model_of(Path, None)
    config = SimpleNamespace(_attn_implementation="eager")
    with compat.attention_of(config, "sdpa"):
        assert config._attn_implementation == "sdpa"
    assert config._attn_implementation == "eager"


def test_the_versions_that_work_are_those_that_are_declared() -> None:
    declared = {one.name: one.specifier for one in requirements()}
    assert {name: declared[name] for name in WORKING_VERSIONS} == {
        name: SpecifierSet(versions) for name, versions in WORKING_VERSIONS.items()
    }


def test_no_other_module_takes_or_replaces_private_parts(repository: Path) -> None:
    found = []
    for file in sorted((repository / "critic_eval").rglob("*.py")):
        if file.name not in ("compat.py", "parts.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            found += [f"{file.relative_to(repository)}:{line}" for line in _breaches(tree)]
    assert not found


@pytest.mark.parametrize(
    ("code", "is_breach"),
    [
        ("import lmms_eval.evaluator as evaluator\nevaluator.tqdm = None", True),
        ("from lmms_eval.api.task import ConfigurableTask as Task\nTask.download.retry.stop = 1", True),
        ("from lmms_eval import evaluator\nsetattr(evaluator, 'tqdm', None)", True),
        ("from transformers import AutoModel\nAutoModel._from_config(1)", True),
        ("def f(config):\n    return config._attn_implementation", True),
        ("from filelock import _api", True),
        ("import filelock._api", True),
        ("class A:\n    def f(self):\n        self._x = self._y", False),
        ("import numpy\nnumpy.random.seed(0)\nvalues = numpy.zeros(3)\nvalues[0] = 1", False),
        ("def f(record):\n    return record._asdict()", False),
    ],
)
def test_a_private_use_is_seen(code: str, is_breach: bool) -> None:
    assert bool(_breaches(ast.parse(code))) == is_breach


_NAMED_TUPLES = ("_asdict", "_replace", "_fields", "_make")
"""Public, though they begin with an underscore."""
_SETTINGS = ("LOAD_TRUNCATED_IMAGES", "MAX_IMAGE_PIXELS")
"""Variables that other packages document as settings."""


def _breaches(tree: ast.Module) -> list[int]:
    """The lines that set an attribute of something imported from elsewhere, or touch a private name of anything."""
    foreign = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if _is_foreign(node, alias)
    }
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)} | {"self", "cls", "os", "sys"}
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root = _root(node)
            is_private = node.attr.startswith("_") and not node.attr.endswith("__") and node.attr not in _NAMED_TUPLES
            is_replaced = isinstance(node.ctx, ast.Store | ast.Del) and root in foreign and node.attr not in _SETTINGS
            if is_replaced or (is_private and root not in own):
                lines.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            if _root(node.args[0]) in foreign:
                lines.append(node.lineno)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            lines += [
                node.lineno for alias in node.names if _is_foreign(node, alias) and _is_private_import(node, alias)
            ]
    return lines


def _is_foreign(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
    top = (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
    return top != "critic_eval" and top not in sys.stdlib_module_names


def _is_private_import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
    path = f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
    return any(part.startswith("_") and not part.endswith("__") for part in path.split("."))


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
