from critic_eval.benchmarks.mllm_judge import TASKS
from critic_eval.lmms.yaml_functions import functions

__getattr__ = functions(TASKS)
