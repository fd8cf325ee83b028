from critic_eval.benchmarks.digits import TASKS
from critic_eval.benchmarks.yaml_functions import functions

__getattr__ = functions(TASKS)
