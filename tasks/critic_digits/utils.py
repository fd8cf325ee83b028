from critic_eval.benchmarks.digits.items import TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(TASKS)
