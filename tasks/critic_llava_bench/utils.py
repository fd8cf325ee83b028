from critic_eval.benchmarks.llava_bench import TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(TASKS)
