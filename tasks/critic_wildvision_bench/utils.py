from critic_eval.benchmarks.wildvision import BENCH_TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(BENCH_TASKS)
