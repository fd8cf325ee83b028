"""Which part of lmms-eval's index of tasks an evaluation reads."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from critic_eval.lmms import own_index


def asked(tasks: str | None, include_path: str | None = None) -> Any:
    return SimpleNamespace(tasks=tasks, include_path=include_path)


@pytest.mark.parametrize(
    ("args", "is_ours"),
    [
        (asked("critic_digits"), True),
        (asked("critic_digits_pair,critic_digits_score"), True),
        (asked("critic_digits_pair,mmmu_val"), False),
        (asked("critic_digits_*"), False),
        (asked("critic_no_such_task"), False),
        (asked("mmmu_val"), False),
        (asked("list"), False),
        (asked(None), False),
        (asked("critic_digits", "folder"), False),
    ],
)
def test_lmms_evals_own_tasks_are_left_out_where_ours_alone_are_named(args: Any, is_ours: bool) -> None:
    assert own_index.asks_for_ours_alone(args) is is_ours


def test_plugins_of_lmms_eval_and_folders_of_tasks_need_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "critic_digits").mkdir()
    assert not own_index.asks_for_ours_alone(asked("critic_digits"))
    (tmp_path / "critic_digits").rmdir()
    monkeypatch.setenv("LMMS_EVAL_PLUGINS", "theirs")
    assert not own_index.asks_for_ours_alone(asked("critic_digits"))


def test_a_name_that_lmms_evals_tasks_have_too_needs_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lmms_eval.tasks

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "theirs.yaml").write_text("task: critic_digits_pair\n")
    monkeypatch.setattr(lmms_eval.tasks, "__file__", str(tmp_path / "__init__.py"))
    assert not own_index.asks_for_ours_alone(asked("critic_digits_pair"))
    assert not own_index.asks_for_ours_alone(asked("critic_digits"))  # the suite that it is of
    assert own_index.asks_for_ours_alone(asked("critic_digits_score"))


def test_the_smaller_index_has_the_same_of_what_is_asked_for() -> None:
    import lmms_eval.models  # noqa: F401  # which loads the plugin
    from lmms_eval.tasks import TaskManager

    with own_index.smallest_index(asked("critic_digits")):
        index = TaskManager("ERROR").task_index
    assert index["critic_digits"]["task"] == ["critic_digits_pair", "critic_digits_rank", "critic_digits_score"]
    assert index["critic_digits_pair"]["yaml_path"].endswith("critic_digits_pair.yaml")
    assert "mmmu_val" not in index
    assert not own_index.leaves_theirs_out()
