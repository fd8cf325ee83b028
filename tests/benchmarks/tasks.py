"""Tasks of lmms-eval's by the names of their benchmarks."""

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.lmms.tasks import JudgeTask


def task(name: str) -> JudgeTask:
    """The task of a benchmark; `critic_` may be left out."""
    return JudgeTask(find_benchmark(name))
