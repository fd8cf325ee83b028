"""Cards of critics: found by name, asking to the letter of their sources, reading their forms of answers."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from critic_eval import load_critic
from critic_eval.benchmarks.registry import benchmark_names, find_benchmark
from critic_eval.cli import main
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.cards import card_names, find_card, get_card, read_card
from critic_eval.critics.cards.using import use_card
from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, Preference, Ranking, Response, Score, get_protocol
from critic_eval.lmms.choices import select_card
from critic_eval.lmms.models.llava_critic import LlavaCritic
from critic_eval.lmms.models.planted_judge import PlantedJudge
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.reports.leaderboard.published import read_published
from tests.critics.servers import serving
from tests.critics.tasks_of_texts import run_pairs

ITEM = Item("7", "How many dogs?", (Response("Two dogs."), Response("Three dogs.")))
SOURCES = {
    # Of CodeGoat24/UnifiedReward at ff6f520, yfzhang114/r1_reward at 3693413 and jongwooko/flex-judge at 0e34d5f: the
    # digest of each file's own string, its fields named as ours; of Flex-Judge's after its system message and a "\n".
    "unified_reward_pair": "b4d5c648e14be9a4",
    "unified_reward_score": "6e392bb7a0a1ae28",
    "unified_reward_llava_pair": "dfba0591beec044d",
    "unified_reward_llava_score": "17e43d156292bc60",
    "unified_reward_think_pair": "6fee97a24f5a8124",
    "unified_reward_think_qwen3vl_pair": "537c201b526d9b6a",
    "r1_reward_pair": "b1a553c44b4ec65d",
    "flex_judge_pair": "12128cefcacdb82a",
    "flex_judge_score": "9eda8bcded9af9b6",
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_prompt_is_that_of_its_source_to_the_letter(name: str) -> None:
    protocol = get_protocol(name)
    text = "" if protocol.system is None else f"{protocol.system}\n"
    assert hashlib.sha256((text + protocol.template).encode()).hexdigest()[:16] == SOURCES[name]


def test_flex_judge_shows_several_responses_as_its_test_code_does() -> None:
    protocol = get_protocol("flex_judge_rank")
    assert hashlib.sha256((protocol.system or "").encode()).hexdigest()[:16] == "7a2830b61f78936d"
    item = Item("7", "How many?", tuple(map(Response, ("One", "Two", "Three"))))
    assert protocol.render(item, "CAB") == (
        "\n\n[Question]\nHow many?\n\n[Assistant 1's Answer]\nThree\n\n[Assistant 2's Answer]\nOne"
        "\n\n[Assistant 3's Answer]\nTwo"
    )


def test_llava_critic_r1_is_asked_with_a_benchmarks_prompt_and_its_suffix() -> None:
    card, official = get_card("llava_critic_r1"), get_protocol("vl_rewardbench")
    suffix = (
        "You FIRST think about the reasoning process as an internal monologue and then provide the final answer. The "
        "reasoning process MUST BE enclosed within <think> </think> tags. The final answer MUST BE put in \\boxed{}."
    )
    assert card.protocol_for(official).render(ITEM, "AB") == official.render(ITEM, "AB") + suffix
    general = card.protocol_for(get_protocol("llava_critic_pair"))
    assert general.render(ITEM, "BA") == official.render(ITEM, "BA") + suffix
    assert general.max_new_tokens == 4096
    assert (
        card.protocol_for(get_protocol("mllm_judge_score"))
        .render(Item("7", "How many?", (Response("Two"),)), "A")
        .endswith("[The End of Assistant’s Answer]" + suffix)
    )


ANSWERS = [
    ("llava_critic_r1", "llava_critic_pair", "<think>The first counts right.</think>\n\n\\boxed{1}", Preference(0)),
    ("llava_critic_r1", "vl_rewardbench", "<think>1? No.</think>\\boxed{Answer 2}", Preference(1)),
    ("llava_critic_r1", "mm_rewardbench", "<think>[[A]]?</think>The final answer is $\\boxed{[[B]]}$.", Preference(1)),
    ("llava_critic_r1", "llava_critic_score", "<think>Maybe 20.</think>\\boxed{85}", Score(85)),
    ("r1_reward", "llava_critic_pair", "<think>Response 1 …</think><answer>2</answer>", Preference(1)),
    ("r1_reward", "vl_rewardbench", "<think>2</think><answer> 1 </answer>", Preference(0)),
    ("unified_reward", "vl_rewardbench", "… Based on these factors, Answer 1 is better.", Preference(0)),
    ("unified_reward", "llava_critic_score", "The response names all.\nFinal Score: 71", Score(71)),
    ("unified_reward_llava", "llava_critic_pair", "The second response is better. It is exact.", Preference(1)),
    (
        "unified_reward_think",
        "mm_rewardbench",
        "<think>2: 9</think>\n<answer>Answer 1 is better</answer>",
        Preference(0),
    ),
    (
        "unified_reward_think_qwen3vl",
        "llava_critic_pair",
        "<think>\n1. …</think>\n<answer>Answer 2 is better</answer>",
        Preference(1),
    ),
    ("flex_judge", "vl_rewardbench", "<think>…</think>\n\n<answer>3</answer><answer>8</answer>", Preference(1)),
    ("flex_judge", "llava_critic_pair", "<think>…</think><answer>6</answer><answer>6</answer>", Preference(None)),
    ("flex_judge", "llava_critic_score", "<think>4 or 5</think><answer>4</answer>", Score(4)),
    ("flex_judge", "llava_critic_rank", "<think>…</think><answer>3</answer><answer>8</answer>", Ranking((1, 0))),
    ("prometheus_vision", "llava_critic_score", "Feedback: It is good. [RESULT] 4", Score(4)),
    ("llava_critic", "llava_critic_pair", "The better response: [second]\nIt counts.", Preference(1)),
    ("gpt_4o", "mm_rewardbench", "A is short. [[A]]", Preference(0)),
]


@pytest.mark.parametrize(("name", "asked", "text", "verdict"), ANSWERS)
def test_a_critics_form_of_answer_is_read(name: str, asked: str, text: str, verdict: Any) -> None:
    protocol = get_card(name).protocol_for(get_protocol(asked))
    n = 1 if protocol.kind == "score" else 2
    assert protocol.parse(text, n, protocol.shown_texts(ITEM)).verdict == verdict


@pytest.mark.parametrize("name", card_names())
def test_every_card_asks_in_its_own_kind_and_names_what_there_is(name: str) -> None:
    card = get_card(name)
    assert card.about
    assert card.source
    assert card.checked
    assert set(card.trained_on) <= set(benchmark_names())
    assert set(card.published) <= {figure.critic for figure in read_published()}
    for asked in ("llava_critic_score", "llava_critic_pair", "llava_critic_rank", "llava_bench_wild"):
        protocol = get_protocol(asked)
        assert card.protocol_for(protocol).shape == protocol.shape


@pytest.mark.parametrize(
    ("pretrained", "name"),
    [
        ("lmms-lab/llava-critic-72b", "llava_critic"),
        ("/data/models/llava-critic-7b/", "llava_critic"),
        ("lmms-lab/LLaVA-Critic-R1-7B-Plus-Qwen", "llava_critic_r1"),
        ("CodeGoat24/UnifiedReward-7b-v1.5", "unified_reward_llava"),
        ("CodeGoat24/UnifiedReward-2.0-qwen3vl-8b", "unified_reward"),
        ("CodeGoat24/UnifiedReward-Think-qwen-7b", "unified_reward_think"),
        ("CodeGoat24/UnifiedReward-Think-qwen3vl-8b", "unified_reward_think_qwen3vl"),
        ("yifanzhang114/R1-Reward", "r1_reward"),
        ("jongwooko/Flex-VL-7B", "flex_judge"),
        ("Skywork/Skywork-VL-Reward-7B", "skywork_vl_reward"),
        ("Qwen/Qwen3-VL-8B-Thinking", "qwen3_vl_thinking"),
        ("Qwen/Qwen2.5-VL-72B-Instruct", "qwen2_5_vl"),
        ("kaist-ai/prometheus-vision-13b-v1.0", "prometheus_vision"),
        ("gpt-4o-2024-08-06", "gpt_4o"),
        ("digits", None),
        ("somebody/else", None),
    ],
)
def test_a_card_is_found_by_the_name_of_a_checkpoint(pretrained: str, name: str | None) -> None:
    card = find_card(None, pretrained)
    assert (card and card.name) == name


def test_a_card_is_found_by_a_checkpoints_config_where_its_name_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
    assert use_card(None, {"pretrained": str(folder)}).settings == {"card": "qwen2_5_vl"}
    copied = {"model_type": "qwen2_5_vl", "_name_or_path": "yifanzhang114/R1-Reward"}
    (folder / "config.json").write_text(json.dumps(copied))
    assert use_card(None, {"pretrained": str(folder)}).settings["card"] == "r1_reward"
    assert use_card("none", {"pretrained": str(folder)}).settings == {}


def test_a_named_card_brings_its_checkpoint_or_its_server() -> None:
    assert use_card("skywork_vl_reward", {}).arguments["pretrained"] == "Skywork/Skywork-VL-Reward-7B"
    served = use_card(None, {"pretrained": "gpt-4o-mini"})
    assert served.arguments == {"pretrained": "gpt-4o-mini", "base_url": "https://api.openai.com/v1"}
    here = use_card(None, {"pretrained": "gpt-4o-mini", "base_url": "http://127.0.0.1:8000/v1"})
    assert "base_url" not in here.arguments
    assert here.settings == {"card": "gpt_4o", "card_overridden": "base_url"}
    with pytest.raises(ArgumentError, match="There is no card 'r1_rewards'; did you mean r1_reward"):
        use_card("r1_rewards", {})


def test_a_card_that_promises_a_head_is_held_to_it() -> None:
    with pytest.raises(ArgumentError, match="skywork_vl_reward judges by a reward head, of which there is none here"):
        LlavaCritic(pretrained="digits", device="cpu", critic="skywork_vl_reward")


def test_the_signature_says_which_parts_of_a_card_a_run_overrides() -> None:
    given = {"pretrained": "jongwooko/Flex-VL-7B", "protocol": "verdict_last", "temperature": 0, "max_new_tokens": 64}
    use = use_card(None, given)
    assert use.settings == {"card": "flex_judge", "card_overridden": "decoding+max_new_tokens+protocol"}
    assert use.decoding.options == {}
    chosen = get_protocol("verdict_last_pair")
    assert use.protocol_for(chosen, is_chosen=True).template == chosen.template
    plain = use_card(None, {"pretrained": "jongwooko/Flex-VL-7B"})
    assert "sampling" not in plain.settings
    assert AnswerPolicy(options=plain.decoding.options).settings == {"sampling": "temperature=0.6,top_p=0.95"}
    official = get_protocol("vl_rewardbench")
    assert plain.protocol_for(official, is_fixed=True).template == official.template
    assert plain.protocol_for(official).name == "flex_judge_pair"


def test_a_user_s_card_brings_its_own_prompt_from_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "my_pair.yaml").write_text(
        'kind: preference\ntemplate: "{question} {a} or {b}?"\nanswer: {tag: pick}\n'
    )
    (tmp_path / "mine.yaml").write_text(
        "about: mine\nprotocols: {pair: my_pair.yaml}\nprompts: its own\nsystem: Judge.\n"
    )
    card = read_card(tmp_path / "mine.yaml")
    protocol = card.protocol_for(get_protocol("vl_rewardbench"))
    assert (protocol.render(ITEM, "AB"), protocol.system) == ("How many dogs? Two dogs. or Three dogs.?", "Judge.")
    assert protocol.parse("<pick>second</pick>", 2).verdict == Preference(1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("protocolls: {}", "has no 'protocolls'; did you mean protocols"),
        (
            "protocols: {pair: llava_critic_score}",
            "asks for a score, which is no protocol for a pair",
        ),
        ("protocols: {par: llava_critic_pair}", "has no 'par'; did you mean pair"),
        ("decoding: {temperature: 0}", "temperature is a number above 0"),
        ("decoding: {temperature: .5, top_p: 2}", "top_p is above 0 and at most 1"),
        ("loaded: magic", "loaded is checkpoint, reward_head, server"),
        ("max_new_tokens: many", "max_new_tokens is a whole number"),
        ("reasoning_marks: <plan>", "reasoning_marks are pairs"),
        ("thinks: maybe", "thinks is true or false"),
        ("suffix: [a]", "suffix is text"),
        ("answer: {preference: {tag: think}}", "opens a thought"),
        ("- a list", "is not a mapping"),
    ],
)
def test_what_is_wrong_with_a_card_is_said_with_file_and_key(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(ArgumentError, match=said) as raised:
        read_card(file)
    assert str(file) in str(raised.value)


def test_the_commands_list_cards_and_show_their_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["critics", "r1", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {entry["critic"] for entry in listed} == {"llava_critic_r1", "r1_reward"}
    assert main(["describe", "r1_reward"]) == 0
    shown = capsys.readouterr().out
    assert "<think>Your detailed comparative analysis goes here</think><answer>1/2</answer>" in shown
    assert main(["describe", "templates/critic/my_critic.yaml"]) == 0
    assert "between <plan> ... </plan>" in capsys.readouterr().out
    assert main(["critics", "no such critic"]) == 1


THOUGHTS = {
    "llava_critic_r1": "<think>\nBoth are read.\n</think>\n\n\\boxed{{{0}}}",
    "r1_reward": "<think>1? 2?</think><answer>{0}</answer>",
    "unified_reward_think": "<think>Answer 1: 9, Answer 2: 9</think>\n<answer>Answer {0} is better</answer>",
    "flex_judge": "<think>…</think><answer>{1}</answer><answer>{2}</answer>",
}


@pytest.mark.parametrize("name", THOUGHTS)
@pytest.mark.usefixtures("impatient")
def test_a_planted_judge_that_thinks_gets_the_figures_that_it_earns(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten pairs eight are judged right in both orders, one wrong in both, and one thought never ends."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        prompt = body["messages"][-1]["content"][-1]["text"]
        first_is_right = prompt.index("right answer") < prompt.index("other answer")
        better = 1 if first_is_right != ("item 3" in prompt) else 2
        scores = (9, 2) if better == 1 else (2, 9)
        text = THOUGHTS[name].format(better, *scores)
        if "item 5" in prompt:
            text = text.partition("</think>")[0]
        return {"message": {"role": "assistant", "content": text}}

    with serving(answer=answer) as server:
        section, samples = run_pairs(tmp_path, monkeypatch, base_url=server.url, pretrained="the-model", critic=name)
    figures = section["figures"]
    assert figures["accuracy_without_tie"]["value"] == pytest.approx(8 / 9)
    assert figures["order_consistency"]["value"] == 1.0
    assert figures["invalid_rate"]["value"] == pytest.approx(0.1)
    assert figures["unfinished_thinking"]["value"] == pytest.approx(0.1)
    assert section["settings"]["card"] == name
    assert section["thought_tokens_per_judgment"] > 0
    assert all(sample["token_counts"][0]["reasoning_tokens"] > 0 for sample in samples)
    asked = get_card(name).protocol_for(get_protocol("llava_critic_pair"))
    assert (server.bodies[0]["messages"][0]["role"] == "system") == (asked.system is not None)


def test_a_server_is_told_how_many_pixels_a_card_allows() -> None:
    reply = {"message": {"role": "assistant", "content": "<think>So.</think><answer>1</answer>"}}
    with serving(answer=lambda body: reply) as server:
        with load_critic("the-model", base_url=server.url, critic="r1_reward") as critic:
            critic.compare(None, "Which?", "one", "two")
            assert critic.signature["pixels"] == "..501760"
        with load_critic("the-model", base_url=server.url, critic="none") as plain:
            plain.compare(None, "Which?", "one", "two")
    assert server.bodies[0]["mm_processor_kwargs"] == {"max_pixels": 501760}
    assert "mm_processor_kwargs" not in server.bodies[-1]


def test_a_judge_without_a_model_is_not_asked_as_the_critic_before_it() -> None:
    select_card(use_card("r1_reward", {"pretrained": "any"}))
    task = JudgeTask(find_benchmark("critic_digits_pair"))
    assert task.protocol.name == "r1_reward_pair"
    PlantedJudge()
    assert task.protocol.name == "llava_critic_pair"
