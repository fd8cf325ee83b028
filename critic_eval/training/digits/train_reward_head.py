"""Train a reward head on the embedded critic: `python -m critic_eval.training.digits.train_reward_head --out FOLDER`.

The loss is Bradley and Terry's: of two responses to one question about one image, the one with more true statements is
to have the larger reward. The head is linear, on the last token of the dialogue; the critic's own weights go on
learning with it, unless `--frozen`, which shows what the head can read off the critic as it is.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from critic_eval.benchmarks.digits.facts import Row, ask, draw_scene, draw_swapped_scene
from critic_eval.benchmarks.digits.glyphs import Split
from critic_eval.benchmarks.digits.statements import word_response
from critic_eval.critics.checkpoints import LinearHead, load_checkpoint, save_llava_next
from critic_eval.critics.checkpoints.heads import save_head
from critic_eval.critics.embedded import CRITIC_FOLDER
from critic_eval.errors import CriticEvalError
from critic_eval.training.digits.batches import Batcher
from critic_eval.training.digits.model import build_model, hidden_states, n_image_tokens
from critic_eval.training.digits.train import Log, mixed_precision, plain_arguments, set_rate

RESPONSES = 4
"""To each question; every two of them with unequally many true statements are a pair."""


@dataclass(frozen=True)
class Answered:
    """A question about a row of digits, its responses, and how many statements of each are true."""

    question: str
    row: Row
    responses: tuple[str, ...]
    n_true: tuple[int, ...]


def draw_answered(rng: np.random.Generator, swapped: float = 0.25) -> Answered:
    """A question with `RESPONSES` responses that are not all equally right.

    Those of one statement come most often: one misread digit decides them. In a share `swapped` of the questions false
    statements speak of digits of the same image in other places.
    """
    n = int(rng.choice((1, 1, 1, 2, 3)))
    scene = draw_swapped_scene(n, rng) if rng.random() < swapped else draw_scene(n, rng)
    while True:
        truths = rng.integers(0, 2, (RESPONSES, len(scene.facts))).astype(bool)
        if len(set(truths.sum(1))) > 1:
            break
    responses = tuple(word_response(scene, tuple(map(bool, truth)), rng)[0] for truth in truths)
    return Answered(ask(scene, rng), scene.shown, responses, tuple(int(count) for count in truths.sum(1)))


def bradley_terry(rewards: Tensor, n_true: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of rewards, and which of the pairs they get right.

    Args:
        rewards: of each question's responses, (questions, responses).
        n_true: how many of each response's statements are true, of the same shape.

    Returns:
        The mean of -log sigmoid(better - worse) over all pairs of a question that are not equally right, and for each
        of these whether the better one has the larger reward.
    """
    is_pair = n_true[:, :, None] > n_true[:, None, :]
    margins = (rewards[:, :, None] - rewards[:, None, :])[is_pair]
    return softplus(-margins).mean(), margins > 0


class Rewarder(nn.Module):
    """The critic with a linear head on the last token of user(image, question), assistant(response)."""

    def __init__(self, model: Any, is_frozen: bool) -> None:
        super().__init__()
        self.model, self.is_frozen = model, is_frozen
        self.head = nn.Linear(model.config.text_config.hidden_size, 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batcher: Batcher, answered: Sequence[Answered], rng: np.random.Generator) -> Tensor:
        """Rewards, (questions, responses)."""
        rows = [dialogue_tokens(batcher, item, response) for item in answered for response in item.responses]
        lengths = torch.tensor([len(ids) for ids in rows])
        ids = torch.full((len(rows), int(lengths.max())), batcher.tokenizer.pad_token_id)
        for row, given in enumerate(rows):
            ids[row, : len(given)] = torch.as_tensor(given)
        mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long().to(batcher.device)
        images = batcher.images([item.row for item in answered], rng)
        tiles = [image for image, item in zip(images, answered, strict=True) for _ in item.responses]
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen), mixed_precision(batcher.device):
            hidden = hidden_states(self.model, ids.to(batcher.device), mask, tiles)
        last = hidden[torch.arange(len(rows)), lengths - 1].float()
        rewards: Tensor = self.head(last).view(len(answered), -1)
        return rewards


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and write the critic with its head and a log."""
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng, log = np.random.default_rng(args.seed), Log()
    loaded = load_checkpoint(CRITIC_FOLDER)
    config = json.loads((CRITIC_FOLDER / "config.json").read_text())
    model = build_model(config)
    model.load_state_dict(loaded.model.state_dict())
    rewarder = Rewarder(model, args.frozen).to(args.device)
    tokenizer, image_token_id = loaded.encoder.tokenizer, model.config.image_token_id

    def batcher(split: Split) -> Batcher:
        return Batcher(tokenizer, split, image_token_id, args.device)

    train(rewarder, batcher("train"), batcher("validation"), args, rng, log)
    args.out.mkdir(parents=True, exist_ok=True)
    save_llava_next(rewarder.model.half(), config, args.out)
    save_head(LinearHead(rewarder.head.weight[0], rewarder.head.bias.item(), "trained"), args.out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (args.out / name).write_bytes((CRITIC_FOLDER / name).read_bytes())
    record = {"arguments": plain_arguments(args), "log": log.lines}
    (args.out / "training_log.json").write_text(json.dumps(record, indent=1))
    log(f"wrote {args.out}")
    return 0


def train(
    rewarder: Rewarder,
    training: Batcher,
    held_out: Batcher,
    args: argparse.Namespace,
    rng: np.random.Generator,
    log: Log,
) -> None:
    """Take `args.steps` steps; the tower, which knows its digits, learns at a fifth of the rate."""
    tower = {id(parameter) for parameter in rewarder.model.model.vision_tower.parameters()}
    learned = list(rewarder.head.parameters() if args.frozen else rewarder.parameters())
    groups = [
        {"params": [parameter for parameter in learned if id(parameter) not in tower], "share": 1.0},
        {"params": [parameter for parameter in learned if id(parameter) in tower], "share": 0.2},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.05)
    losses, rights = [], []
    for step in range(args.steps):
        set_rate(optimizer, args.learning_rate, step, args.steps)
        answered = [draw_answered(rng) for _ in range(args.questions)]
        loss, is_right = bradley_terry(rewarder(training, answered, rng), _n_true(answered, training.device))
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        rights.append(is_right.float().mean().item())
        if (step + 1) % 100 == 0 or step + 1 == args.steps:
            right = pair_accuracy(rewarder, held_out)
            recent = f"loss {np.mean(losses[-100:]):.3f}, pairs right {np.mean(rights[-100:]):.3f}"
            log(f"step {step + 1} of {args.steps}: {recent}; held out: {right:.3f}")


@torch.no_grad()
def pair_accuracy(rewarder: Rewarder, held_out: Batcher, n: int = 256) -> float:
    """Share of held-out pairs in which the better response has the larger reward; none of them is swapped."""
    rng = np.random.default_rng(0)
    rights = []
    for _ in range(n // 32):
        answered = [draw_answered(rng, swapped=0.0) for _ in range(32)]
        rights.append(bradley_terry(rewarder(held_out, answered, rng), _n_true(answered, held_out.device))[1])
    return torch.cat(rights).float().mean().item()


def _n_true(answered: Sequence[Answered], device: str) -> Tensor:
    return torch.tensor([item.n_true for item in answered], device=device)


def dialogue_tokens(batcher: Batcher, answered: Answered, response: str) -> list[int]:
    """A whole dialogue as the format `qwen_1_5` ends it."""
    image = [batcher.image_token_id] * n_image_tokens(len(answered.row))
    question, said = (batcher.tokenizer(text)["input_ids"] for text in (f"\n{answered.question}", response))
    return [
        *batcher.before,
        *image,
        *question,
        *batcher.after,
        *said,
        batcher.end,
        *batcher.tokenizer("\n")["input_ids"],
    ]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the critic and its head")
    parser.add_argument("--frozen", action="store_true", help="learn the head alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--questions", type=int, default=24, help=f"of a step, with {RESPONSES} responses each")
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    return parser.parse_args(argv)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CriticEvalError as error:
        sys.exit(f"error: {error}")
