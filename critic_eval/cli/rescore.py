"""The command `critic-eval rescore`."""

import argparse
import json
from typing import Any

from critic_eval.cli.options import (
    DEFAULT,
    RUN,
    add_bootstrap,
    add_format,
    add_runs,
    print_table,
    task_and_paths,
    tell_choices,
    tell_passed_over,
)
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    rescore = commands.add_parser(
        "rescore",
        usage="%(prog)s [TASK] RUN [options] | %(prog)s TASK TABLE ... [options]",
        help="compute a benchmark's figures from recorded judgments",
        description=(
            "Apply a benchmark's parser and metrics to tables of judgments and labels (.csv, .tsv, .jsonl, .json, each "
            "also .gz, or .parquet), without its data set, its images or a model. Accepted are runs with logged "
            "samples (--log_samples), tables with the columns that docs/recorded_judgments.md lists, and any other "
            f"with --map. {RUN} Tables are taken as they are, and several of them together. Exit status 1 if no figure "
            "has an item."
        ),
        epilog=(
            "examples: critic-eval rescore mllm_judge_score judgments.csv --invalid official; "
            "critic-eval rescore runs/7b --task critic_pairs"
        ),
    )
    add_runs(rescore)
    rescore.add_argument(
        "--invalid",
        choices=["exclude", "wrong", "official"],
        default="exclude",
        help=f"what becomes of answers without a verdict; official: what the benchmark's code makes of them {DEFAULT}",
    )
    rescore.add_argument("--expected", action="store_true", help="scores expected from recorded log-probabilities")
    rescore.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=ROLE",
        help=(
            "what a column is, of any table, as often as needed; nested columns by dots (result.judge=verdict). Roles: "
            "id, group, label, verdict, text (the critic's whole answer), order (as in BA), cluster (what is resampled "
            "together), model_a, model_b, ... (who wrote the responses), length_a, length_b, ... (in characters)"
        ),
    )
    rescore.add_argument(
        "--calibrate",
        type=float,
        metavar="SHARE",
        help=(
            "put scores on the labels' scale by a monotone map that is fitted on this share of the items (such as 0.2, "
            "drawn by --seed); figures are of the others"
        ),
    )
    rescore.add_argument("--strict", action="store_true", help="stop at a malformed record instead of naming it")
    add_format(rescore)
    add_bootstrap(rescore)
    rescore.set_defaults(run=_rescore)


def _rescore(args: argparse.Namespace) -> int:
    from critic_eval.runs.column_roles import parse_map
    from critic_eval.runs.naming import resolve_runs
    from critic_eval.runs.rescore import rescore

    named, paths = task_and_paths(args)
    taken = resolve_runs(paths, named, pool=args.all, tables=True)
    task = taken.task(named)
    tell_choices(taken)
    tell_passed_over(taken.notes)
    result = rescore(
        task,
        taken.samples(task),
        args.invalid,
        args.expected,
        args.bootstrap,
        args.seed,
        strict=args.strict,
        named=parse_map(args.map),
        calibrated_on=args.calibrate,
    )
    if args.json:
        print(json.dumps(result.to_record()))
    elif args.format != "text":
        print_table(args.format, *result.table(), result.remarks())
    else:
        for line in result.to_text().split("\n"):
            print(visible(line))
    return int(result.is_empty)
