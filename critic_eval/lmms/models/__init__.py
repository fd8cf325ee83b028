"""The models that lmms-eval runs: a critic, a recorded judge and a planted one."""
