"""Local copies of stock tasks' data, as a download of them lies on a disk, and the tasks that read these copies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import lmms_eval

from critic_eval.benchmarks.digits.generator import generate_items

STOCK = Path(lmms_eval.__file__).parent / "tasks"
TEXT, NUMBER, IMAGE = datasets.Value("string"), datasets.Value("int8"), datasets.Image()
LETTER = "\nAnswer with the option's letter from the given choices directly."
"""What ScienceQA and MUIRBench ask for in the end."""

_IMAGES = [item["image"] for item in generate_items("score")[:3]]

SCIENCE = [
    {"image": _IMAGES[0], "hint": "Look closely.", "answer": 1},
    {"image": _IMAGES[1], "hint": "", "answer": 1},
    {"image": None, "hint": "", "answer": 0},
]
"""Two questions on an image, and one without any."""
SEVERAL = [{"question": "Is <image> like <image>?", "image_list": pair} for pair in (_IMAGES[:2], _IMAGES[1:])]
TEXTS = [{"question": f"What is {n} + 1?"} for n in (2, 3)]
BENCH = [
    {"question": f"What is shown? ({kind})", "category": kind, "image": image}
    for kind, image in zip(("conv", "detail", "complex"), _IMAGES, strict=True)
]
VET = [{"question_id": f"v{n}", "question": f"Which digit? ({n})", "image": image} for n, image in enumerate(_IMAGES)]
TURNS = [{"question": "Which digit is shown?", "before": before, "image": _IMAGES[0]} for before in ("One.", "Two.")]
ROUNDS = [{"question": f"q{n}", "more": n} for n in (0, 2, 1)]
"""Documents of one round, three and two."""


def make_copies(folder: Path) -> None:
    """Write every task of this module into a folder, with its data; each is named as the stock one, with `local_`."""
    science = {"question": "Which digit is shown?", "choices": ["one", "two", "three"]}
    types = {"image": IMAGE, "question": TEXT, "choices": [TEXT], "hint": TEXT, "answer": NUMBER}
    _copy(folder, STOCK / "scienceqa/scienceqa_img.yaml", [{**row, **science} for row in SCIENCE], types)

    kinds = dict.fromkeys(("idx", "task", "image_relation", "image_type"), "x")
    types = {**dict.fromkeys((*kinds, "question", "answer"), TEXT), "options": [TEXT], "image_list": [IMAGE]}
    several = [{**row, **kinds, "options": ["Yes", "No"], "answer": "A"} for row in SEVERAL]
    _copy(folder, STOCK / "muirbench/muirbench.yaml", several, types)

    kinds = {"answer_letter": "A", "difficulty": "easy", "discipline": "x"}
    types = {**dict.fromkeys((*kinds, "question"), TEXT), "options": [TEXT]}
    texts = [{**row, **kinds, "options": ["3", "4"]} for row in TEXTS]
    short = {"max_new_tokens": 16, "until": []}
    _copy(folder, STOCK / "super_gpqa/super_gpqa.yaml", texts, types, generation_kwargs=short)

    kinds = {"question_id": "1", "gpt_answer": "A digit.", "image_id": "1.jpg", "caption": "Handwriting."}
    types = {**dict.fromkeys((*kinds, "question", "category"), TEXT), "image": IMAGE}
    _copy(folder, STOCK / "llava-in-the-wild/llava-in-the-wild.yaml", [{**row, **kinds} for row in BENCH], types)

    kinds = {"answer": "7", "capability": "ocr"}
    types = {**dict.fromkeys((*kinds, "question_id", "question"), TEXT), "image": IMAGE}
    _copy(folder, STOCK / "mmvet/mmvet.yaml", [{**row, **kinds} for row in VET], types)

    forms = folder / "forms"
    forms.mkdir()
    for name, text in (("turns.yaml", _TURNS), ("rounds.yaml", _ROUNDS), ("chats.py", _FUNCTIONS)):
        (forms / name).write_text(text, "utf-8")
    _copy(folder, forms / "turns.yaml", TURNS, {"question": TEXT, "before": TEXT, "image": IMAGE})
    _copy(folder, forms / "rounds.yaml", ROUNDS, {"question": TEXT, "more": NUMBER})


def _copy(
    folder: Path, stock: Path, rows: Sequence[Mapping[str, Any]], types: Mapping[str, Any], **changes: Any
) -> None:
    """Write rows as a data set's folder, and a task that is the stock one with that folder for its data."""
    text = stock.read_text("utf-8")
    name, split = _declared(text, "task"), _declared(text, "test_split")
    data = folder / "data" / name
    data.mkdir(parents=True)
    table = datasets.Dataset.from_list([dict(row) for row in rows], features=datasets.Features(types))
    table.to_parquet(data / f"{split}-00000-of-00001.parquet")
    files = [{"split": split, "path": f"{split}-*.parquet"}]
    form = {"config_name": _declared(text, "dataset_name") or "default", "data_files": files}
    (data / "README.md").write_text(f"---\n{json.dumps({'configs': [form]})}\n---\n", "utf-8")
    task = {"include": str(stock), "task": f"local_{name}", "dataset_path": str(data), **changes}
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / f"{name}.yaml").write_text(json.dumps(task), "utf-8")


def _declared(text: str, key: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith(f"{key}:")]
    return lines[0].partition(":")[2].strip().strip("\"'") if lines else ""


_TURNS = """\
task: turns
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_messages: !function chats.turns
doc_to_target: "before"
process_results: !function chats.count
generation_kwargs:
  max_new_tokens: 16
metric_list:
  - metric: rounds
    aggregation: mean
    higher_is_better: true
"""
_ROUNDS = """\
task: rounds
test_split: test
output_type: generate_until_multi_round
doc_to_visual: !function chats.no_visuals
doc_to_text: !function chats.next_round
doc_to_target: "question"
process_results: !function chats.count
generation_kwargs:
  max_new_tokens: 64
metric_list:
  - metric: rounds
    aggregation: mean
    higher_is_better: true
"""
_FUNCTIONS = """
def turns(doc):
    image, text = {"type": "image", "url": doc["image"]}, {"type": "text", "text": doc["question"]}
    return [
        {"role": "system", "content": [{"type": "text", "text": "Be short."}]},
        {"role": "user", "content": [image, text]},
        {"role": "assistant", "content": [{"type": "text", "text": doc["before"]}]},
        {"role": "user", "content": [{"type": "text", "text": "Are you sure?"}]},
    ]


def no_visuals(doc):
    return None


def next_round(doc, lmms_eval_specific_kwargs=None, round_idx=None, previous_output=None, previous_round_info=None):
    if round_idx is None:
        return doc["question"]
    text = f"{previous_round_info}, {round_idx}, after {' and '.join(previous_output)}"
    return [], text, round_idx > doc["more"], previous_output, f"noted in {round_idx}"


def count(doc, results):
    return {"rounds": len(results[0]) if isinstance(results[0], list) else 1}
"""
