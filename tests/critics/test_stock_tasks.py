"""Tasks of lmms-eval's own, on local copies of their data: the critic answers them as a chat model does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lmms_eval.api.instance import Instance
from lmms_eval.tasks import TaskManager

from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.errors import ArgumentError
from critic_eval.lmms import rounds
from critic_eval.lmms.models.llava_critic import LlavaCritic
from tests.conftest import Command
from tests.critics.conftest import plain_answer
from tests.critics.servers import Server, serving
from tests.critics.stock_tasks import BENCH, LETTER, SCIENCE, SEVERAL, STOCK, TEXTS, TURNS, VET, make_copies


@pytest.fixture(scope="module")
def critic() -> LlavaCritic:
    return LlavaCritic(pretrained="digits", device="cpu")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> TaskManager:
    """An index of the copies, without the stock tasks, which take long to read."""
    folder = tmp_path_factory.mktemp("stock")
    make_copies(folder)
    return TaskManager("ERROR", include_path=str(folder / "tasks"), include_defaults=False)


@pytest.fixture(scope="module")
def judge() -> Iterator[Server]:
    """What stands in for GPT where a stock task has it judge answers; such a task reads the address when it loads."""

    def answer(body: Any) -> dict[str, Any]:
        is_comparison = "[End of Assistant 2]" in body["messages"][0]["content"]
        return {"message": {"role": "assistant", "content": "8 6\nWell." if is_comparison else "0.5"}}

    with serving(answer=answer) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in (("API_TYPE", "openai"), ("OPENAI_API_KEY", "none"), ("OPENAI_API_URL", server.url)):
            patch.setenv(name, value)
        yield server


def evaluated(model: Any, tasks: TaskManager, names: list[str], arguments: str = "") -> dict[str, Any]:
    """Of each task its figures, and the answers in the order of its documents."""
    from lmms_eval.evaluator import simple_evaluate

    found = simple_evaluate(
        model=model, model_args=arguments, tasks=names, task_manager=tasks, log_samples=True, bootstrap_iters=0
    )
    samples = {name: sorted(found["samples"][name], key=lambda sample: sample["doc_id"]) for name in names}
    return {name: (found["results"][name], [sample["resps"][0][0] for sample in samples[name]]) for name in names}


@pytest.fixture(scope="module")
def answered(critic: LlavaCritic, judge: Server, tasks: TaskManager) -> dict[str, Any]:
    """All tasks of one round, by the embedded critic in one run."""
    names = ("scienceqa_img", "muirbench", "super_gpqa", "turns", "llava_in_the_wild", "mmvet")
    return evaluated(critic, tasks, [f"local_{name}" for name in names])


def test_scienceqa_is_answered_with_and_without_an_image(checkpoint: Checkpoint, answered: dict[str, Any]) -> None:
    _, answers = answered["local_scienceqa_img"]
    expected = []
    for row in SCIENCE:
        context = f"Context: {row['hint']}\n" if row["hint"] else ""
        text = f"{context}Which digit is shown?\nA. one\nB. two\nC. three{LETTER}"
        expected.append(plain_answer(checkpoint, *([row["image"]] if row["image"] else []), text))
    assert [answer.strip() for answer in answers] == expected
    assert all(expected)


def test_the_command_runs_scienceqa_and_its_own_code_counts_the_letters(
    command: Command, tasks: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lmms_eval.__main__ as evaluation

    monkeypatch.setattr(evaluation, "TaskManager", lambda *arguments, **options: tasks)
    with serving(answer=lambda body: {"message": {"role": "assistant", "content": "B"}}) as server:
        model = ("--model", "llava_critic", "--model_args", f"base_url={server.url},pretrained=the-model")
        assert command(*model, "--tasks", "local_scienceqa_img", "--output_path", "out", "--log_samples") == 0
    (results,) = (tmp_path / "out").rglob("*_results.json")
    figures = json.loads(results.read_text("utf-8"))["results"]["local_scienceqa_img"]
    assert figures["exact_match,none"] == pytest.approx(2 / 3)
    shown = [[part["type"] for part in body["messages"][0]["content"]] for body in server.bodies]
    assert sorted(shown) == [["image_url", "text"], ["image_url", "text"], ["text"]]


def test_several_images_come_before_the_text_and_a_mark_in_it_stays_text(
    checkpoint: Checkpoint, answered: dict[str, Any]
) -> None:
    _, answers = answered["local_muirbench"]
    prompt = f"Is <image> like <image>?\nA. Yes\nB. No{LETTER}"
    assert answers == [plain_answer(checkpoint, *row["image_list"], prompt) for row in SEVERAL]


def test_texts_alone_are_answered(checkpoint: Checkpoint, answered: dict[str, Any]) -> None:
    _, answers = answered["local_super_gpqa"]
    stock = yaml.safe_load((STOCK / "super_gpqa/super_gpqa.yaml").read_text("utf-8").replace("!function", ""))
    asked_first = stock["lmms_eval_specific_kwargs"]["default"]["pre_prompt"]
    assert answers == [plain_answer(checkpoint, f"{asked_first}{row['question']}\n\nA) 3\nB) 4") for row in TEXTS]


def test_a_system_message_and_earlier_turns_are_shown(checkpoint: Checkpoint, answered: dict[str, Any]) -> None:
    _, answers = answered["local_turns"]
    expected = []
    for row in TURNS:
        turns = (Message("user", (row["image"], row["question"])), Message("assistant", (row["before"],)))
        before = (Message("system", ("Be short.",)), *turns)
        expected.append(plain_answer(checkpoint, "Are you sure?", before=before))
    assert answers == expected


def test_llava_in_the_wild_hands_our_answers_to_its_judge(judge: Server, answered: dict[str, Any]) -> None:
    figures, answers = answered["local_llava_in_the_wild"]
    asked = [body["messages"][0]["content"] for body in judge.bodies]
    for row, answer in zip(BENCH, answers, strict=True):
        assert any(
            f"{row['question']}\n\n[Assistant 1]\nA digit.\n" in text and f"\n{answer}\n" in text for text in asked
        )
    assert [figures[f"gpt_eval_llava_{kind},none"] for kind in ("all", "conv", "detail", "complex")] == [75.0] * 4


def test_mmvet_hands_our_answers_to_its_judge(judge: Server, answered: dict[str, Any]) -> None:
    figures, answers = answered["local_mmvet"]
    asked = [body["messages"][0]["content"] for body in judge.bodies]
    for row, answer in zip(VET, answers, strict=True):
        assert any(text.endswith(f"{row['question']} | 7 | {answer} |") for text in asked)
    assert figures["gpt_eval_score,none"] == 50.0


def test_rounds_see_the_answers_before_them_and_end_where_their_document_says(tasks: TaskManager) -> None:
    def answer(body: Any) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": f"<{body['messages'][0]['content'][0]['text']}>"}}

    with serving(answer=answer) as server:
        arguments = f"base_url={server.url},pretrained=the-model"
        figures, answers = evaluated("llava_critic", tasks, ["local_rounds"], arguments)["local_rounds"]
    first = ["<q0>", "<q2>", "<q1>"]
    second = [f"<None, 1, after {text}>" for text in first]
    third = f"<noted in 1, 2, after {first[1]} and {second[1]}>"
    assert answers == [[first[0]], [first[1], second[1], third], [first[2], second[2]]]
    assert figures["rounds,none"] == 2.0


def asked_in_rounds(critic: LlavaCritic, doc_to_messages: Any, documents: list[str]) -> list[list[str]]:
    critic.task_dict = {"task": {"test": documents}}
    requests = []
    for n in range(len(documents)):
        arguments = ("", doc_to_messages, {"max_new_tokens": 8, "until": []}, n, "task", "test")
        metadata = {"task": "task", "doc_id": n, "repeats": 1, "split": "test"}
        requests.append(Instance("generate_until_multi_round", arguments, 0, metadata=metadata))
    return critic.generate_until_multi_round(requests)


def test_a_task_that_knows_no_rounds_has_one(critic: LlavaCritic) -> None:
    def doc_to_messages(document: str, **of_the_round: Any) -> list[dict[str, Any]]:
        return [{"role": "user", "content": document}]

    answers = asked_in_rounds(critic, doc_to_messages, ["Which digit?", "How many?"])
    assert [len(texts) for texts in answers] == [1, 1]


def test_rounds_without_an_end_are_refused(critic: LlavaCritic, monkeypatch: pytest.MonkeyPatch) -> None:
    def doc_to_messages(document: str, round_idx: int | None = None, **others: Any) -> Any:
        messages = [{"role": "user", "content": document}]
        return messages if round_idx is None else (messages, False, None, None)

    monkeypatch.setattr(rounds, "MAX_ROUNDS", 3)
    with pytest.raises(ArgumentError, match="task, document 0, has more than 3 rounds"):
        asked_in_rounds(critic, doc_to_messages, ["Which digit?"])


def test_log_likelihoods_are_refused_with_the_reason(critic: LlavaCritic) -> None:
    with pytest.raises(ArgumentError, match="a chat model, which lmms-eval asks for texts"):
        critic.loglikelihood([])
