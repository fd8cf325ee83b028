"""Train the digits critic from nothing: `python -m critic_eval.training.digits.train --out FOLDER`.

As LLaVA-Critic was, it is made in stages, each with plain cross-entropy. The vision tower first learns what digits
look like (SigLIP came pretrained); then the whole model learns to read and answer, and then to judge.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from critic_eval.critics.checkpoints import save_llava_next
from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.training.digits.batches import Batcher
from critic_eval.training.digits.dialogues import (
    Dialogue,
    Mixture,
    judge_pair,
    judge_rank,
    judge_score,
    mark,
    read,
    read_aloud,
)
from critic_eval.training.digits.model import answer_loss, build_model, labeled_logits, original_config, see
from critic_eval.training.digits.tokenizer import train_tokenizer

Draw = Callable[[np.random.Generator], Dialogue]
Parts = list[tuple[Draw, int]]
"""What a step learns from: kinds of dialogue, and how many of each."""


@dataclass(frozen=True)
class Stage:
    """A run of optimizer steps; `parts` gives a step's dialogues at a progress from 0 to 1."""

    name: str
    steps: int
    learning_rate: float
    parts: Callable[[float], Parts]


def reading_stage(steps: int) -> Stage:
    """Read and answer, and mark statements as right or wrong."""
    return Stage("read", steps, 1e-3, lambda progress: [(read, 24), (mark, 72)])


def judging_stage(steps: int) -> Stage:
    """Judge, with help that is withdrawn: digits given as text, and the reason before the verdict."""

    def parts(progress: float) -> Parts:
        mixture = Mixture(given=0.1 * (1 - progress), reason_first=0.15, marked=0.4 * (1 - progress))
        return [
            (read, 8),
            (mark, 32),
            (partial(judge_pair, mixture=mixture), 24),
            (partial(judge_score, mixture=mixture), 12),
            (partial(judge_rank, mixture=mixture), 12),
        ]

    return Stage("judge", steps, 8e-4, parts)


def refining_stage(steps: int) -> Stage:
    """Judge without help, pairs of single statements above all: one misread or misplaced digit decides them."""
    pairs = partial(judge_pair, mixture=Mixture(swapped=0.25), lengths=(1, 1, 1, 2, 3))
    # Parts weigh the same, whatever their size.
    parts: Parts = [(read, 8), (partial(mark, swapped=0.25), 24), *[(pairs, 16)] * 3, (judge_score, 8), (judge_rank, 8)]
    return Stage("refine", steps, 4e-4, lambda progress: parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and write the critic with a log of its training."""
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    log = Log()
    tokenizer = _tokenizer(rng)
    config = original_config(len(tokenizer), tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_start|>"))
    model = build_model(config).to(args.device)
    log(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters on {args.device}")
    make = partial(Batcher, tokenizer, image_token_id=model.config.image_token_id, device=args.device)
    training, held_out = make("train"), make("validation")
    args.out.mkdir(parents=True, exist_ok=True)
    state = _State(args.out / "unfinished.pt", plain_arguments(args), model, rng, log)
    if state.stage == "":
        train_tower(model, training, held_out, args.tower_steps, rng, log)
    stages = [
        reading_stage(args.reading_steps),
        judging_stage(args.judging_steps),
        refining_stage(args.refining_steps),
    ]
    for stage in stages:
        if state.stage in ("", stage.name):
            train_stage(model, stage, training, held_out, rng, log, state)
    save_llava_next(model.half(), config, args.out)
    tokenizer.save_pretrained(args.out)
    (args.out / "training_log.json").write_text(
        json.dumps({"arguments": plain_arguments(args), "log": log.lines}, indent=1)
    )
    state.file.unlink(missing_ok=True)
    log(f"wrote {args.out}")
    return 0


def train_tower(
    model: Any, training: Batcher, held_out: Batcher, steps: int, rng: np.random.Generator, log: "Log"
) -> None:
    """Teach every patch of a digit's tile which digit it is part of."""
    head = nn.Linear(model.config.vision_config.hidden_size, 10).to(training.device)
    optimizer = torch.optim.AdamW([*model.model.vision_tower.parameters(), *head.parameters()], weight_decay=0.1)
    for step in range(steps):
        set_rate(optimizer, 2e-3, step, steps)
        images, values = training.cells(192, rng)
        with mixed_precision(training.device):
            logits = head(see(model, images))
        loss = cross_entropy(logits.float().flatten(0, 1), values.repeat_interleave(logits.shape[1]))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 200 == 0 or step + 1 == steps:
            with torch.no_grad():
                images, values = held_out.cells(1000, rng)
                accuracy = (head(see(model, images)).mean(1).argmax(-1) == values).float().mean().item()
            log(f"tower step {step + 1} of {steps}: loss {loss.item():.3f}, held-out accuracy {accuracy:.4f}")


def train_stage(
    model: Any,
    stage: Stage,
    training: Batcher,
    held_out: Batcher,
    rng: np.random.Generator,
    log: "Log",
    state: "_State",
) -> None:
    """Run one stage; the tower, which knows its digits already, learns at a fifth of the rate."""
    tower = list(model.model.vision_tower.parameters())
    in_tower = {id(parameter) for parameter in tower}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in in_tower]
    groups = [{"params": rest, "share": 1.0}, {"params": tower, "share": 0.2}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.05)
    for step in range(state.resume(stage.name, optimizer), stage.steps):
        set_rate(optimizer, stage.learning_rate, step, stage.steps)
        parts = stage.parts(step / stage.steps)
        losses = []
        for draw, n in parts:
            batch = training.batch([draw(rng) for _ in range(n)], rng)
            with mixed_precision(training.device):
                loss = answer_loss(model, batch)
            (loss / len(parts)).backward()
            losses.append(loss.item())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 200 == 0 or step + 1 == stage.steps:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in first_line_accuracy(model, held_out).items())
            log(f"{stage.name} step {step + 1} of {stage.steps}: loss {np.mean(losses):.3f}; held out: {figures}")
            state.save(stage.name, step + 1, optimizer)
    state.stage = ""


@torch.no_grad()
def first_line_accuracy(model: Any, held_out: Batcher, n: int = 128) -> dict[str, float]:
    """Share of held-out dialogues whose answer's first line, the verdict, is predicted token by token."""
    kinds: dict[str, Draw] = {
        "read": read_aloud,
        "pair": judge_pair,
        "score": judge_score,
        "rank": judge_rank,
    }
    figures = {}
    for name, draw in kinds.items():
        rng = np.random.default_rng(0)
        dialogues = [Dialogue(d.user, d.answer.split("\n")[0], d.row) for d in (draw(rng) for _ in range(n))]
        correct = []
        for start in range(0, n, 64):
            part = dialogues[start : start + 64]
            batch = held_out.batch(part, rng)
            with mixed_precision(held_out.device):
                logits, labels = labeled_logits(model, batch)
            lengths = (batch.labels[:, 1:] >= 0).sum(1).tolist()
            # The last label ends the answer, which here is cut after its first line.
            hits = torch.split(logits.argmax(-1) == labels, lengths)
            correct += [bool(hit[:-1].all()) for hit in hits]
        figures[name] = float(np.mean(correct))
    return figures


class Log:
    """Prints each line with the seconds since the start, and keeps it."""

    def __init__(self) -> None:
        self.start, self.lines = time.perf_counter(), list[str]()

    def __call__(self, line: str) -> None:
        """Print a line, and keep it."""
        self.lines.append(f"[{time.perf_counter() - self.start:6.0f} s] {line}")
        print(self.lines[-1], flush=True)


class _State:
    """Where an interrupted training stood, so that the same command goes on from there."""

    def __init__(self, file: Path, arguments: dict[str, Any], model: Any, rng: np.random.Generator, log: Log) -> None:
        self.file, self.arguments, self.model, self.rng, self.log = file, arguments, model, rng, log
        self.stage, self.step, self._optimizer = "", 0, None
        if not file.exists():
            return
        saved = torch.load(file, weights_only=True)
        if json.loads(saved["arguments"]) != arguments:
            raise ArgumentError(f"{file} is of a training with other arguments; repeat those, or remove the file.")
        model.load_state_dict(saved["model"])
        rng.bit_generator.state = json.loads(saved["rng"])
        log.lines, log.start = saved["log"], log.start - saved["seconds"]
        self.stage, self.step, self._optimizer = saved["stage"], saved["step"], saved["optimizer"]
        log(f"going on with stage {self.stage} after step {self.step}")

    def resume(self, stage: str, optimizer: torch.optim.Optimizer) -> int:
        """The step at which a stage starts; restores the optimizer of one that was interrupted."""
        if self.stage != stage or self._optimizer is None:
            return 0
        optimizer.load_state_dict(self._optimizer)
        return self.step

    def save(self, stage: str, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Write the state, whole or not at all."""
        unfinished = self.file.with_suffix(".tmp")
        content = {
            "arguments": json.dumps(self.arguments),
            "model": self.model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "rng": json.dumps(self.rng.bit_generator.state),
            "stage": stage,
            "step": step,
            "log": self.log.lines,
            "seconds": time.perf_counter() - self.log.start,
        }
        torch.save(content, unfinished)
        unfinished.replace(self.file)


def _tokenizer(rng: np.random.Generator) -> Any:
    kinds: list[Draw] = [read, read_aloud, mark, judge_pair, judge_score, judge_rank]
    drawn = [draw(rng) for _ in range(2000) for draw in kinds]
    drawn += [judge_pair(rng, Mixture(1.0, 1.0, 1.0)) for _ in range(2000)]
    frame = ["system\nYou are a helpful assistant.", "user\n", "assistant\n"] * 2000
    return train_tokenizer([*frame, *(text for dialogue in drawn for text in (dialogue.user, dialogue.answer))], 700)


def set_rate(optimizer: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """Warm up over 100 steps, then fall along a cosine to a twentieth."""
    shape = min(1.0, (step + 1) / 100) * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * step / steps)))
    for group in optimizer.param_groups:
        group["lr"] = group.get("share", 1.0) * rate * shape


def mixed_precision(device: str) -> torch.autocast:
    """Forward passes in bfloat16, where that is exact enough."""
    return torch.autocast(device.split(":")[0], torch.bfloat16)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the critic, in LLaVA-NeXT's own format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--tower-steps", type=int, default=900, help="steps of 192 digits")
    parser.add_argument("--reading-steps", type=int, default=500, help="steps of 96 dialogues")
    parser.add_argument("--judging-steps", type=int, default=1800, help="steps of 88 dialogues")
    parser.add_argument("--refining-steps", type=int, default=900, help="steps of 96 dialogues")
    return parser.parse_args(argv)


def plain_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a training, for its log; where it was written is not one that matters."""
    return {
        name: value if isinstance(value, int) else str(value) for name, value in vars(args).items() if name != "out"
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CriticEvalError as error:
        sys.exit(f"error: {error}")
