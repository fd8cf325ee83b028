import math

from critic_eval.metrics import TIE, accuracy_with_tie, accuracy_without_tie


def test_accuracies_by_hand() -> None:
    labels = [0, 0, 1, 1, TIE, TIE]
    critic = [0, 1, 1, TIE, TIE, 0]
    assert accuracy_with_tie(critic, labels) == 3 / 6
    assert accuracy_without_tie(critic, labels) == 2 / 4


def test_a_critic_that_always_ties_is_right_on_ties_only() -> None:
    assert accuracy_with_tie([TIE, TIE], [TIE, 0]) == 0.5
    assert accuracy_without_tie([TIE, TIE], [TIE, 0]) == 0


def test_accuracy_of_nothing_is_nan() -> None:
    assert math.isnan(accuracy_with_tie([], []))
    assert math.isnan(accuracy_without_tie([0], [TIE]))
