"""The command `critic-eval judge`."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.visible import visible

_DESCRIPTION = """\
Ask a critic about an image: one --response is scored, two are compared (in both orders), more are ranked. Exit status
1 if the critic gives no verdict.

With - in place of IMAGE, items are read from standard input, one JSON object a line, all of them before the first is
judged; each gives one JSON object on standard output, in the same order:

  {"image": "cat.png", "question": "What is shown?", "responses": ["A cat.", "A dog."]}

image is a path from the current folder, or a list of them; absent for a question without an image. Files outside of
the current folder are refused unless CRITIC_EVAL_ALLOW_OUTSIDE=1. A line may also hold id, kind (score, compare or
rank), reference and rubric. For a line that can't be judged the object holds its number and an error; exit status 1
then says that there was such a line."""

_EPILOG = """\
examples:
  critic-eval judge digit.png --pretrained digits --question "Which digit is shown?" --response "It is a 7."
  critic-eval judge cat.png --question "What is shown?" --response "A cat on a sofa." --response "A dog."
  critic-eval judge cat.png --question "What is shown?" --response "A cat." --response "A dog." --protocol verdict_last
  critic-eval judge - --journal answers.sqlite < items.jsonl > verdicts.jsonl
  critic-eval judge - --base-url http://127.0.0.1:8000/v1 < items.jsonl"""


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    judge = commands.add_parser(
        "judge",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="ask a critic about one image, or about items from standard input",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    judge.add_argument("image", metavar="IMAGE", help="the image's file; - for JSON lines from standard input")
    judge.add_argument("--question", help="what was asked about the image")
    judge.add_argument(
        "--response",
        action="append",
        default=[],
        metavar="TEXT",
        help="what was answered; as often as there are answers",
    )
    judge.add_argument(
        "--kind", choices=["score", "compare", "rank"], help="what is asked (default: by the number of responses)"
    )
    judge.add_argument("--reference", metavar="TEXT", help="a right answer, for protocols that show one")
    judge.add_argument("--rubric", metavar="TEXT", help="what scores mean, for protocols that show it")
    judge.add_argument(
        "--pretrained",
        metavar="NAME",
        help=(
            "hub id or folder of a checkpoint (default: lmms-lab/llava-critic-7b, from the hub on first use); digits "
            "is a small critic of handwritten digits that comes along and needs no network; with --base-url, the "
            "model's name on the server"
        ),
    )
    judge.add_argument("--protocol", metavar="NAME", help="a protocol, or a family of them such as verdict_last")
    judge.add_argument(
        "--base-url", metavar="URL", help="ask an OpenAI-compatible server instead of loading a checkpoint"
    )
    judge.add_argument("--device", help="cuda, cuda:1 or cpu (default: CUDA where there is one)")
    judge.add_argument("--journal", type=Path, metavar="FILE", help="keep answers, so that none is computed twice")
    judge.add_argument(
        "--probabilities", action="store_true", help="read the verdict off the critic's probabilities, without any text"
    )
    judge.add_argument(
        "--allow-urls", action="store_true", help="fetch an image whose path is an http or https address"
    )
    judge.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    judge.set_defaults(run=_judge)


def _judge(args: argparse.Namespace) -> int:
    if args.image == "-":
        if args.question is not None or args.response:
            raise ArgumentError("With - the questions and responses come from standard input; leave out the options.")
        return _judge_lines(args)
    if args.question is None or not args.response:
        raise ArgumentError("Give --question, and --response once or more; or - to read items from standard input.")
    item = {"image": args.image, "question": args.question, "responses": args.response}
    extra = {name: value for name in ("reference", "rubric") if (value := getattr(args, name)) is not None}
    with _load(args) as critic:
        (result,) = critic.judge(
            [{**item, **extra}], kind=args.kind, probabilities=args.probabilities, strict=True, progress=False
        )
    if args.json:
        print(json.dumps(result.to_record()))
    else:
        print("\n".join(_told(result)))
    return int(result.reason is not None)


def _judge_lines(args: argparse.Namespace) -> int:
    items: dict[int, Mapping[str, Any]] = {}
    errors: dict[int, str] = {}
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            try:
                items[number] = _item(line, args.allow_urls)
            except CriticEvalError as error:
                errors[number] = str(error)
    records: dict[int, dict[str, Any]] = {number: {"error": error} for number, error in errors.items()}
    if items:
        with _load(args) as critic:
            results = critic.judge(
                items.values(), kind=args.kind, probabilities=args.probabilities, progress=sys.stderr.isatty()
            )
        for (number, item), result in zip(items.items(), results, strict=True):
            name = {} if item.get("id") in (None, "") else {"id": item["id"]}
            record = result.to_record()
            is_judged = record["kind"] is not None
            records[number] = {**name, **(record if is_judged else {"error": result.reason})}
    for number in sorted(records):
        print(json.dumps({"line": number, **records[number]}))
    failed = sum("error" in record for record in records.values())
    if failed:
        print(f"{failed} of {len(records)} lines could not be judged.", file=sys.stderr)
    return int(failed > 0)


def _item(line: bytes, allow_urls: bool) -> dict[str, Any]:
    """The item of a line; its images are files in the current folder, or below it."""
    from critic_eval.benchmarks.loading.cases import UnusableError
    from critic_eval.benchmarks.loading.inside import image_inside, is_address

    try:
        item = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ArgumentError("The line is not JSON.") from None
    if not isinstance(item, dict):
        raise ArgumentError("The line is not a JSON object.")
    for name in ("image", "images"):
        paths = item.get(name) or []
        named = paths if isinstance(paths, list) else [paths]
        if not all(isinstance(path, str) for path in named):
            raise ArgumentError(f"The {name} is neither a path nor a list of paths.")
        try:
            inside = [path if allow_urls and is_address(path) else image_inside(Path.cwd(), path) for path in named]
        except UnusableError as error:
            raise ArgumentError(f"The line can't be judged: {error}.") from error
        if named:
            item[name] = inside
    return item


def _told(result: Any) -> Iterator[str]:
    """A result for people to read, line by line."""
    from string import ascii_uppercase

    if result.reason is not None:
        yield visible(f"No verdict: {result.reason}")
    elif result.to_record()["kind"] == "score":
        yield f"Score {result.value:.4g}" + ("" if result.scale is None else " of {:g} to {:g}".format(*result.scale))
    elif result.to_record()["kind"] == "rank":
        yield " > ".join(ascii_uppercase[index] for index in result.best_first)
    else:
        said = {"a": "A is better", "b": "B is better", "tie": "A tie"}[result.better]
        yield said + {True: "; both orders agree", False: "; the orders disagree", None: ""}[result.consistent]
    shares = getattr(result, "probabilities", None)
    if shares is not None:
        likeliest = sorted(shares.items(), key=lambda share: -share[1])[:3]
        yield "Probabilities: " + ", ".join(f"{name} {share:.3f}" for name, share in likeliest)
    rewards = getattr(result, "rewards", None)
    if rewards is not None:
        yield "Rewards: " + ", ".join(
            f"{name} {reward:.4g}" for name, reward in zip(ascii_uppercase, rewards, strict=False)
        )
    texts = dict(zip(result.orders, result.texts, strict=True)) if hasattr(result, "orders") else {"": result.text}
    for order, text in texts.items():
        if not text and result.reason is None:  # of a reward head, which writes nothing
            continue
        yield f"\nShown as {', '.join(order)}:" if order else ""
        yield from map(visible, text.split("\n"))


def _load(args: argparse.Namespace) -> Any:
    from critic_eval.api import load_critic

    return load_critic(
        args.pretrained,
        protocol=args.protocol,
        base_url=args.base_url,
        device=args.device,
        journal=args.journal,
        allow_urls=args.allow_urls,
    )
