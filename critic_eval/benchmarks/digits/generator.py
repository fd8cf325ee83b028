"""Items of `critic_digits`: images of handwritten digits, questions, and responses that are true in known parts.

The generator is seeded and versioned: a version's items never change. All images come from the test split.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from critic_eval.benchmarks.digits.facts import ask, draw_scene
from critic_eval.benchmarks.digits.glyphs import choose_glyphs, compose
from critic_eval.benchmarks.digits.statements import Truth, draw_pair, draw_ranked, draw_single, score_of, word_response

VERSION = 2
SEED = 113

Kind = Literal["pair", "score", "rank"]
N_ITEMS: dict[Kind, int] = {"pair": 600, "score": 600, "rank": 500}


def generate_items(kind: Kind) -> list[dict[str, Any]]:
    """All items of one task.

    Columns: `id`; `image` (PIL, RGB); `question`; `responses` (texts); `label`: the letter of the better response or
    `tie` for `pair`, the score 0 to 100 for `score`, the letters from best to worst for `rank`; `digits`, what the
    image shows; `truth`, for each response which of its statements are true, in the order of `facts`.
    """
    draw, label, n_facts = _KINDS[kind]
    rng = np.random.default_rng([SEED, VERSION, get_args(Kind).index(kind)])
    items = []
    for number in range(N_ITEMS[kind]):
        scene = draw_scene(n_facts or int(rng.integers(1, 4)), rng)
        truths = draw(len(scene.facts), rng)
        items.append(
            {
                "id": f"{kind}-{number:04d}",
                "image": compose(choose_glyphs(scene.shown, "test", rng), "test", rng),
                "question": ask(scene, rng),
                "responses": [word_response(scene, truth, rng)[0] for truth in truths],
                "label": label(truths),
                "digits": list(scene.shown),
                "facts": list(scene.facts),
                "truth": [list(truth) for truth in truths],
            }
        )
    return items


def write_dataset(kind: Kind, folder: Path) -> None:
    """Write the items of one task as a `datasets` dictionary with the split `test`."""
    from datasets import Dataset, DatasetDict

    DatasetDict({"test": Dataset.from_list(generate_items(kind))}).save_to_disk(folder)


def better(truths: list[Truth]) -> str:
    """`A`, `B` or `tie`: the response with more true statements.

    >>> better([(True, False), (True, True)])
    'B'
    """
    first, second = (sum(truth) for truth in truths)
    return "tie" if first == second else "A" if first > second else "B"


def best_first(truths: list[Truth]) -> str:
    """Letters of the responses, the one with most true statements first.

    >>> best_first([(False, False), (True, True), (True, False)])
    'BCA'
    """
    return "".join("ABCD"[index] for index in sorted(range(len(truths)), key=lambda index: -sum(truths[index])))


_Draw = Callable[[int, np.random.Generator], list[Truth]]
_KINDS: dict[Kind, tuple[_Draw, Callable[[list[Truth]], Any], int | None]] = {
    "pair": (draw_pair, better, None),
    "score": (draw_single, lambda truths: float(score_of(truths[0])), None),
    "rank": (lambda _, rng: draw_ranked(rng), best_first, 3),
}
