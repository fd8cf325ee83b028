"""What pyproject.toml says of this package, read without installing it."""

from collections.abc import Iterable
from pathlib import Path

from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

ROOT = Path(__file__).resolve().parents[1]


def requirements(extras: Iterable[str]) -> list[str]:
    """The package's dependencies, with those of some extras, as pyproject.toml has them."""
    core = ProjectMetadata(str(ROOT), PluginManager()).core
    found = list(core.dependencies)
    for extra in extras:
        found += core.optional_dependencies[extra]
    return found


def extras() -> list[str]:
    """The names of the package's extras."""
    return list(ProjectMetadata(str(ROOT), PluginManager()).core.optional_dependencies)
