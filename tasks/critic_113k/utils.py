from critic_eval.benchmarks.critic_113k import TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(TASKS)
