"""A protocol is a file: what it declares is used as it stands, and what it can't declare is said in a sentence."""

import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Item,
    Preference,
    Protocol,
    Response,
    Score,
    Scores,
    get_protocol,
    protocol_names,
    register_protocol,
)
from critic_eval.judging.protocols import _protocols
from critic_eval.lmms.choices import select_protocol, selected_protocol

ITEM = Item("7", "How many?", (Response("Two."), Response("Three.")), reference="Two")
MINIMAL = "kind: preference\ntemplate: '{question} {a} {b}'\n"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What a test registers goes with it."""
    before = set(protocol_names())
    yield
    for name in set(protocol_names()) - before:
        _protocols().remove(name)


def file(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_file_leaves_out_is_what_its_kind_usually_has(tmp_path: Path) -> None:
    mine = get_protocol(file(tmp_path, MINIMAL))
    assert (mine.name, mine.kind, mine.n_responses, mine.verdict_position) == ("mine", "preference", (2, 2), "first")
    assert (mine.scale, mine.system, mine.max_new_tokens, mine.until, mine.reasoning_marks) == (
        None,
        None,
        None,
        (),
        (),
    )
    assert mine.render(ITEM, "BA") == "How many? Three. Two."
    assert mine.parse("The better response: [second]", 2).verdict == Preference(1)


def test_every_key_is_used(tmp_path: Path) -> None:
    text = """
name: rated
kind: score
template: |
  {question} {reference}
  {a}
system: You judge.
scale: [1, 5]
responses: 1
answer: {label: Grade, verdicts: {good: 4, bad: 1}}
verdict_position: first
verdict_form: {stem: "Grade: ", options: [good, bad], close: "\\n"}
reasoning_marks: [["<plan>", "</plan>"]]
max_new_tokens: 300
until: "###"
source: a test
"""
    rated = get_protocol(str(file(tmp_path, text)))
    assert rated is get_protocol("rated")
    one = replace(ITEM, responses=ITEM.responses[:1])
    assert rated.render(one, "A") == "How many? Two\nTwo.\n"
    assert (rated.system, rated.max_new_tokens, rated.until, rated.source) == ("You judge.", 300, ("###",), "a test")
    assert rated.parse("<plan>Grade: bad</plan>Grade: good", 1).verdict == Score(4)
    assert rated.verdict_form is not None
    assert rated.verdict_form.texts() == ["Grade: good\n", "Grade: bad\n"]


def test_scores_of_several_and_rankings_have_their_responses_in_a_list(tmp_path: Path) -> None:
    lists = "template: '{question}: {responses}'\nresponse_template: '[{number}{letter} {text}]'\n"
    rank = get_protocol(file(tmp_path, f"kind: ranking\n{lists}", "rank"))
    assert (rank.n_responses, rank.render(ITEM, "BA")) == ((2, 26), "How many?: [1A Three.][2B Two.]")
    several = get_protocol(file(tmp_path, f"kind: scores\nscale: [1, 10]\n{lists}", "several"))
    assert several.has_several_scores
    assert several.parse("7 9\n", 2).verdict == Scores((7, 9))


def test_a_whole_score_is_an_option_of_a_verdict_form_by_default(tmp_path: Path) -> None:
    text = "kind: score\ntemplate: '{question} {a}'\nscale: [1, 3]\nverdict_form: {stem: 'Score: ['}\n"
    form = get_protocol(file(tmp_path, text)).verdict_form
    assert form is not None
    assert form.texts() == ["Score: [1]", "Score: [2]", "Score: [3]"]


def test_a_file_may_extend_a_protocol_by_name(tmp_path: Path) -> None:
    base = get_protocol("prometheus_vision")
    text = 'extends: prometheus_vision\nbefore: "Think.\\n"\nsystem: You judge.\n'
    mine = get_protocol(file(tmp_path, text))
    assert mine.template == f"Think.\n{base.template}"
    same = (mine.scale, mine.n_responses, mine.parser, mine.max_new_tokens, mine.source, mine.verdict_position)
    assert same == (
        base.scale,
        base.n_responses,
        base.parser,
        base.max_new_tokens,
        base.source,
        base.verdict_position,
    )
    tagged = get_protocol(file(tmp_path, "extends: llava_critic_pair\nanswer: {tag: pick}\n", "tagged"))
    assert (tagged.verdict_position, tagged.verdict_form) == ("last", None)
    assert tagged.parse("<pick>B</pick>", 2).verdict == Preference(1)
    alone = get_protocol(file(tmp_path, "extends: llava_critic_pair\n", "alone"))
    assert alone == replace(get_protocol("llava_critic_pair"), name="alone")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: preference\n", "template is missing"),
        ("template: '{a} {b}'\n", "kind is preference, score, scores, ranking, not None"),
        ("kind: pair\ntemplate: '{a} {b}'\n", "not 'pair'"),
        (MINIMAL + "kind: score\n", "'kind' comes twice"),
        (MINIMAL + "anser: words\n", "a protocol has no 'anser'; did you mean answer"),
        (MINIMAL + "scale: [1, 5]\n", "scale is for scores"),
        ("kind: score\ntemplate: '{a}'\n", "scale is the least and the greatest score, such as [1, 5], not None"),
        ("kind: score\ntemplate: '{a}'\nscale: [5, 1]\n", "not [5, 1]"),
        ("kind: score\ntemplate: '{a}'\nscale: [1, .inf]\n", "not [1, inf]"),
        (MINIMAL + "responses: 3\n", "responses of a preference protocol are 2, not 3"),
        (MINIMAL + "responses: two\n", "responses is a whole number"),
        ("kind: preference\ntemplate: '{question} {a}'\n", "does not show every response; it lacks {b}"),
        ("kind: preference\ntemplate: '{queston} {a} {b}'\n", "there is no {queston}; did you mean {question}"),
        ("kind: ranking\ntemplate: '{a} {b}'\n", "it lacks {responses}"),
        ("kind: ranking\ntemplate: '{responses}'\n", "response_template is missing"),
        (MINIMAL + "response_template: '{text}'\n", "template has no {responses}"),
        ("kind: preference\ntemplate: [a]\n", "template is text, not ['a']"),
        (MINIMAL + "answer: prose\n", "answer is words, or a mapping"),
        (MINIMAL + "answer: {lable: x}\n", "answer has no 'lable'; did you mean label"),
        (MINIMAL + "answer: {label: x, tag: y}\n", "not label and tag"),
        (MINIMAL + "answer: {verdicts: {a: A}}\n", "not none"),
        (MINIMAL + "answer: {words: result_mark}\n", "words of a preference protocol are default, five_way"),
        (MINIMAL + "answer: {json: 1}\n", "answer: json is text, not 1"),
        (MINIMAL + "answer: {line: middle}\n", "a line is first or last"),
        (MINIMAL + "answer: {tag: think}\n", "answer: <think> is markup or opens a thought"),
        (MINIMAL + "answer: {pattern: '('}\n", "answer: the pattern is not a regular expression"),
        (MINIMAL + "answer: {pattern: 'x'}\n", "needs a group (?P<verdict>...)"),
        (MINIMAL + "answer: {pattern: '(?P<verdict>(a+)+)$'}\n", "takes too long"),
        (MINIMAL + "answer: {label: Pick, verdicts: {1: first}}\n", "1 means A, B or tie, not 'first'"),
        (MINIMAL + "answer: {label: Pick, verdicts: {yes: A}}\n", "True is not text"),
        (MINIMAL + "answer: {label: Pick, verdicts: {}}\n", "verdicts is a mapping such as"),
        (MINIMAL + "answer: {words: default, verdicts: {a: A}}\n", "verdicts can't be given for words"),
        (
            "kind: score\ntemplate: '{a}'\nscale: [1, 5]\nanswer: {label: Grade, verdicts: {great: 6}}\n",
            "'great' means a number on the scale, not 6",
        ),
        (MINIMAL + "verdict_position: middle\n", "verdict_position is first or last, not 'middle'"),
        (MINIMAL + "verdict_position: last\nanswer: {line: first}\n", "say one thing"),
        (MINIMAL + "max_new_tokens: 0\n", "max_new_tokens is a whole number from 1 to 1,000,000, not 0"),
        (MINIMAL + "until: [1]\n", "until is a text or a list of texts"),
        (MINIMAL + "reasoning_marks: [<a>]\n", "reasoning_marks are pairs"),
        (MINIMAL + "verdict_form: {stem: 'x', options: [y]}\n", "verdict_form: 'xy]' is not read as the verdict y"),
        (MINIMAL + "verdict_form: {stem: 'x'}\n", "options is a list of words, not None"),
        (MINIMAL + "verdict_position: last\nverdict_form: {stem: x}\n", "whose verdict_position is first"),
        (MINIMAL + "before: x\n", "before is put before the template of what a file extends"),
        ("extends: llava_critic_pear\n", "extends: There is no protocol 'llava_critic_pear'; did you mean"),
        ("extends: ./x.yaml\n", "extends is the name of a protocol, not './x.yaml'"),
        ("extends: llava_critic_pair\nkind: score\n", "kind is that of llava_critic_pair, preference"),
        (MINIMAL + "name: [x]\n", "name is text"),
        (MINIMAL + "name: llava_critic_pair\n", "there is a protocol 'llava_critic_pair' already"),
        ("- kind\n", "is not a mapping"),
        ("kind: [\n", "can't be read as YAML"),
        ("kind: !!python/object/apply:os.getcwd []\n", "can't be read as YAML"),
    ],
)
def test_what_a_protocol_can_not_have_is_said_in_a_sentence_with_its_file(text: str, said: str, tmp_path: Path) -> None:
    path = file(tmp_path, text)
    with pytest.raises(ArgumentError, match=re.escape(said)) as caught:
        get_protocol(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mine" not in protocol_names()


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"no protocol file absent\.yaml"):
        get_protocol("absent.yaml")


def test_a_name_is_taken_once_and_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = file(tmp_path, MINIMAL)
    first = register_protocol(path)
    assert register_protocol(path) is first
    path.write_text(MINIMAL + "answer: {tag: answer}\n")
    changed = register_protocol(str(path))
    assert get_protocol("mine") is changed
    assert changed.prompt_hash != first.prompt_hash
    with pytest.raises(ArgumentError, match=r"other/mine\.yaml: there is a protocol 'mine' already"):
        register_protocol(file(tmp_path / "other", MINIMAL))
    with pytest.raises(ArgumentError, match="already"):
        register_protocol(replace(first, template="{question} {b} {a}"))


def test_a_protocol_made_in_python_is_registered_by_its_name() -> None:
    def always_a(text: str, n_responses: int, responses: object = (), *, marks: object = ()) -> object:
        raise AssertionError

    made = Protocol("made_pair", "preference", "{question} {a} {b}", always_a, "a test", (2, 2))  # type: ignore[arg-type]
    assert register_protocol(made) is get_protocol("made_pair")
    with pytest.raises(ArgumentError, match="did you mean made_pair"):
        get_protocol("made_pairs")


def test_a_users_family_is_selected_by_the_beginning_of_its_names(tmp_path: Path) -> None:
    register_protocol(file(tmp_path, MINIMAL, "house_pair"))
    score = "kind: score\ntemplate: '{question} {a}'\nscale: [1, 5]\n"
    register_protocol(file(tmp_path, score, "house_score"))
    select_protocol("house")
    assert selected_protocol(get_protocol("mllm_judge_pair")).name == "house_pair"
    assert selected_protocol(get_protocol("mllm_judge_score")).name == "house_score"
    select_protocol(str(tmp_path / "house_pair.yaml"))
    assert selected_protocol(get_protocol("mllm_judge_pair")).name == "house_pair"
    with pytest.raises(ArgumentError, match="which house_pair can't give"):
        selected_protocol(get_protocol("mllm_judge_score"))


def test_a_protocol_is_the_same_in_another_process(tmp_path: Path) -> None:
    mine = get_protocol(file(tmp_path, MINIMAL + "answer: {label: Pick, verdicts: {one: A, two: B}}\n"))
    for protocol in (mine, *map(get_protocol, protocol_names())):
        assert pickle.loads(pickle.dumps(protocol)) == protocol


def test_the_example_to_copy_works(repository: Path) -> None:
    example = get_protocol(repository / "templates" / "protocol" / "my_prompt.yaml")
    assert "Answer 1: Three.\n\nAnswer 2: Two.\n" in example.render(ITEM, "BA")
    said = {text: example.parse(f"Both count.\nBetter: {text}", 2).verdict.value for text in ("1", "2", "equal")}
    assert said == {"1": 0, "2": 1, "equal": None}
