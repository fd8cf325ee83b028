"""The command `critic-eval tasks`."""

import argparse
import json
from typing import Any

from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    tasks = commands.add_parser(
        "tasks",
        help="list the benchmarks: data, protocol, figures and license",
        description=(
            "List every benchmark that lmms_eval can run here, yours too (CRITIC_EVAL_TASKS, --include_path): where "
            "its data comes from, how a critic is asked, which figures it gives, its variants and its license."
        ),
        epilog="example: critic-eval tasks rewardbench",
    )
    tasks.add_argument("text", nargs="?", default="", help="only those whose name, title or data holds this")
    tasks.add_argument("--json", action="store_true", help="print one JSON list instead of text")
    tasks.set_defaults(run=_tasks)


def _tasks(args: argparse.Namespace) -> int:
    from critic_eval.benchmarks.describing import benchmark_facts
    from critic_eval.benchmarks.registry import benchmarks

    facts = [benchmark_facts(benchmark) for benchmark in benchmarks() if benchmark.base == benchmark.name]
    wanted = args.text.casefold()
    shown = [fact for fact in facts if wanted in " ".join((fact["task"], fact["title"], fact["data"])).casefold()]
    if args.json:
        print(json.dumps(shown, indent=2))
        return int(not shown)
    for entry in shown:
        print(visible(f"{entry['task']}  {entry['title']}"))
        print(visible(f"    {entry['about']}"))
        for name in ("data", "license", "protocol", "figures", "variants"):
            text = ", ".join(entry[name]) if isinstance(entry[name], list) else entry[name]
            if text:
                print(visible(f"    {name:<9} {text}"))
    print(f"{len(shown)} benchmarks" if shown else f"No benchmark has {args.text!r} in its name, title or data.")
    return int(not shown)
