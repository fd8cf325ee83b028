"""Figures over judgments by name, and the pure functions that they are made of."""

from critic_eval.metrics.agreement import cohen_kappa, krippendorff_alpha, macro_f1, quadratic_kappa
from critic_eval.metrics.calibration import brier, calibration_error, expected_score
from critic_eval.metrics.correlation import concordance, kendall, pearson, spearman
from critic_eval.metrics.figures import (
    HIGHER_IS_BETTER,
    MEAN,
    POOLED,
    Figure,
    figure,
    figure_names,
    group_figures,
)
from critic_eval.metrics.paired import Comparison, compare, holm, mcnemar
from critic_eval.metrics.preference import TIE, accuracy_with_tie, accuracy_without_tie, first_position_rate
from critic_eval.metrics.ranking import kendall_distance, levenshtein
from critic_eval.metrics.resampling import Interval, bootstrap, interval
from critic_eval.metrics.statistic import InvalidPolicy

__all__ = [
    "HIGHER_IS_BETTER",
    "MEAN",
    "POOLED",
    "TIE",
    "Comparison",
    "Figure",
    "Interval",
    "InvalidPolicy",
    "accuracy_with_tie",
    "accuracy_without_tie",
    "bootstrap",
    "brier",
    "calibration_error",
    "cohen_kappa",
    "compare",
    "concordance",
    "expected_score",
    "figure",
    "figure_names",
    "first_position_rate",
    "group_figures",
    "holm",
    "interval",
    "kendall",
    "kendall_distance",
    "krippendorff_alpha",
    "levenshtein",
    "macro_f1",
    "mcnemar",
    "pearson",
    "quadratic_kappa",
    "spearman",
]
