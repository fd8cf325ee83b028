"""The embedded critic's reward head holds what its card says, looks at the image, and is trained as its card says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from critic_eval.critics.checkpoints import LinearHead, load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.critics.embedded import REWARD_FOLDER, resolve_pretrained
from critic_eval.critics.engines.local.rating import rate_plainly
from critic_eval.training.digits import train_reward_head as training
from critic_eval.training.digits.batches import Batcher
from tests.conftest import task_index


def evaluate(limit: int | None, policy: str = "as_is") -> dict[str, float]:
    from lmms_eval.evaluator import simple_evaluate

    settings = f"pretrained=digits_reward,device=cpu,image_policy={policy}"
    run = {"model": "llava_critic", "model_args": settings, "tasks": ["critic_digits_pair"], "limit": limit}
    results: dict[str, Any] = simple_evaluate(**run, log_samples=False, task_manager=task_index())["results"]
    return {name.split(",")[0]: value for name, value in results["critic_digits_pair"].items()}


def test_it_tells_the_better_response_on_held_out_images() -> None:
    figures = evaluate(100)
    assert figures["accuracy_without_tie"] >= 0.85
    assert figures["order_consistency"] == 1.0
    assert figures["invalid_rate"] == 0.0


@pytest.mark.slow
def test_it_reaches_its_figure_on_all_items() -> None:
    assert evaluate(None)["accuracy_without_tie"] >= 0.93


@pytest.mark.slow
def test_it_falls_to_chance_when_images_are_shuffled() -> None:
    assert 0.44 <= evaluate(None, "shuffled")["accuracy_without_tie"] <= 0.56


def test_what_is_shipped_is_small() -> None:
    assert resolve_pretrained("digits_reward") == str(REWARD_FOLDER)
    assert sum(file.stat().st_size for file in REWARD_FOLDER.iterdir()) < 4_000_000


def test_the_loss_is_that_of_bradley_and_terry() -> None:
    rewards = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.0, 1.0]])
    loss, is_right = training.bradley_terry(rewards, torch.tensor([[1, 0, 0], [2, 2, 1]]))
    margins = torch.tensor([1.5, -1.5, -1.0, -1.0])  # of pairs whose responses are not equally right
    assert loss.item() == pytest.approx(-torch.nn.functional.logsigmoid(margins).mean().item(), abs=1e-6)
    assert is_right.tolist() == [True, False, False, False]


def test_responses_of_a_question_are_true_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        answered = training.draw_answered(rng)
        assert len(answered.responses) == len(answered.n_true) == training.RESPONSES
        assert len(set(answered.n_true)) > 1


def test_training_sees_what_the_engine_will_see_and_writes_what_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "pair_accuracy", lambda *_: 0.0)
    n_threads = torch.get_num_threads()
    out = tmp_path / "head"
    assert training.main(["--out", str(out), "--steps", "1", "--questions", "2", "--device", "cpu"]) == 0
    torch.set_num_threads(n_threads)
    loaded = load_checkpoint(out)
    assert isinstance(loaded.head, LinearHead)
    conversation = [Message("user", ("Which digit is shown?",)), Message("assistant", ("It is a 7.",))]
    prompt = loaded.encoder.encode(conversation, is_answered=True)
    (answer,) = rate_plainly(loaded, [prompt])
    assert answer.stated is not None
    # The dialogue's tokens, but for the image's.
    batcher = Batcher(loaded.encoder.tokenizer, "train", image_token_id=-1)
    answered = training.Answered("Which digit is shown?", (7,), ("It is a 7.",), (1,))
    ids = [token for token in training.dialogue_tokens(batcher, answered, "It is a 7.") if token != -1]
    newline = loaded.encoder.tokenizer("\n").input_ids  # stands between an image and the question
    assert ids[: len(batcher.before)] == prompt.input_ids[: len(batcher.before)].tolist()
    assert ids[len(batcher.before) + len(newline) :] == prompt.input_ids[len(batcher.before) :].tolist()
