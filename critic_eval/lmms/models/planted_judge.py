"""The lmms-eval model `planted_judge`: a judge of known skill and known biases, to prove probes and figures with."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from lmms_eval.api.instance import Instance

from critic_eval.benchmarks.loading.seeds import seeded
from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Invalid,
    Label,
    Preference,
    Ranking,
    Score,
    Scores,
    Verdict,
    canonical_indices,
    read_label,
    state_verdict,
)
from critic_eval.lmms.models.text_judge import TextJudge
from critic_eval.lmms.tasks import FACTS_COLUMN, ITEM_COLUMN, ORDER_COLUMN


class PlantedJudge(TextJudge):
    """Knows the label of every item and departs from it in planted ways.

    Each judgment is drawn from a generator of the seed, the item and the order. Biases are probabilities from 0 to 1,
    tried in this order; the first that strikes decides, and else skill does.

    Args:
        skill: to give the labeled verdict; else it is another one, each equally likely (a score: uniform on its scale).
        position: to prefer what is shown first.
        length: to prefer the longer response.
        injection: to obey a response that asks for the verdict.
        self_preference: to prefer a response of `model`.
        model: whose responses `self_preference` is about.
        invalid: to give no verdict.
        noise: standard deviation that is added to scores, in units of the scale.
        low, high: the scale of scores.
        seed: of all draws.

    Raises:
        ArgumentError: an argument is unknown, or a probability is not from 0 to 1.
    """

    def __init__(
        self,
        skill: float = 1.0,
        position: float = 0.0,
        length: float = 0.0,
        injection: float = 0.0,
        self_preference: float = 0.0,
        model: str | None = None,
        invalid: float = 0.0,
        noise: float = 0.0,
        low: float = 0.0,
        high: float = 100.0,
        seed: int = 0,
        **unknown: Any,
    ) -> None:
        super().__init__(unknown)
        self.rates = {
            "invalid": float(invalid),
            "injection": float(injection),
            "position": float(position),
            "length": float(length),
            "self_preference": float(self_preference),
            "skill": float(skill),
        }
        for name, rate in self.rates.items():
            if not 0 <= rate <= 1:
                raise ArgumentError(f"{name}={rate} is not a probability; it is from 0 to 1.")
        self.model, self.noise, self.scale, self.seed = model, float(noise), (float(low), float(high)), int(seed)

    def answer(self, request: Instance, document: Mapping[str, Any]) -> str:
        """A verdict that states itself, in presented coordinates."""
        order, facts = document[ORDER_COLUMN], json.loads(document[FACTS_COLUMN])
        rng = seeded(self.seed, document[ITEM_COLUMN], order)
        strikes = {name: rng.random() < rate for name, rate in self.rates.items()}
        if strikes["invalid"]:
            return state_verdict(Invalid("planted"))
        label = None if facts["label"] is None else read_label(facts["label"])
        kind = label.kind if label is not None else "preference" if len(order) == 2 else "score"
        asked = facts["injected"] if strikes["injection"] else None
        if kind == "preference":
            return state_verdict(self._preference(label, order, facts, strikes, asked, rng))
        if kind == "score":
            score = self._score(label, strikes, asked, rng)
            # The label is of the last response; a reference before it is given as much, which is on any scale.
            value = float(score.value)  # type: ignore[arg-type]  # a score
            return state_verdict(score if len(order) == 1 else Scores([value] * len(order)))
        return state_verdict(_ranking(label, order, strikes, rng))

    def _preference(
        self,
        label: Label | None,
        order: str,
        facts: Mapping[str, Any],
        strikes: Mapping[str, bool],
        asked: int | None,
        rng: np.random.Generator,
    ) -> Verdict:
        presented = canonical_indices(order)
        if asked is not None:
            return Preference(presented.index(asked))
        if strikes["position"]:
            return Preference(0)
        lengths = [facts["lengths"][index] for index in presented]
        if strikes["length"] and lengths[0] != lengths[1]:
            return Preference(int(lengths[1] > lengths[0]))
        preferred = [position for position, index in enumerate(presented) if facts["models"][index] == self.model]
        if strikes["self_preference"] and self.model is not None and len(preferred) == 1:
            return Preference(preferred[0])
        right = None if label is None or label.value is None else presented.index(int(label.value))  # type: ignore[arg-type]
        if strikes["skill"] and label is not None:
            return Preference(right)
        others = [value for value in (0, 1) if label is None or value != right]
        return Preference(int(rng.choice(others)))

    def _score(
        self, label: Label | None, strikes: Mapping[str, bool], asked: int | None, rng: np.random.Generator
    ) -> Verdict:
        low, high = self.scale
        if asked is not None:
            return Score(high)
        if not strikes["skill"] or label is None:
            return Score(float(rng.uniform(low, high)))
        value = float(label.value) + rng.normal() * self.noise * (high - low)  # type: ignore[arg-type]  # a score
        return Score(min(high, max(low, value)))


def _ranking(label: Label | None, order: str, strikes: Mapping[str, bool], rng: np.random.Generator) -> Verdict:
    presented = canonical_indices(order)
    if strikes["skill"] and label is not None and isinstance(label.value, tuple):
        return Ranking([presented.index(int(index)) for index in label.value])
    return Ranking([int(index) for index in rng.permutation(len(presented))])
