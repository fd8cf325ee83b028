"""How results look: everything said is there, nothing of it is markup, and records are JSON."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from critic_eval import Compared, Critic, Ranked, Scored, Unjudged, load_critic
from tests.api.conftest import asked
from tests.api.test_critic import by_rule

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></div><style>*{display:none}</style>",
    "{{ 7 * 7 }} {% include 'x' %} {0} %s",
    "$\\href{javascript:alert(1)}{x}$ \\(\\unicode{1}\\)",
    "\x1b[31mred\x00\x07 \u202eturned \u2066hidden",
    "&lt;b&gt; &#x3c;",
)
TAGS = {"div", "span", "strong", "pre", "mark"}


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text, self.marked, self.outside = "", "", ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        self.marked += data if "mark" in self._open else ""
        self.outside += data if "pre" not in self._open else ""


def page(result: Any) -> Page:
    found = Page(result._repr_html_())
    assert set(found.tags) <= TAGS
    assert found.attributes <= {"style", "class"}
    return found


@pytest.fixture(scope="module", params=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> tuple[str, list[Any]]:
    """Results in whose every text there is something hostile: question, responses, and the critic's answers."""
    text = request.param

    def answer(prompt: str) -> str:
        verdict = {
            "Score the": "Score: [70]",
            "Determine": "The better response: [second]",
            "Rank the": "Ranking: C > A > B",
        }
        return f"{text}\n{next(said for begins, said in verdict.items() if begins in prompt)}\n{text}"

    with by_rule(answer) as server, load_critic(base_url=server.url) as critic:
        results = critic.judge(
            [{"question": text, "responses": [f"{number} {text}" for number in range(n)]} for n in (1, 2, 3)],
            progress=False,
        )
    return text, results


def test_hostile_texts_are_shown_and_never_markup(hostile: tuple[str, list[Any]]) -> None:
    text, results = hostile
    for result in [*results, Unjudged(text)]:
        found = page(result)
        assert "\x1b" not in found.text
        assert "\u202e" not in found.text
        assert "\x00" not in found.text
        assert "\x1b" not in repr(result)
        assert "\n" not in repr(result)
        if text.isprintable():
            assert text in found.text
            assert isinstance(result, Unjudged) or text not in found.outside
        # What MathJax of version 3, and of version 2, leaves alone: a formula may hold a link that runs a script.
        assert result._repr_html_().startswith('<div class="mathjax_ignore tex2jax_ignore"')
        assert json.loads(json.dumps(result.to_record())) == result.to_record()


def test_everything_said_is_shown_with_the_verdict_marked(
    critic: Critic, pairs: list[dict[str, Any]], scored: list[dict[str, Any]], ranked: list[dict[str, Any]]
) -> None:
    items = [asked(pairs[0]), asked(scored[0]), asked(ranked[0])]
    compared, single, several = critic.judge(items, progress=False)
    assert isinstance(compared, Compared)
    assert isinstance(single, Scored)
    assert isinstance(several, Ranked)
    said = ((compared, compared.texts), (single, (single.text,)), (several, (several.text,)))
    for item, (result, texts) in zip(items, said, strict=True):
        found = page(result)
        for text in (item["question"], *item["responses"], *texts):
            assert text in found.text
    assert compared.better is not None
    shown = page(compared)
    assert "both orders agree" in shown.outside
    assert shown.marked == "".join(text.partition("\n")[0] for text in compared.texts)
    assert f"{single.value:.4g}" in page(single).marked
    assert several.best_first is not None
    letters = ["ABCD"[index] for index in several.best_first]
    places = [page(several).text.index(f"Response {letter}") for letter in letters]
    assert places == sorted(places)
    assert str(single.value)[:2] in repr(single)
    assert compared.better in repr(compared)
    assert str(several.best_first) in repr(several)


def test_probabilities_are_shown_and_recorded(critic: Critic, pairs: list[dict[str, Any]]) -> None:
    result = critic.compare(pairs[0]["image"], pairs[0]["question"], *pairs[0]["responses"], probabilities=True)
    assert "probabilities a " in page(result).outside
    assert result.to_record()["probabilities"] == result.probabilities


def test_a_long_answer_is_cut_on_the_page_alone() -> None:
    with by_rule(lambda prompt: "Score: [70]\n" + "x" * 200_000) as server, load_critic(base_url=server.url) as critic:
        result = critic.score(None, "Which?", "red")
    assert len(result.text) > 200_000
    assert len(result._repr_html_()) < 50_000


def test_results_can_be_compared_and_are_frozen() -> None:
    assert Unjudged("no") == Unjudged("no")
    assert len({Unjudged("no"), Unjudged("no"), Scored(1.0, "a"), Ranked(None, "", "why")}) == 3
    with pytest.raises(AttributeError):
        Scored(1.0, "a").value = 2.0  # type: ignore[misc]
