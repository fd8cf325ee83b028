"""Try the main job with what is installed, and where it fails find the package that broke it.

`.ci/newest` runs this in a fresh environment that was installed without constraints. Packages that differ from
`constraints.txt` are put back to their constrained versions, some at a time, until the smallest set is found with
which the job runs: what is in it broke it. It changes the environment that runs it, so it asks for a fresh one.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata

from packaging.utils import canonicalize_name

from scripts.project import CONSTRAINTS, pinned

SMOKE = ["--model", "llava_critic", "--model_args", "pretrained=digits", "--tasks", "critic_digits", "--limit", "8"]
"""The README's first command, on a few items."""

Installed = Mapping[str, str]
"""Versions by canonical name."""


def main() -> int:
    """Print what was found; 0 where the main job runs with what is installed, 1 where it fails."""
    if os.environ.get("CRITIC_EVAL_NEWEST") != "1":
        print("error: this reinstalls packages of the environment that runs it; run .ci/newest", file=sys.stderr)
        return 1
    report = diagnose(installed(), pinned(CONSTRAINTS.read_text(encoding="utf-8").splitlines()), smoke, install)
    print("\n".join(report.lines), flush=True)
    return 0 if report.runs else 1


@dataclass(frozen=True)
class Report:
    """What came of a trial.

    Attributes:
        runs: whether the main job runs with what is installed.
        lines: what a person is told.
        broke: names of the packages that broke it; empty where it runs, and where none of those that differ did.
    """

    runs: bool
    lines: list[str]
    broke: list[str] = field(default_factory=list)


def diagnose(
    newest: Installed,
    tested: Installed,
    smoke: Callable[[], str | None],
    install: Callable[[Installed], None],
) -> Report:
    """Try the job, and find what broke it.

    Args:
        newest: what is installed.
        tested: the versions of constraints.txt.
        smoke: runs the job; gives None where it succeeds and what it printed where it fails.
        install: puts packages to these versions, and leaves all others as they are.
    """
    differing = {name: version for name, version in newest.items() if tested.get(name, version) != version}
    told = [f"{len(differing)} of {len(newest)} packages differ from constraints.txt:"]
    told += [f"  {name} {version} (tested: {tested[name]})" for name, version in sorted(differing.items())]
    output = smoke()
    if output is None:
        return Report(True, [*told, "The main job runs with these versions."])
    suspects = suspected(output)
    print("The main job fails; looking for the package that broke it.", *output.splitlines()[-5:], sep="\n", flush=True)
    told += ["The main job fails:", *(f"  {line}" for line in output.splitlines()[-15:])]
    told.append(f"Its traceback goes through, innermost first: {', '.join(suspects) or 'no package'}.")
    now = dict(newest)

    def passes(restored: Sequence[str]) -> bool:
        wanted = {name: tested[name] if name in restored else version for name, version in differing.items()}
        install({name: version for name, version in wanted.items() if now[name] != version})
        now.update(wanted)
        is_well = smoke() is None
        print(f"  {'runs' if is_well else 'fails'} with {', '.join(restored)} as tested", flush=True)
        return is_well

    ordered = sorted(differing, key=lambda name: (suspects.index(name) if name in suspects else len(suspects), name))
    if not ordered or not passes(ordered):
        told.append("It fails with the versions of constraints.txt, too: look at torch, the system, or this checkout.")
        return Report(False, told)
    broke = smallest(ordered, passes)
    told += [f"Broken by {name} {differing[name]}: the job runs with {name}=={tested[name]}." for name in broke[:1]]
    if len(broke) > 1:
        both = ", ".join(f"{name} {differing[name]} (tested: {tested[name]})" for name in broke)
        told[-1:] = [f"Broken by {both}: the job runs when these are as tested, and with none of them left out."]
    return Report(False, told, broke)


def smallest(candidates: Sequence[str], passes: Callable[[Sequence[str]], bool]) -> list[str]:
    """A smallest part of the candidates that passes, where all of them do and none of them doesn't.

    No member of it can be left out. It takes about k·log2(n/k) trials for k of n, where more never passes less.

    Source: Junker 2004, "QuickXplain: Preferred Explanations and Relaxations for Over-Constrained Problems" (AAAI).
    """

    def search(kept: list[str], has_grown: bool, rest: list[str]) -> list[str]:
        if has_grown and passes(kept):
            return []
        if len(rest) == 1:
            return rest
        left, right = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        of_right = search([*kept, *left], True, right)
        of_left = search([*kept, *of_right], bool(of_right), left)
        return [*of_left, *of_right]

    return search([], False, list(candidates)) if candidates else []


def suspected(output: str) -> list[str]:
    """The packages that a traceback goes through, innermost first, and before them a module that it did not find."""
    missing = re.findall(r"No module named '([^']+)'|cannot import name '[^']+' from '([^']+)'", output)
    modules = [(first or second).partition(".")[0] for first, second in missing]
    modules += re.findall(r"(?:site|dist)-packages[/\\](\w+)", output)[::-1]
    owners = metadata.packages_distributions()
    return list(dict.fromkeys(canonicalize_name(owner) for module in modules for owner in owners.get(module, [module])))


def installed() -> dict[str, str]:
    """The version of each package of this environment, as a fresh interpreter would see it."""
    return {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}


def smoke() -> str | None:
    """Run the main job on a few items, in a folder of its own; None, or what it printed where it fails."""
    command = [sys.executable, "-m", "critic_eval.lmms.command", *SMOKE, "--verbosity", "DEBUG"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    is_well = done.returncode == 0 and "critic_digits_pair" in done.stdout
    return None if is_well else done.stdout or f"exit status {done.returncode}"


def install(versions: Installed) -> None:
    """Put packages to these versions, and leave all others as they are."""
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    if wanted:
        subprocess.run([sys.executable, "-m", "pip", "install", "-qq", "--no-deps", *wanted], check=True)


if __name__ == "__main__":
    sys.exit(main())
