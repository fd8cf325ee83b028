"""A benchmark, a protocol, a figure and a probe of a user's own, from a folder of theirs, with all commands on them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from critic_eval.benchmarks.registry import find_benchmark, register_benchmark
from critic_eval.cli import main
from critic_eval.errors import ArgumentError
from tests.conftest import Command

EXTENSION = '''
from critic_eval.metrics import Counted, mean_statistic, register_figure, register_probe


@register_figure("tie_rate_of_mine", higher_is_better=None, kinds="preference", invalid="left out")
def tie_rate_of_mine(judgments):
    """The share of verdicts that call a tie."""
    valid = [judgment for judgment in judgments if judgment.verdict.is_valid]
    ties = [float(judgment.verdict.value is None) for judgment in valid]
    return mean_statistic(ties, Counted.of(valid, among=judgments))


@register_probe("ties_of_mine", kinds="preference")
def ties_of_mine(probed):
    """How often a tie is called."""
    return tie_rate_of_mine(probed.judgments)
'''
PROTOCOL = """
name: prompt_of_mine
kind: preference
responses: 2
source: a test
template: |
  Question: {question}
  First: {a}
  Second: {b}
  Which is better? Say "Choice: first", "Choice: second" or "Choice: equal".
answer:
  label: Choice
  verdicts: {first: A, second: B, equal: tie}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A copy of the template, that asks with its own prompt and shows its own figure, and a plugin package."""
    made = tmp_path_factory.mktemp("mine")
    shutil.copytree(repository / "templates" / "benchmark", made / "tasks")
    declared = made / "tasks" / "my_benchmark.yaml"
    text = declared.read_text(encoding="utf-8")
    text = text.replace("protocol: llava_critic_pair", "protocol: prompt_of_mine.yaml")
    declared.write_text(text.replace("  - invalid_rate", "  - tie_rate_of_mine\n  - invalid_rate"), encoding="utf-8")
    (made / "tasks" / "prompt_of_mine.yaml").write_text(PROTOCOL, encoding="utf-8")
    site = made / "site"
    info = site / "extension_of_mine-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "extension_of_mine.py").write_text(EXTENSION, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extension-of-mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[critic_eval.extensions]\nmine = extension_of_mine\n")
    return made


def run(folder: Path, *arguments: str) -> str:
    """What a command prints, in a fresh process that has the plugin installed; it must succeed."""
    path = os.pathsep.join(filter(None, (str(folder / "site"), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path, "CRITIC_EVAL_TASKS": str(folder / "tasks"), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ran(folder: Path) -> str:
    """What a run of the benchmark and of a variant printed."""
    judge = ["--model", "planted_judge", "--model_args", "skill=1", "--log_samples", "--output_path", "runs"]
    return run(folder, "-m", "critic_eval.lmms.command", *judge, "--tasks", "my_benchmark,my_benchmark_injected")


OURS = ("-m", "critic_eval.cli")


def test_lmms_eval_runs_it_with_its_own_figure(folder: Path, ran: str) -> None:
    (file,) = (folder / "runs").rglob("*_results.json")
    found = json.loads(file.read_text())["critic_eval"]["my_benchmark"]
    figures = {(figure["name"], figure["group"]): figure["value"] for figure in found["figures"]}
    assert figures["accuracy_with_tie", "pooled"] == 1.0
    assert figures["tie_rate_of_mine", "pooled"] == pytest.approx(1 / 3)
    assert found["settings"]["protocol"] == "prompt_of_mine"
    assert found["settings"]["prompt"]
    assert "tie_rate_of_mine" in ran


def test_rescore_gives_the_same_figures(folder: Path, ran: str) -> None:
    (file,) = (folder / "runs").rglob("*_results.json")
    logged = json.loads(file.read_text())["critic_eval"]["my_benchmark"]["figures"]
    again = json.loads(run(folder, *OURS, "rescore", "runs", "--task", "my_benchmark", "--json"))["figures"]
    names = ("name", "group", "value", "low", "high")
    assert [[figure[name] for name in names] for figure in again] == [
        [figure[name] for name in names] for figure in logged
    ]


def test_the_leaderboard_the_viewer_and_a_comparison_show_it(folder: Path, ran: str) -> None:
    run(folder, *OURS, "leaderboard", "runs", "--out", "board")
    assert "tie_rate_of_mine" in (folder / "board" / "leaderboard.md").read_text()
    told = run(folder, *OURS, "view", "runs", "--task", "my_benchmark", "--export", "page")
    assert "6 items, 6 images" in told
    assert "accuracy_with_tie" in run(folder, *OURS, "compare", "runs", "runs", "--task", "my_benchmark")


def test_its_own_probe_is_measured(folder: Path, ran: str) -> None:
    assert "ties_of_mine: +0.333" in run(folder, *OURS, "probe", "ties_of_mine", "runs", "--task", "my_benchmark")


@pytest.mark.parametrize("name", ["my_benchmark", "tie_rate_of_mine", "ties_of_mine"])
def test_it_is_described_and_listed(folder: Path, name: str) -> None:
    assert run(folder, *OURS, "describe", name).startswith(name)
    assert "my_benchmark" in run(folder, *OURS, "tasks", "my_benchmark")


def test_lmms_eval_finds_a_folder_that_is_named_for_it_alone(
    folder: Path, command: Command, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmms_eval.__main__.TaskManager", __import__("lmms_eval.tasks").tasks.TaskManager)
    shutil.copytree(repository / "templates" / "benchmark", tmp_path / "named")
    text = (tmp_path / "named" / "my_benchmark.yaml").read_text().replace("my_benchmark", "named_benchmark")
    (tmp_path / "named" / "my_benchmark.yaml").write_text(text)
    judge = ["--model", "planted_judge", "--tasks", "named_benchmark", "--include_path", "named"]
    assert command(*judge, "--output_path", "out") == 0
    assert main(["tasks", "named_benchmark", "--include_path", str(tmp_path / "named")]) == 0


def test_a_name_that_is_taken_is_refused(tmp_path: Path, repository: Path) -> None:
    text = (repository / "templates" / "benchmark" / "my_benchmark.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("my_benchmark", "critic_pairs"))
    with pytest.raises(ArgumentError, match="There is a benchmark critic_pairs already"):
        register_benchmark(tmp_path / "mine.yaml")
    assert find_benchmark("critic_pairs").file != tmp_path / "mine.yaml"


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("figures:", "figurs:", "has no 'figurs'; did you mean figures"),
        ("  - order_consistency", "  - order_consistensy", "figures names 'order_consistensy'"),
        ("protocol: llava_critic_pair", "protocol: llava_critic_pear", "did you mean llava_critic_pair"),
        ("  question: asked", "  questoin: asked", "has no 'questoin'; did you mean question"),
        ("  file: items.jsonl", "  file: [items.jsonl]", "file is text, not list"),
        ("{first: A, second: B, equal: tie}", "{first: A, second: C}", "verdicts of a label are A, B or tie"),
        ("columns:", "reader: nowhere.read\ncolumns:", "either columns or a reader"),
    ],
)
def test_what_a_declaration_gets_wrong_is_named(
    line: str, instead: str, message: str, tmp_path: Path, repository: Path
) -> None:
    text = (repository / "templates" / "benchmark" / "my_benchmark.yaml").read_text()
    assert line in text
    (tmp_path / "mine.yaml").write_text(text.replace(line, instead, 1))
    with pytest.raises(ArgumentError, match=r"mine\.yaml") as refused:
        register_benchmark(tmp_path / "mine.yaml")
    assert message in str(refused.value)


def test_a_declaration_is_proposed_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "votes.csv").write_text(
        "qid,prompt,answer_a,answer_b,model_a,model_b,winner,category,notes\n"
        "1,What?,yes,no,m,n,model_a,x,z\n2,Why?,a,b,n,m,tie,y,z\n"
    )
    assert main(["new-benchmark", "proposed_pairs", "--from", str(tmp_path / "votes.csv")]) == 0
    told = capsys.readouterr().out
    assert "check: winner was read as model_a: A, tie: tie." in told
    assert "not used: notes" in told
    benchmark = find_benchmark("proposed_pairs")
    (case,) = benchmark.read({"qid": "1", "prompt": "What?", "answer_a": "yes", "answer_b": "no", "winner": "model_b"})
    assert (case.item.id, case.label.value) == ("1", 1)  # type: ignore[union-attr]
    assert main(["new-benchmark", "proposed_pairs", "--from", str(tmp_path / "votes.csv")]) == 1
    assert "is there already" in capsys.readouterr().err
