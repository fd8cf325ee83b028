"""Figures over judgments by name, the pure functions that they are made of, and how to add one."""

from critic_eval.metrics import accuracy, battles, collapse, confidence, invalid, reviews  # registered on import
from critic_eval.metrics.agreement import cohen_kappa, krippendorff_alpha, macro_f1, quadratic_kappa
from critic_eval.metrics.calibration import (
    auroc,
    brier,
    calibration_error,
    expected_score,
    isotonic_map,
    selective_accuracy,
)
from critic_eval.metrics.collapse import COLLAPSE_FIGURES, collapse_note
from critic_eval.metrics.confidence import CONFIDENCE_FIGURES, carry_confidence
from critic_eval.metrics.correlation import concordance, kendall, pearson, spearman
from critic_eval.metrics.figures import (
    HIGHER_IS_BETTER,
    MEAN,
    POOLED,
    Figure,
    applies,
    compute_figure,
    figure_names,
    figure_of_metric,
    group_figures,
    statistic_of,
)
from critic_eval.metrics.paired import Comparison, compare, holm, mcnemar
from critic_eval.metrics.probes import Probed, compute_probe, probe_names
from critic_eval.metrics.ranking import kendall_distance, levenshtein
from critic_eval.metrics.registry import FIGURES, PROBES, Need, figure, probe, register_figure, register_probe
from critic_eval.metrics.resampling import Floats, Interval, bootstrap, interval
from critic_eval.metrics.statistic import (
    Counted,
    InvalidPolicy,
    Statistic,
    cell_statistic,
    mean_statistic,
    ratio_statistic,
    undefined_statistic,
)

__all__ = [
    "COLLAPSE_FIGURES",
    "CONFIDENCE_FIGURES",
    "FIGURES",
    "HIGHER_IS_BETTER",
    "MEAN",
    "POOLED",
    "PROBES",
    "Comparison",
    "Counted",
    "Figure",
    "Floats",
    "Interval",
    "InvalidPolicy",
    "Need",
    "Probed",
    "Statistic",
    "accuracy",
    "applies",
    "auroc",
    "battles",
    "bootstrap",
    "brier",
    "calibration_error",
    "carry_confidence",
    "cell_statistic",
    "cohen_kappa",
    "collapse",
    "collapse_note",
    "compare",
    "compute_figure",
    "compute_probe",
    "concordance",
    "confidence",
    "expected_score",
    "figure",
    "figure_names",
    "figure_of_metric",
    "group_figures",
    "holm",
    "interval",
    "invalid",
    "isotonic_map",
    "kendall",
    "kendall_distance",
    "krippendorff_alpha",
    "levenshtein",
    "macro_f1",
    "mcnemar",
    "mean_statistic",
    "pearson",
    "probe",
    "probe_names",
    "quadratic_kappa",
    "ratio_statistic",
    "register_figure",
    "register_probe",
    "reviews",
    "selective_accuracy",
    "spearman",
    "statistic_of",
    "undefined_statistic",
]
