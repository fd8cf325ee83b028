from critic_eval.benchmarks.mm_rewardbench import TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(TASKS)
