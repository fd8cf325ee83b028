"""Training sees what the critic will see, and can be interrupted."""

import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.critics.checkpoints import load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.errors import ArgumentError
from critic_eval.training.digits import train
from critic_eval.training.digits.augment import cut_tiles
from critic_eval.training.digits.batches import Batcher
from critic_eval.training.digits.dialogues import Mixture, judge_pair, judge_rank, judge_score, mark, read
from critic_eval.training.digits.model import IGNORED, Batch, labeled_logits
from tests.conftest import Once

STEPS = {"tower": 1, "reading": 1, "judging": 2, "refining": 1}
SHORT = ["--device", "cpu", "--threads", "1", *(f"--{stage}-steps={n}" for stage, n in STEPS.items())]


def train_with_an_interruption(folder: Path) -> dict[str, str]:
    """Train next to nothing, interrupted after the first step of reading; the folders of then and of the end."""
    interrupted, trained = folder / "interrupted", folder / "trained"
    save, make_tokenizer = train._State.save, train._tokenizer
    tokenizers: list[Any] = []

    def tokenizer_made_once(rng: np.random.Generator) -> Any:
        if not tokenizers:
            tokenizers.append(make_tokenizer(rng))
        return tokenizers[0]

    def save_and_stop(self: Any, stage: str, step: int, optimizer: Any) -> None:
        save(self, stage, step, optimizer)
        raise KeyboardInterrupt

    n_threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_tokenizer", tokenizer_made_once)  # it takes long, and comes out the same
        patch.setattr(train, "first_line_accuracy", partial(train.first_line_accuracy, n=16))
        with pytest.MonkeyPatch.context() as stop:
            stop.setattr(train._State, "save", save_and_stop)
            with pytest.raises(KeyboardInterrupt):
                train.main(["--out", str(interrupted), *SHORT])
        shutil.copytree(interrupted, trained)
        assert train.main(["--out", str(trained), *SHORT]) == 0
    torch.set_num_threads(n_threads)
    return {"interrupted": str(interrupted), "trained": str(trained)}


@pytest.fixture(scope="module")
def folders(once: Once, session_folder: Path) -> dict[str, str]:
    made: dict[str, str] = once("training", lambda: train_with_an_interruption(session_folder / "training"))
    return made


@pytest.fixture(scope="module")
def trained(folders: dict[str, str]) -> Path:
    """A critic after next to no training, which went on after an interruption."""
    return Path(folders["trained"])


def test_an_interrupted_training_goes_on(trained: Path) -> None:
    lines = json.loads((trained / "training_log.json").read_text())["log"]
    assert sum("going on with stage read after step 1" in line for line in lines) == 1
    stages = [re.search(r"(tower|read|judge|refine) step (\d) of (\d)", line) for line in lines]
    done = [(stage[1], int(stage[2]), int(stage[3])) for stage in stages if stage is not None]
    assert done == [("tower", 1, 1), ("read", 1, 1), ("judge", 2, 2), ("refine", 1, 1)]


def test_an_interrupted_training_is_not_continued_with_other_arguments(
    folders: dict[str, str], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_checkpoint(trained).encoder.tokenizer
    monkeypatch.setattr(train, "_tokenizer", lambda rng: tokenizer)  # it takes long
    n_threads = torch.get_num_threads()
    with pytest.raises(ArgumentError, match="other arguments"):
        train.main(["--out", folders["interrupted"], *SHORT, "--seed", "5"])
    torch.set_num_threads(n_threads)


def test_what_is_written_loads_as_llava_next(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    assert checkpoint.identity["format"] == "llava_next"
    assert (trained / "training_log.json").is_file()
    assert not (trained / "unfinished.pt").exists()


@pytest.mark.parametrize("draw", [read, mark, judge_pair, judge_score, judge_rank])
def test_training_and_judging_tokenize_alike(draw: Any, trained: Path) -> None:
    encoder = load_checkpoint(trained).encoder
    rng = np.random.default_rng(1)
    batcher = Batcher(encoder.tokenizer, "train", image_token_id=-1)
    for _ in range(5):
        dialogue = draw(rng)
        batch = batcher.batch([dialogue], rng)
        answer = len(encoder.tokenizer(dialogue.answer)["input_ids"]) + 1
        image = Image.new("RGB", (32 * len(dialogue.row), 32))
        encoded = encoder.encode([Message("user", (image, dialogue.user))])
        prompt = batch.input_ids[0, :-answer]
        assert encoded.image_tokens == int((prompt == -1).sum())
        assert len(encoded.input_ids) == len(prompt)
        text = prompt != -1
        assert encoded.input_ids[text].tolist() == prompt[text].tolist()


def test_training_and_judging_see_alike(trained: Path) -> None:
    """Same image, same prompt: the trainer's logits are the loaded checkpoint's."""
    checkpoint = load_checkpoint(trained)
    item = next(item for item in generate_items("score") if len(item["digits"]) == 2)
    encoded = checkpoint.encoder.encode([Message("user", (item["image"], "Which digit is on the left?"))])
    with torch.no_grad():
        expected = checkpoint.model(**checkpoint.encoder.collate([encoded])).logits[0, -1]
        gray = torch.as_tensor(np.array(item["image"])[:, :, 0], dtype=torch.float32) / 127.5 - 1
        ids = torch.cat([encoded.input_ids, torch.tensor([0])])[None]
        labels = torch.full_like(ids, IGNORED)
        labels[0, -1] = 0
        batch = Batch(ids, labels, torch.ones_like(ids), [cut_tiles(gray)])
        logits, _ = labeled_logits(checkpoint.model, batch)
    # The squeezed whole is resized by PyTorch in training and by Pillow, to whole gray levels, in judging.
    assert torch.allclose(logits[0], expected, atol=2e-2)


def test_the_loss_is_taken_on_answers_true_values_and_marks(trained: Path) -> None:
    tokenizer = load_checkpoint(trained).encoder.tokenizer
    rng = np.random.default_rng(2)
    for _ in range(10):
        dialogue = judge_pair(rng, Mixture(marked=1.0))
        batch = Batcher(tokenizer, "train", image_token_id=0).batch([dialogue], rng)
        learned = tokenizer.decode(batch.labels[0][batch.labels[0] != IGNORED])
        spans = "".join(dialogue.user[start:end] for start, end in dialogue.learn)
        # A token brings the space before its word, which is no part of a span.
        assert learned.replace(" ", "") == f"{spans}{dialogue.answer}<|im_end|>".replace(" ", "")
