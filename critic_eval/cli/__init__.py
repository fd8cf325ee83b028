"""The command `critic-eval`: one module for each of its subcommands."""

from critic_eval.cli.command import main

__all__ = ["main"]
