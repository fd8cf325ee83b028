"""What pyproject.toml and constraints.txt say of this package, read without installing it."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"


def requirements(extras: Iterable[str] = ()) -> list[Requirement]:
    """The package's dependencies, with those of some extras, as pyproject.toml has them."""
    core = _metadata().core
    declared = list(core.dependencies)
    for extra in extras:
        declared += core.optional_dependencies[extra]
    return [Requirement(one) for one in declared]


def extras() -> list[str]:
    """The names of the package's extras."""
    return list(_metadata().core.optional_dependencies)


def pinned(lines: Iterable[str], python: str = platform.python_version()) -> dict[str, str]:
    """The versions that lines of a constraints file pin for a Python, by canonical name.

    Args:
        lines: such as `numpy==2.4.6 ; python_version >= "3.11"`; comments and empty ones are passed over.
        python: a version such as `3.10.13` or `3.10`.
    """
    found: dict[str, str] = {}
    environment = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python}
    for line in lines:
        text = line.partition("#")[0].strip()
        if text:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                found[canonicalize_name(requirement.name)] = next(iter(requirement.specifier)).version
    return found


def _metadata() -> ProjectMetadata[PluginManager]:
    # Imported here: .ci/newest reads the constraints where hatchling is not installed.
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    return ProjectMetadata(str(ROOT), PluginManager())
