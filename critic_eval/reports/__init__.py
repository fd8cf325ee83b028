"""Reports made of result files: what lmms-eval wrote for our tasks, beside what others published."""
