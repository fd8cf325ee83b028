from critic_eval.benchmarks.wildvision import ARENA_TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(ARENA_TASKS)
