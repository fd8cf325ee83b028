"""Write constraints.txt anew: `python -m scripts.update_constraints`, in an environment in which all tests pass.

Pinned is what this package needs with its extras for tests and Ray, at the versions of the environment that runs this,
and not what happens to be installed besides. A torch build differs by machine, so torch and what belongs to it are left
out. A version that another supported Python can't have is pinned with a marker; which version that Python takes
instead is resolved, without installing it, by an interpreter that is named:

    python -m scripts.update_constraints --also /path/to/python3.10
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.project import CONSTRAINTS, ROOT, pinned, requirements

EXTRAS = ("test", "ray")
PYTHONS = ("3.10", "3.11", "3.12")
"""Those that pyproject.toml allows."""


def main() -> int:
    """Write the file; 1 where a package that is needed is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.update_constraints", description="Write constraints.txt from this environment."
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="PYTHON",
        help="an interpreter of another version; what it needs of its own is resolved and pinned for it",
    )
    args = parser.parse_args()
    closure, missing = installed_closure(requirements(EXTRAS))
    if missing:
        print(f"error: {', '.join(sorted(missing))} not installed; pip install -e '.[test,ray]' first", file=sys.stderr)
        return 1
    lines = constraint_lines(closure)
    versions = [platform.python_version()]
    for interpreter in args.also:
        version, found = _resolve(interpreter, lines)
        lines = sorted([*lines, *_lines_of(version, found, lines)])
        versions.append(version)
    CONSTRAINTS.write_text("\n".join([*_header(versions), *lines]) + "\n", encoding="utf-8")
    print(f"wrote {CONSTRAINTS.name}: {len(lines)} lines")
    return 0


def installed_closure(needed: Iterable[Requirement]) -> tuple[dict[str, metadata.Distribution], set[str]]:
    """The installed distributions that some requirements need, with all that these need.

    Args:
        needed: requirements, such as `ray>=2.40`.

    Returns:
        Distributions by canonical name, without those that `is_by_machine`; and the names that are not installed.
    """
    found: dict[str, metadata.Distribution] = {}
    missing: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(one, "") for one in needed]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({**_ENVIRONMENT, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing.add(name)
            continue
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(one), wanted) for one in distribution.requires or ()]
        if not is_by_machine(name):
            found[name] = distribution
    return found, {name for name in missing if not is_by_machine(name)}


def constraint_lines(distributions: Mapping[str, metadata.Distribution]) -> list[str]:
    """A sorted line for each distribution: its version, and a marker where not every supported Python can have it."""
    return sorted(
        f"{name}=={Version(found.version).public}{_marker(found.metadata.get_all('Requires-Python'))}"
        for name, found in distributions.items()
    )


def is_by_machine(name: str) -> bool:
    """Whether a package differs by machine: torch, and what a build of it brings."""
    return re.fullmatch(r"torch|torchvision|(pytorch-)?triton(-.*)?|(nvidia|cuda)-.*", name) is not None


_ENVIRONMENT = {name: str(value) for name, value in default_environment().items()}


def _marker(requires_python: list[str] | None) -> str:
    allowed = SpecifierSet(",".join(requires_python or ()))
    kept = [python for python in PYTHONS if allowed.contains(f"{python}.99")]
    if len(kept) == len(PYTHONS):
        return ""
    if kept and kept == list(PYTHONS[-len(kept) :]):
        return f' ; python_version >= "{kept[0]}"'
    return " ; " + " or ".join(f'python_version == "{python}"' for python in kept)


def _resolve(interpreter: str, lines: list[str]) -> tuple[str, dict[str, str]]:
    """An interpreter's version, and the version of each package that it would install with some constraints."""
    asked = [interpreter, "-c", "import platform; print(platform.python_version())"]
    version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        draft, report = Path(folder, "draft.txt"), Path(folder, "report.json")
        draft.write_text("\n".join(lines), encoding="utf-8")
        install = ["install", "--dry-run", "--ignore-installed", "-qq", "--report", str(report), "-c", str(draft)]
        wanted = f"{ROOT}[{','.join(EXTRAS)}]"
        subprocess.run([sys.executable, "-m", "pip", "--python", interpreter, *install, wanted], check=True)
        content = json.loads(report.read_text(encoding="utf-8"))
    found = [item["metadata"] for item in content["install"] if item["download_info"].get("dir_info") is None]
    return version, {canonicalize_name(one["name"]): one["version"] for one in found}


def _lines_of(version: str, found: Mapping[str, str], lines: list[str]) -> list[str]:
    """Lines for what an interpreter needs and none of these lines binds there."""
    python, bound = ".".join(version.split(".")[:2]), pinned(lines, version)
    return [
        f'{name}=={Version(chosen).public} ; python_version == "{python}"'
        for name, chosen in found.items()
        if name not in bound and not is_by_machine(name)
    ]


def _header(versions: list[str]) -> list[str]:
    also = f" (and, resolved and not run, on {' and '.join(versions[1:])})" if versions[1:] else ""
    return [
        f"# The versions that all tests pass with, on Python {versions[0]}{also}.",
        "# Written by `python -m scripts.update_constraints`. torch and what belongs to it are left out, as a torch",
        "# build differs by machine. Where a version does not run on another Python of ours, a marker says so.",
    ]


if __name__ == "__main__":
    sys.exit(main())
