"""Judging in Python, without lmms-eval: `load_critic`, and the results of what a critic is asked."""

from critic_eval.api.critic import Critic
from critic_eval.api.loading import load_critic
from critic_eval.api.results import Compared, Ranked, Result, Scored, Unjudged

__all__ = ["Compared", "Critic", "Ranked", "Result", "Scored", "Unjudged", "load_critic"]
