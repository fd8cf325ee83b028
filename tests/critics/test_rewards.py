"""Tasks judged by a critic with a reward head: each response is rated once, and its number is in every verdict."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lmms_eval.evaluator import simple_evaluate
from safetensors.torch import save_file

from critic_eval import Ranked, load_critic
from critic_eval.benchmarks.digits.generator import Kind, generate_items
from critic_eval.critics.checkpoints import LinearHead, load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.critics.embedded import CRITIC_FOLDER
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.server.engine import ServerEngine
from critic_eval.critics.generation import REWARD
from critic_eval.critics.journal import Journal
from critic_eval.errors import ArgumentError
from critic_eval.lmms.models.llava_critic import LlavaCritic
from tests.conftest import Command, task_index
from tests.critics.test_adapter import ask, with_image

N = 8
KINDS: tuple[Kind, ...] = ("pair", "score", "rank")


@pytest.fixture(scope="module")
def rating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded critic with a random head."""
    folder = shutil.copytree(CRITIC_FOLDER, tmp_path_factory.mktemp("heads") / "rating")
    weight = torch.randn(1, 128, generator=torch.Generator().manual_seed(1)) / 8
    save_file({"v_head.summary.weight": weight}, folder / "value_head.safetensors")
    return folder


@pytest.fixture(scope="module")
def plain_rewards(rating: Path) -> dict[Kind, list[list[float]]]:
    """Of the first items of each task, the reward of each response by a forward pass of its own."""
    loaded = load_checkpoint(rating)
    head, expected = loaded.head, dict[Kind, list[list[float]]]()
    assert isinstance(head, LinearHead)
    for kind in KINDS:
        expected[kind] = []
        for item in generate_items(kind)[:N]:
            values = []
            for response in item["responses"]:
                shown = Message("user", (item["image"], item["question"]))
                encoded = loaded.encoder.encode([shown, Message("assistant", (response,))], is_answered=True)
                with torch.no_grad():
                    output = loaded.model(input_ids=encoded.input_ids[None], **encoded.media, output_hidden_states=True)
                values.append(float(output.hidden_states[-1][0, -1] @ head.weight + head.bias))
            expected[kind].append(values)
    return expected


def evaluated(rating: Path, task: str, limit: int = N, **arguments: Any) -> list[dict[str, Any]]:
    """The judgments of a task, as they are logged."""
    given = {"pretrained": str(rating), "device": "cpu", **arguments}
    settings = ",".join(f"{name}={value}" for name, value in given.items())
    results = simple_evaluate("llava_critic", settings, tasks=[task], limit=limit, task_manager=task_index())
    return [sample["judgment"] for sample in results["samples"][task]]


def test_every_verdict_follows_from_the_rewards_of_plain_passes(
    rating: Path, plain_rewards: dict[Kind, list[list[float]]]
) -> None:
    for judgment in evaluated(rating, "critic_digits_pair", 2 * N):
        expected = plain_rewards["pair"][int(judgment["item_id"][-4:])]
        assert judgment["rewards"] == pytest.approx(expected, abs=1e-5)
        assert judgment["verdict"]["value"] == int(expected[1] > expected[0])
        assert judgment["logprobs"]["B"] == pytest.approx(
            float(torch.nn.functional.logsigmoid(torch.tensor(expected[1] - expected[0]))), abs=1e-4
        )
        assert (judgment["protocol"], judgment["read_as"]) == ("reward_pair", "stated")
    for judgment, expected in zip(evaluated(rating, "critic_digits_score"), plain_rewards["score"], strict=True):
        assert judgment["verdict"] == {"kind": "score", "value": pytest.approx(expected[0], abs=1e-5)}
    for judgment, expected in zip(evaluated(rating, "critic_digits_rank"), plain_rewards["rank"], strict=True):
        best_first = sorted(range(4), key=lambda index: -expected[index])
        assert judgment["verdict"] == {"kind": "ranking", "value": best_first}


def test_a_response_is_rated_once_however_many_pairs_it_is_in_and_runs_it_is_met_in(
    rating: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal.sqlite"
    first = evaluated(rating, "critic_digits_pair", 2 * N, journal=file)
    kept = Journal(file)
    responses = {(item["id"], text) for item in generate_items("pair")[:N] for text in item["responses"]}
    assert len(kept) == len(responses) == 2 * N  # though each pair was shown in both orders
    kept.close()

    def refuse(*_: Any) -> Any:
        raise AssertionError("computed again")

    monkeypatch.setattr(LocalEngine, "_compute", refuse)
    again = evaluated(rating, "critic_digits_pair", 2 * N, journal=file)
    assert [judgment["rewards"] for judgment in again] == [judgment["rewards"] for judgment in first]


@pytest.mark.parametrize("policy", ["shuffled", "tiles_2"])
def test_rewards_depend_on_the_image_that_is_shown(
    policy: str, rating: Path, plain_rewards: dict[Kind, list[list[float]]]
) -> None:
    changed = evaluated(rating, "critic_digits_score", image_policy=policy)
    as_is = [values[0] for values in plain_rewards["score"]]
    assert sum(abs(one["rewards"][0] - known) > 1e-3 for one, known in zip(changed, as_is, strict=True)) >= N // 2


def test_what_does_not_fit_in_memory_is_rated_in_parts(
    rating: Path, plain_rewards: dict[Kind, list[list[float]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LinearHead.rewards

    def small_only(self: LinearHead, hidden: torch.Tensor) -> list[float]:
        if len(hidden) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, hidden)

    monkeypatch.setattr(LinearHead, "rewards", small_only)
    item = generate_items("rank")[0]
    shown = Message("user", (item["image"], item["question"]))
    requests = [
        Request(number, [shown, Message("assistant", (response,))]) for number, response in enumerate(item["responses"])
    ]
    batches = LocalEngine(load_checkpoint(rating)).answer([Group(REWARD, tuple(requests))])
    stated = {number: answer.stated for batch in batches for number, answer in batch}
    expected = dict(enumerate(plain_rewards["rank"][0]))
    assert {number: (found or {})["reward"] for number, found in stated.items()} == pytest.approx(expected, abs=1e-5)


def test_a_reward_that_is_no_number_is_an_invalid_verdict(rating: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearHead, "rewards", lambda self, hidden: [float("nan")] * len(hidden))
    (judgment,) = evaluated(rating, "critic_digits_pair", 1)
    assert judgment["verdict"] == {"kind": "invalid", "reason": "the reward is not a finite number; try dtype=bfloat16"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verdict_only": True}, "verdict_only is about text, of which rating gives none"),
        ({"reasons": False}, "reasons=False is about text"),
        ({"protocol": "verdict_last"}, "protocol is about text"),
    ],
)
def test_arguments_about_text_are_refused_with_the_reason(
    arguments: dict[str, Any], message: str, rating: Path
) -> None:
    with pytest.raises(ArgumentError, match=message):
        LlavaCritic(pretrained=str(rating), device="cpu", **arguments)


def test_the_reward_protocol_is_not_for_critics_that_write() -> None:
    with pytest.raises(ArgumentError, match="protocol=reward is how reward heads are asked"):
        LlavaCritic(pretrained="digits", device="cpu", protocol="reward")
    with load_critic("digits") as critic, pytest.raises(ArgumentError, match="this critic has none"):
        critic.score(None, "Which?", "A seven.", protocol="reward")


def test_tasks_that_show_no_responses_are_refused_in_one_sentence(rating: Path) -> None:
    with pytest.raises(ArgumentError, match="task is not a task of critic-eval"):
        ask(LlavaCritic(pretrained=str(rating), device="cpu"), generate_items("score")[:2], with_image)


def test_a_server_is_asked_for_text_alone() -> None:
    engine = ServerEngine(["http://127.0.0.1:1/v1"], "model")
    shown = [Message("user", ("Which?",)), Message("assistant", ("A seven.",))]
    with pytest.raises(ArgumentError, match="Rewards need a local engine"):
        list(engine.answer([Group(REWARD, (Request(0, shown),))]))
    engine.close()


def test_a_plan_is_told_without_weights(rating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluated(rating, "critic_digits_pair", 4, dry_run=True)
    assert "distinct, to compute" in capsys.readouterr().out


def test_logged_rewards_are_rescored_calibrated_and_shown(
    rating: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    from critic_eval.cli.command import main
    from critic_eval.reports.viewer.samples import Codes, read_samples

    run = tmp_path / "run"
    arguments = ["--model", "llava_critic", "--model_args", f"pretrained={rating},device=cpu"]
    arguments += ["--tasks", "critic_digits_pair,critic_digits_score", "--limit", "24"]
    assert command(*arguments, "--output_path", str(run), "--log_samples") == 0
    (file,) = run.rglob("*results.json")
    section = json.loads(file.read_text())["critic_eval"]
    settings = section["critic_digits_pair"]["settings"]
    assert settings["answers"] == "rewards"
    assert settings["protocol"] == "reward_pair"
    assert settings["head"] == "value_head.safetensors: v_head.summary.weight"
    capsys.readouterr()
    for task in ("critic_digits_pair", "critic_digits_score"):
        assert main(["rescore", str(run), "--task", task, "--json", "--bootstrap", "0"]) == 0
        again = {figure["name"]: figure["value"] for figure in json.loads(capsys.readouterr().out)["figures"]}
        assert again == {figure["name"]: figure["value"] for figure in section[task]["figures"]}
    assert main(["rescore", str(run), "--task", "critic_digits_score", "--calibrate", "0.5", "--bootstrap", "0"]) == 0
    assert "calibrated:isotonic on 50 % of items, seed 0" in capsys.readouterr().out
    (samples,) = run.rglob("*samples_critic_digits_pair.jsonl")
    assert len(read_samples(samples, Codes()).item) == 24
    assert main(["leaderboard", str(run), "--out", str(tmp_path / "board")]) == 0
    (scores,) = run.rglob("*samples_critic_digits_score.jsonl")
    recorded = {"model": "recorded_judge", "model_args": f"path={scores}", "limit": 24, "task_manager": task_index()}
    replayed = simple_evaluate(tasks=["critic_digits_score"], **recorded)["results"]["critic_digits_score"]
    figures = {figure["name"]: figure["value"] for figure in section["critic_digits_score"]["figures"]}
    assert replayed["pearson,none"] == pytest.approx(figures["pearson"])
    assert replayed["invalid_rate,none"] == 0.0  # raw rewards are out of no scale


def test_from_python_the_same_numbers_come(rating: Path, plain_rewards: dict[Kind, list[list[float]]]) -> None:
    pair, ranked = generate_items("pair")[0], generate_items("rank")[0]
    with load_critic(rating, device="cpu") as critic:
        compared = critic.compare(pair["image"], pair["question"], *pair["responses"])
        scored = critic.score(pair["image"], pair["question"], pair["responses"][0])
        together = critic.judge([ranked], progress=False)[0]
        with pytest.raises(ArgumentError, match="probabilities is about text"):
            critic.score(pair["image"], pair["question"], "A seven.", probabilities=True)
        with pytest.raises(ArgumentError, match="protocol is about text"):
            critic.score(pair["image"], pair["question"], "A seven.", protocol="verdict_last")
    first, second = plain_rewards["pair"][0]
    assert f"rewards {first:.4g} and {second:.4g}" in repr(compared)
    assert f"rewards {first:.4g} and {second:.4g}" in compared._repr_html_()
    assert compared.rewards == pytest.approx((first, second), abs=1e-5)
    assert compared.better == ("a" if first > second else "b")
    share = float(torch.sigmoid(torch.tensor(first - second)))
    assert compared.probabilities == pytest.approx({"a": share, "b": 1 - share}, abs=1e-4)
    assert scored.value == pytest.approx(first, abs=1e-5)
    assert (scored.scale, scored.text) == (None, "")
    expected = plain_rewards["rank"][0]
    assert isinstance(together, Ranked)
    assert together.best_first == tuple(sorted(range(4), key=lambda index: -expected[index]))
    assert together.to_record()["rewards"] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ArgumentError, match="protocol is about text"):
        load_critic(rating, device="cpu", protocol="verdict_last")
