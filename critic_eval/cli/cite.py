"""The command `critic-eval cite`."""

import argparse
from typing import Any

from critic_eval.errors import ArgumentError


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    cite = commands.add_parser(
        "cite",
        help="print BibTeX of benchmarks, critics and this package",
        description="Print what to cite for figures: of each task its benchmark, the critics, and this package.",
        epilog="example: critic-eval cite critic_vl_rewardbench critic_mllm_judge_pair",
    )
    cite.add_argument("tasks", nargs="*", metavar="TASK", help="tasks that figures are of")
    cite.add_argument(
        "--critic",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a critic: {', '.join(_CRITICS)}; may be repeated",
    )
    cite.set_defaults(run=_cite)


def _cite(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.registry import find_benchmark

    unknown = [name for name in args.critic if name not in _CRITICS]
    if unknown:
        raise ArgumentError(f"There is no citation of {', '.join(unknown)}; there are {', '.join(_CRITICS)}.")
    cited = [find_benchmark(task) for task in args.tasks]
    without = [benchmark.name for benchmark in cited if not benchmark.bibtex]
    entries = [*(benchmark.bibtex for benchmark in cited), *(_CRITICS[name] for name in args.critic), _PACKAGE]
    print("\n\n".join(dict.fromkeys(entry.strip() for entry in entries if entry)))
    if without:
        print(f"% no entry is known of {', '.join(without)}")


_PACKAGE = """@software{critic_eval,
  title = {critic-eval: measuring how well multimodal models judge},
  author = {{The critic-eval authors}},
  year = {2026}
}"""
_CRITICS = {
    "llava_critic": """@inproceedings{xiong2025llavacritic,
  title = {LLaVA-Critic: Learning to Evaluate Multimodal Models},
  author = {Xiong, Tianyi and Wang, Xiyao and Guo, Dong and Ye, Qinghao and Fan, Haoqi and Gu, Quanquan and
            Huang, Heng and Li, Chunyuan},
  booktitle = {CVPR},
  year = {2025},
  eprint = {2410.02712}
}""",
    "prometheus_vision": """@inproceedings{lee2024prometheusvision,
  title = {Prometheus-Vision: Vision-Language Model as a Judge for Fine-Grained Evaluation},
  author = {Lee, Seongyun and Kim, Seungone and Park, Sue Hyun and Kim, Geewook and Seo, Minjoon},
  booktitle = {Findings of ACL},
  year = {2024},
  eprint = {2401.06591}
}""",
}
