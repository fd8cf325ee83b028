"""Verdicts of rewards: the larger one wins, by the sigmoid of the difference, and no number is out of any scale."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_expit

from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Item,
    Judgment,
    Preference,
    Ranking,
    Response,
    Score,
    Scores,
    get_protocol,
    state_verdict,
)
from critic_eval.judging.logged import logged_judgment
from critic_eval.judging.rewards import (
    REWARD_PROTOCOLS,
    check_shows_responses,
    preference_logprobs,
    reward_protocol,
    reward_verdict,
    state_rewards,
)

REWARDS = st.floats(-1e6, 1e6)
PAIR = reward_protocol("preference")
RANKING = reward_protocol("ranking")


def item(n: int) -> Item:
    return Item("1", "Which?", tuple(Response(f"response {index}") for index in range(n)))


@given(REWARDS, REWARDS, st.sampled_from(["AB", "BA"]))
def test_a_pair_is_the_larger_reward_in_every_order(first: float, second: float, order: str) -> None:
    judgment = PAIR.judge(item(2), order, state_rewards(PAIR, order, (first, second)))
    expected = None if first == second else int(np.argmax([first, second]))
    assert judgment.verdict == Preference(expected)
    assert judgment.rewards == (first, second)
    shares = {"A": float(log_expit(first - second)), "B": float(log_expit(second - first))}
    assert judgment.logprobs == pytest.approx(shares, abs=1e-6)


@given(st.lists(REWARDS, min_size=2, max_size=6, unique=True), st.randoms())
def test_a_ranking_sorts(rewards: list[float], random: Any) -> None:
    letters = "ABCDEF"[: len(rewards)]
    order = "".join(random.sample(letters, len(letters)))
    judgment = RANKING.judge(item(len(rewards)), order, state_rewards(RANKING, order, rewards))
    assert judgment.verdict == Ranking([int(index) for index in np.argsort(-np.array(rewards))])


def test_equal_rewards_are_no_ranking_as_a_written_tie_is_none() -> None:
    written = get_protocol("llava_critic_rank").parse("Ranking: [A > B = C]", 3).verdict
    assert reward_verdict(RANKING, (2.0, 1.0, 1.0)) == written
    assert reward_verdict(PAIR, (1.0, 1.0)) == Preference(None)
    assert preference_logprobs((1.0, 1.0)) == {"A": pytest.approx(np.log(0.5)), "B": pytest.approx(np.log(0.5))}


@given(REWARDS, st.lists(REWARDS, min_size=2, max_size=4))
def test_scores_are_raw_and_on_no_scale(reward: float, several: list[float]) -> None:
    one = reward_protocol("score")
    assert one.judge(item(1), "A", state_rewards(one, "A", [reward])).verdict == Score(reward)
    many, order = reward_protocol("score", has_several_scores=True), "ABCD"[: len(several)]
    assert many.judge(item(len(several)), order, state_rewards(many, order, several)).verdict == Scores(several)
    # A benchmark's own protocol has a scale, which holds for scores that were said, and not for rewards.
    scaled = get_protocol("llava_critic_score")
    assert scaled.judge(item(1), "A", state_verdict(Score(reward), rewards=[reward])).verdict == Score(reward)


@given(st.lists(REWARDS, min_size=2, max_size=2))
def test_a_judgment_with_rewards_is_logged_and_read_back(rewards: list[float]) -> None:
    judgment = PAIR.judge(item(2), "BA", state_rewards(PAIR, "BA", rewards))
    assert Judgment.from_record(judgment.to_record()) == judgment
    assert logged_judgment(judgment.to_record(), "preference") == judgment


@pytest.mark.parametrize("rewards", [["1", "2"], [True, 2.0], [float("inf"), 1.0], [float("nan"), 1.0], 3, "12"])
def test_hostile_rewards_in_a_file_are_refused(rewards: Any) -> None:
    record = PAIR.judge(item(2), "AB", state_rewards(PAIR, "AB", (1.0, 2.0))).to_record()
    with pytest.raises(ArgumentError):
        logged_judgment({**record, "rewards": rewards})


def test_every_kind_of_verdict_has_its_protocol_and_text_is_none_of_them() -> None:
    for protocol in REWARD_PROTOCOLS:
        assert get_protocol(protocol.name) is protocol
        assert protocol.scale is None
        n = protocol.n_responses[0]
        assert not protocol.parse("The first response is better. Score: 7", n).verdict.is_valid
    hashes = {protocol.prompt_hash for protocol in REWARD_PROTOCOLS}
    assert len(hashes) == 1  # the head is shown the same, whatever is made of its rewards


def test_rows_with_a_whole_prompt_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"bring a whole prompt .*\(given_pair\).*can't judge them"):
        check_shows_responses(get_protocol("given_pair"))
    for name in ("llava_critic_pair", "prometheus_vision"):
        check_shows_responses(get_protocol(name))


def test_one_reward_is_in_every_pair_of_its_response() -> None:
    rewards = dict(zip("abcd", (0.5, -1.0, 2.0, 0.25), strict=True))
    wins = {
        (first, second): reward_verdict(PAIR, (rewards[first], rewards[second])).value
        for first, second in itertools.permutations(rewards, 2)
    }
    # Verdicts of one reward each are transitive, and turn with the pair.
    assert all(wins[first, second] == 1 - int(wins[second, first]) for first, second in wins)  # type: ignore[arg-type]
    won = {name: sum(wins[name, other] == 0 for other in rewards if other != name) for name in rewards}
    assert sorted(rewards, key=won.__getitem__) == ["b", "d", "a", "c"]
