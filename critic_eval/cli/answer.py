"""The command `critic-eval answer`, with the options of LLaVA's evaluation scripts."""

import argparse
import sys
from pathlib import Path
from typing import Any

from critic_eval.cli.options import DEFAULT
from critic_eval.visible import visible

_DESCRIPTION = """\
Answer questions about images from a file into a file, in the form of LLaVA's model_vqa, model_vqa_loader and
model_vqa_science. A line of the questions:

  {"question_id": 1, "image": "cat.png", "text": "What is shown?"}

and of the answers:

  {"question_id": 1, "prompt": "What is shown?", "text": "A cat.", "answer_id": ..., "model_id": ..., "metadata": ...}

An answers file that exists is gone on with: what it holds is not asked again, and half a last line is repaired. A
question that can't be asked is left out and named in the end; exit status 1 then says that there was such a one.
Images outside of --image-folder are refused unless CRITIC_EVAL_ALLOW_OUTSIDE=1. Answers are greedy; LLaVA's scripts
sample, unless told otherwise, as --temperature 0.2 does here."""

_EPILOG = """\
examples:
  critic-eval answer --model-path lmms-lab/llava-critic-7b --question-file Q.jsonl --image-folder DIR \\
      --answers-file A.jsonl
  critic-eval answer --model-path kaist-ai/prometheus-vision-13b-v1.0 --question-file Q.jsonl --answers-file A.jsonl \\
      --temperature 1.0 --top_p 0.9 --conv-mode vicuna_v1
  critic-eval answer --question-file Q.jsonl --answers-file A-3.jsonl --num-chunks 8 --chunk-idx 3"""

_MOST_FAULTS = 20
"""Questions that are named in the end."""


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    answer = commands.add_parser(
        "answer",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="answer a file of questions, in the form of LLaVA's evaluation scripts",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    answer.add_argument("--question-file", type=Path, required=True, metavar="FILE", help="JSON Lines, or a JSON list")
    answer.add_argument("--answers-file", type=Path, required=True, metavar="FILE", help="JSON Lines to write")
    answer.add_argument(
        "--image-folder", type=Path, default=Path(), metavar="DIR", help="what images' paths count from (default: here)"
    )
    answer.add_argument(
        "--model-path",
        "--pretrained",
        dest="pretrained",
        metavar="NAME",
        help="hub id or folder of a checkpoint (default: lmms-lab/llava-critic-7b); digits for the embedded critic",
    )
    answer.add_argument("--model-base", metavar="NAME", help="the checkpoint that --model-path changes or completes")
    answer.add_argument("--conv-mode", metavar="NAME", help="the conversation format (default: the checkpoint's own)")
    answer.add_argument("--num-chunks", type=int, default=1, metavar="N", help=f"cut the questions into N {DEFAULT}")
    answer.add_argument("--chunk-idx", type=int, default=0, metavar="K", help=f"the one to answer, from 0 on {DEFAULT}")
    answer.add_argument("--temperature", type=float, default=0.0, help=f"0 is greedy {DEFAULT}")
    answer.add_argument("--top_p", type=float, metavar="P", help="of sampled answers")
    answer.add_argument("--num_beams", type=int, default=1, metavar="N", help=f"beams of a beam search {DEFAULT}")
    answer.add_argument("--max_new_tokens", type=int, default=1024, metavar="N", help=f"of an answer at most {DEFAULT}")
    answer.add_argument("--seed", type=int, default=0, help=f"of sampled answers {DEFAULT}")
    answer.add_argument("--base-url", metavar="URL", help="ask an OpenAI-compatible server")
    answer.add_argument("--device", help="cuda, cuda:1 or cpu (default: CUDA where there is one)")
    answer.add_argument("--batch-size", default="auto", metavar="N", help=f"requests in one batch {DEFAULT}")
    answer.add_argument("--journal", type=Path, metavar="FILE", help="keep answers, so that none is computed twice")
    answer.add_argument("--force", action="store_true", help="begin the answers file anew")
    answer.set_defaults(run=_answer)


def _answer(args: argparse.Namespace) -> int:
    from critic_eval.api.answering_files import AnswerSettings, answer_file

    outcome = answer_file(
        args.question_file,
        args.answers_file,
        _engine_arguments(args),
        image_folder=args.image_folder,
        chunks=args.num_chunks,
        chunk=args.chunk_idx,
        decoding=AnswerSettings(args.temperature, args.top_p, args.num_beams, args.max_new_tokens, args.seed),
        journal=args.journal,
        is_new=args.force,
        has_bar=sys.stderr.isatty(),
    )
    if outcome.repaired:
        print("The answers file ended in half a line, which was cut off.", file=sys.stderr)
    for fault in outcome.faults[:_MOST_FAULTS]:
        print(visible(f"{args.question_file}:{fault.number}: {fault.reason}", 300), file=sys.stderr)
    if outcome.faults:
        asked = outcome.answered + len(outcome.faults)
        print(f"{len(outcome.faults)} of {asked} questions have no answer.", file=sys.stderr)
    before = f", {outcome.kept} of them from before" if outcome.kept else ""
    print(visible(f"{args.answers_file} holds {outcome.answered} answers{before}"))
    return int(bool(outcome.faults))


def _engine_arguments(args: argparse.Namespace) -> Any:
    from critic_eval.critics.engines.arguments import DEFAULT_PRETRAINED, default_device, read_batch_size
    from critic_eval.critics.engines.opening import engine_arguments

    return engine_arguments(
        {"base": args.model_base, "conversation": args.conv_mode},
        pretrained=args.pretrained if args.base_url else args.pretrained or DEFAULT_PRETRAINED,
        device="cpu" if args.base_url else default_device(args.device),
        device_is_given=args.device is not None,
        batch_size=read_batch_size(args.batch_size),
        base_url=args.base_url,
    )
