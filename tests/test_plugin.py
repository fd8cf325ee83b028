"""lmms-eval finds our models and tasks, whichever way it is started."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.lmms import plugin
from critic_eval.runs.figure_records import figure_record
from critic_eval.runs.rescore import rescore
from tests.conftest import Command

DUMMY_TASK = """
task: my_task
dataset_path: json
test_split: test
output_type: generate_until
"""


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CRITIC_EVAL_JOURNAL"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=environment)


OUR_COMMAND = [sys.executable, "-m", "critic_eval.lmms.command"]


DISCOVERY = """
import json, sys
from lmms_eval import evaluator, models
from lmms_eval.tasks import TaskManager

print(json.dumps([models.get_model_manifest("llava_critic").chat_class_path, TaskManager("ERROR").all_tasks]))

from critic_eval.lmms import command

sys.argv = ["lmms_eval", "tasks", "list", "--include-path", "mine"]
sys.exit(command.main())
"""


@pytest.fixture(scope="module")
def discovery(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a fresh interpreter prints that first imports lmms-eval alone, and then lists tasks by our command."""
    folder = tmp_path_factory.mktemp("discovery")
    (folder / "mine").mkdir()
    (folder / "mine" / "my_task.yaml").write_text(DUMMY_TASK)
    done = run(sys.executable, "-c", DISCOVERY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_the_evaluator_is_enough_to_find_model_and_tasks(discovery: list[str]) -> None:
    class_path, names = json.loads(next(line for line in discovery if line.startswith('["')))
    assert class_path == "critic_eval.lmms.models.llava_critic.LlavaCritic"
    assert {"critic_digits", "critic_digits_pair", "critic_digits_score", "critic_digits_rank"} <= set(names)


def test_our_command_lists_our_tasks_and_the_users(discovery: list[str]) -> None:
    listed = {word for line in discovery if not line.startswith('["') for word in line.split()}
    assert {"critic_digits", "my_task", "mmmu_val"} <= listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "critic_digits_pair", "--model_args", "pretrained=no/folder/here"], "no/folder/here"),
        (["--tasks", "critic_digits_pair", "--model_args", "pretrained=digits,batchsize=3"], "batch_size"),
        (["--tasks", "critic_no_such_task", "--model_args", "pretrained=digits"], "critic_no_such_task"),
        (["--tasks", "critic_pairs", "--model_args", "pretrained=digits"], "CRITIC_EVAL_PAIRS"),
        (["--tasks", "critic_llava_bench_wild", "--model_args", "pretrained=digits"], "CRITIC_EVAL_DATA"),
        (["--model_args", "pretrained=digits"], "--tasks"),
    ],
)
def test_a_failed_evaluation_says_why_in_one_sentence_and_exits_with_1(
    arguments: list[str], message: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--model", "llava_critic", *arguments) == 1
    shown = capsys.readouterr()
    errors = [line for line in shown.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, shown.err
    assert message in errors[0]
    assert "Traceback" not in shown.out + shown.err


def test_the_command_itself_exits_with_1_after_a_failure(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA GPU here")
    arguments = ["--model_args", "pretrained=digits,device=cuda", "--tasks", "critic_digits_pair"]
    done = run(*OUR_COMMAND, "--model", "llava_critic", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("error:") and "CUDA" in line]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_two_processes_share_the_work_and_agree_with_one(command: Command, tmp_path: Path) -> None:
    task = ["--model", "llava_critic", "--model_args", "pretrained=digits", "--tasks", "critic_digits_score"]
    task += ["--limit", "24", "--log_samples"]
    assert command(*task, "--output_path", "one") == 0
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "-m", "lmms_eval"]
    done = run(sys.executable, *launch, *task, "--output_path", "two", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = []
    for name in ("one", "two"):
        (samples,) = (tmp_path / name).rglob("*samples*.jsonl")
        judgments = [json.loads(line)["judgment"] for line in samples.read_text().splitlines()]
        answers.append(sorted((judgment["item_id"], judgment["raw"]) for judgment in judgments))
    assert len(answers[0]) == 24
    assert answers[0] == answers[1]


def test_a_command_that_is_run_again_computes_nothing_again(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["--tasks", "critic_digits_score", "--limit", "8", "--output_path", "out"]
    figures, costs = [], []
    for number in range(2):
        if number:
            time.sleep(1)  # result files are named by the second
        assert command("--model", "llava_critic", "--model_args", "pretrained=digits,device=cpu", *rest) == 0
        results = json.loads(max((tmp_path / "out").rglob("*_results.json")).read_text())
        costs.append(results["critic_eval"]["critic_digits_score"]["seconds_per_judgment"])
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        figures.append([row for row in rows if row[1:2] in (["↑"], ["↓"])])
    assert figures[0] == figures[1] != []
    assert costs[0] == pytest.approx(costs[1]), "an answer costs what it took, whenever that was"
    assert costs[0] > 0
    assert len(list((tmp_path / "out").glob("journal-*.sqlite"))) == 1
    with pytest.raises(SystemExit) as ended:
        command("--model", "llava_critic", "--model_args", "pretrained=digits,device=cpu,dry_run=True", *rest)
    assert ended.value.code == 0
    plan = {line[:24].strip(): line[24:].strip() for line in capsys.readouterr().out.splitlines()}
    assert (plan["answered by the journal"], plan["distinct, to compute"]) == ("8", "0")


def test_the_results_hold_interval_n_invalid_verdicts_and_signature_of_every_figure(
    command: Command, tmp_path: Path
) -> None:
    judge = ["--model", "planted_judge", "--model_args", "skill=0.9,invalid=0.2", "--tasks", "critic_digits_pair"]
    assert command(*judge, "--limit", "100", "--log_samples", "--output_path", "out") == 0
    results = json.loads(next((tmp_path / "out").rglob("*_results.json")).read_text())
    ours = results["critic_eval"]["critic_digits_pair"]
    shown = results["results"]["critic_digits_pair"]
    figures = {found["name"]: found for found in ours["figures"]}
    benchmark = find_benchmark("critic_digits_pair")
    assert tuple(figures) == benchmark.all_figures
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in figures.values())
    for name in benchmark.figures:
        assert figures[name]["value"] == shown[f"{name},none"]
        assert figures[name]["stderr"] == shown[f"{name}_stderr,none"]
    invalid = figures["accuracy_with_tie"]["invalid_by_reason"]
    assert figures["accuracy_with_tie"]["n"] + sum(invalid.values()) == 100
    assert figures["invalid_rate"]["value"] == sum(invalid.values()) / 100 > 0
    (samples,) = (tmp_path / "out").rglob("*samples*.jsonl")
    rescored = rescore("critic_digits_pair", [samples])
    same = ("protocol", "prompt", "orders", "items", "invalid", "bootstrap", "seed", "version")
    assert [figure_record(figure) for figure in rescored.figures] == [
        {name: figure[name] for name in figure_record(rescored.figures[0])} for figure in ours["figures"]
    ]
    assert {name: ours["settings"][name] for name in same} == {name: rescored.signature.settings[name] for name in same}
    assert "skill=0.9" in ours["signature"]


def test_each_evaluation_of_one_command_has_its_own_journal(command: Command, tmp_path: Path) -> None:
    common = "{model: llava_critic, model_args: 'pretrained=digits,device=cpu', limit: 4, output_path: out, tasks: "
    tasks = ("critic_digits_score", "critic_digits_rank")
    (tmp_path / "two.yaml").write_text("".join(f"- {common}{task}}}\n" for task in tasks))
    assert command("--config", "two.yaml") == 0
    assert len(list((tmp_path / "out").glob("journal-*.sqlite"))) == 2
    found = [json.loads(file.read_text())["critic_eval"] for file in (tmp_path / "out").rglob("*_results.json")]
    assert sorted(task for results in found for task in results) == sorted(tasks)


@pytest.mark.parametrize("name", ["./hf", "../hf", ".", "./.cache/hf", ".hf", "./"])
def test_a_folder_of_results_is_never_hidden(name: str) -> None:
    from lmms_eval.loggers import evaluation_tracker

    plugin.install()
    sanitized = evaluation_tracker.sanitize_model_name(name)
    assert sanitized
    assert not sanitized.startswith(".")
    assert evaluation_tracker.sanitize_model_name("lmms-lab/llava-critic-7b") == "lmms-lab__llava-critic-7b"
