"""The result files of runs of our tasks: each whole or not at all, and said where it could not be written.

lmms-eval writes results in place, lines of samples one by one, and passes over what fails. Here a file is written
beside its place and then moved there, and an answer's lone surrogates, which UTF-8 can't hold, are written as JSON
escapes, which every reader of JSON reads back.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from critic_eval.runs.own_source import KEY, own_source_record
from critic_eval.whole_files import write_whole

SECTION = "critic_eval"
"""What of a run's results is ours."""


def whole_results(save: Callable[..., Any]) -> Callable[..., Any]:
    """lmms-eval's `save_results_aggregated`, for runs of our tasks."""

    def wrapped(self: Any, results: dict[str, Any], samples: Any = None, datetime_str: str = "") -> Any:
        if SECTION not in results or not self.output_path:
            return save(self, results, samples, datetime_str)
        self.general_config_tracker.log_end_time()
        self.date_id = datetime_str.replace(":", "-")
        results["task_hashes"] = {task: _hash_of(logged) for task, logged in (samples or {}).items()}
        results.update(asdict(self.general_config_tracker))
        for task, ours in results[SECTION].items():
            named = own_source_record(task, _folder(self))
            if named is not None:
                ours[KEY] = named
        is_written = _write(_folder(self) / f"{self.date_id}_results.json", _one_text(results))
        # To push them, lmms-eval writes them once more.
        return save(self, results, samples, datetime_str) if is_written and self.push_results_to_hub else None

    return wrapped


def whole_samples(save: Callable[..., Any]) -> Callable[..., Any]:
    """lmms-eval's `save_results_samples`, for our tasks."""

    def wrapped(self: Any, task_name: str, samples: Sequence[dict[str, Any]]) -> Any:
        is_ours = any("judgment" in sample for sample in samples[:1])
        if not is_ours or not self.output_path or self.push_samples_to_hub:
            return save(self, task_name, samples)
        _write(_folder(self) / f"{self.date_id}_samples_{task_name}.jsonl", _lines(samples))
        return None

    return wrapped


def take_unsaved() -> list[str]:
    """What could not be written since the last call, a sentence each."""
    taken = list(_unsaved)
    _unsaved.clear()
    return taken


def take_written() -> list[Path]:
    """The files that were written since the last call."""
    taken = list(_written)
    _written.clear()
    return taken


_unsaved: list[str] = []
_written: list[Path] = []


def _write(file: Path, texts: Iterable[str]) -> bool:
    """Write a file whole or not at all; gives whether it was written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, texts)  # in JSON a lone surrogate stands in a string, where its escape is that character
    except (OSError, TypeError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _unsaved.append(f"{file} could not be written ({why}).")
        print(f"error: {_unsaved[-1]}", file=sys.stderr, flush=True)
        return False
    _written.append(file)
    return True


def _one_text(results: Mapping[str, Any]) -> Iterator[str]:
    yield json.dumps(results, indent=2, default=_plain, ensure_ascii=False)


def _lines(samples: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Samples as lmms-eval logs them; like there, a sample is changed to what is logged of it."""
    from lmms_eval.utils import sanitize_list

    for sample in samples:
        sample["input"] = sample.pop("arguments")[0]
        for name in ("resps", "filtered_resps"):
            answers = sanitize_list(sample[name])
            sample[name] = answers[0] if isinstance(answers, list) and len(answers) == 1 else answers
        if sample["resps"] in (sample["filtered_resps"], [sample["filtered_resps"]]):
            del sample["resps"]
        sample["target"] = str(sample["target"])
        del sample["doc"]
        yield json.dumps(sample, default=_plain, ensure_ascii=False) + "\n"


def _folder(tracker: Any) -> Path:
    return Path(tracker.output_path, tracker.general_config_tracker.model_name_sanitized)


def _hash_of(samples: Sequence[Mapping[str, Any]]) -> str:
    from lmms_eval.utils import hash_string

    return str(hash_string("".join(f"sample_{index}{sample['doc_hash']}" for index, sample in enumerate(samples))))


def _plain(value: Any) -> Any:
    from lmms_eval.utils import handle_non_serializable

    return handle_non_serializable(value)
