"""Constraints are what the package needs, at the versions that are there, for each Python that can have them."""

from email.message import Message
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

from scripts.project import pinned
from scripts.update_constraints import constraint_lines, installed_closure, is_by_machine


def distribution(version: str, requires_python: str | None = None) -> Any:
    headers = Message()
    if requires_python:
        headers["Requires-Python"] = requires_python
    return SimpleNamespace(version=version, metadata=headers)


def test_the_closure_is_what_is_needed_and_nothing_besides() -> None:
    found, missing = installed_closure([Requirement("pytest>=8"), Requirement("no-such-package-of-ours")])
    assert {"pytest", "pluggy", "iniconfig"} <= set(found)
    assert "numpy" not in found
    assert found["pytest"].version == metadata.version("pytest")
    assert missing == {"no-such-package-of-ours"}


def test_what_belongs_to_another_platform_is_not_needed() -> None:
    found, missing = installed_closure([Requirement("no-such-package-of-ours; sys_platform == 'amiga'")])
    assert not found
    assert not missing


def test_torch_is_followed_but_not_pinned() -> None:
    found, _ = installed_closure([Requirement("torch")])
    assert "sympy" in found
    assert not [name for name in found if is_by_machine(name)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("torch", "torchvision", "triton", "nvidia-nccl-cu13", "cuda-bindings")),
        *((name, False) for name in ("torchmetrics", "transformers", "numpy")),
    ],
)
def test_what_differs_by_machine(name: str, expected: bool) -> None:
    assert is_by_machine(name) == expected


def test_a_version_that_a_python_cannot_have_is_pinned_for_the_others() -> None:
    lines = constraint_lines(
        {"new": distribution("2.0", ">=3.11"), "old": distribution("1.0", "<3.12"), "any": distribution("3+cpu")}
    )
    assert lines[0] == "any==3"
    assert pinned(lines, "3.10") == {"any": "3", "old": "1.0"}
    assert pinned(lines, "3.11.7") == {"any": "3", "old": "1.0", "new": "2.0"}
    assert pinned(lines, "3.12") == {"any": "3", "new": "2.0"}


def test_comments_and_empty_lines_pin_nothing() -> None:
    assert pinned(["# a comment", "", "a==1  # why"]) == {"a": "1"}
