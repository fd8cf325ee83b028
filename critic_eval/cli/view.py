"""The command `critic-eval view`."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from critic_eval.cli.options import RUN, add_task
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    view = commands.add_parser(
        "view",
        help="look at single judgments of one or two runs, on a local web page",
        description=(
            "Open a web page over the logged samples (--log_samples) of one run, or of two runs of the same tasks: "
            "filter them by label, verdict, agreement, invalid reason and order flip, and read what each critic was "
            "shown and what it answered. The page is for this machine alone (127.0.0.1) unless --host says otherwise; "
            "nothing is fetched from a network. Images come from the task's data set, where that is on this machine. "
            f"{RUN}"
        ),
        epilog="examples: critic-eval view runs/7b runs/72b; critic-eval view runs/7b --export page",
    )
    view.add_argument("runs", nargs="+", metavar="RUN", help="the run, or the two runs")
    add_task(view, "one task only, such as critic_pairs")
    view.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    view.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="another host name that the page is opened by, such as that of a proxy",
    )
    view.add_argument("--port", type=int, default=8765, help="port to listen on, 0 for any (default: %(default)s)")
    view.add_argument("--open", action="store_true", help="open the page in the browser")
    view.add_argument("--no-images", action="store_true", help="don't load data sets for their images")
    view.add_argument(
        "--export", type=Path, metavar="DIR", help="write the page into a folder that opens from disk, and end"
    )
    view.add_argument("--force", action="store_true", help="write over what the folder holds")
    view.set_defaults(run=_view)


def _view(args: argparse.Namespace) -> None:
    from critic_eval.reports.viewer.view import open_view

    view = open_view(args.runs, args.task)
    for note in (*view.notes, *(note for task in view.tasks for note in task.notes)):
        print(visible(note, 1000), file=sys.stderr)
    if not args.no_images:
        _find_own_files(view)
    if args.export is not None:
        _export(view, args)
    else:
        _serve(view, args)


def _find_own_files(view: Any) -> None:
    """Let tasks read the files of items that the runs record, where no variable names one; for this process."""
    for task in view.tasks:
        source = task.own_file
        if source is None or os.environ.get(source.variable):
            continue
        if source.file.is_file():
            os.environ.update(source.environment)
            message = f"Images of {task.name} are those that {source.file} names; {source.variable} names another file."
        else:
            message = (
                f"{task.name} was run on {source.file}, which is gone: set {source.variable} to it for its images."
            )
        print(visible(message, 1000), file=sys.stderr)


def _export(view: Any, args: argparse.Namespace) -> None:
    from critic_eval.reports.viewer.export import export

    written = export(
        view, args.export, args.force, not args.no_images, lambda text: print(visible(text), file=sys.stderr)
    )
    size = sum(file.stat().st_size for file in written)
    images = sum(file.parent.name == "images" for file in written)
    items = sum(task.table.n_items for task in view.tasks)
    message = (
        f"{items:,} items, {images:,} images: {len(written):,} files, {_size(size)}. Open {args.export}/index.html"
    )
    print(visible(message))


def _serve(view: Any, args: argparse.Namespace) -> None:
    from critic_eval.reports.viewer.server import Pages, address, is_loopback, make_server

    server = make_server(Pages(view, with_images=not args.no_images), args.host, args.port, args.name)
    judgments = sum(task.table.n_judgments for task in view.tasks)
    message = f"{judgments:,} judgments of {' and '.join(view.critics)}: {address(server)}  (Ctrl+C ends)"
    print(visible(message), flush=True)
    if not is_loopback(server):
        print("Whoever reaches this machine can read the page; --host 127.0.0.1 keeps it to you.", file=sys.stderr)
    if args.open:
        import webbrowser

        webbrowser.open(address(server))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
