"""The former place of the digits critic: `critic_eval.training.digits` and `critic_eval.benchmarks.digits`."""
