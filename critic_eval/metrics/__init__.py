"""Figures over judgments by name, and the pure functions that they are made of."""

from critic_eval.metrics.correlation import kendall, pearson, spearman
from critic_eval.metrics.figures import HIGHER_IS_BETTER, Figure, InvalidPolicy, figure, figure_names
from critic_eval.metrics.preference import TIE, accuracy_with_tie, accuracy_without_tie
from critic_eval.metrics.ranking import levenshtein
from critic_eval.metrics.resampling import Interval, bootstrap_cells, bootstrap_sums, interval

__all__ = [
    "HIGHER_IS_BETTER",
    "TIE",
    "Figure",
    "Interval",
    "InvalidPolicy",
    "accuracy_with_tie",
    "accuracy_without_tie",
    "bootstrap_cells",
    "bootstrap_sums",
    "figure",
    "figure_names",
    "interval",
    "kendall",
    "levenshtein",
    "pearson",
    "spearman",
]
