"""Reading in which order a critic ranks several responses."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from string import ascii_uppercase

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import MAX_RESPONSES
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.containers import containers
from critic_eval.judging.parsing.labels import closing_labels
from critic_eval.judging.parsing.places import VerdictPosition, line_bounds, stands_at
from critic_eval.judging.parsing.reading import Parsed, read
from critic_eval.judging.parsing.statements import Form, Statement
from critic_eval.judging.verdicts import Invalid, Ranking, Verdict


def parse_ranking(
    text: str,
    n_responses: int,
    responses: Sequence[str] = (),
    position: VerdictPosition = "first",
    marks: Sequence[Marks] = (),
) -> Parsed:
    r"""Read a ranking of n responses, best first, from a critic's answer.

    It reads "Ranking: [C > A > D > B]" (also with commas, without brackets, or "CADB"), "[[C]], [[A]], [[D]], [[B]]",
    "Response C > Response A > …", the letters alone at the decisive place, and containers ({"ranking": ["C", "A"]}).
    Every response must be named once and no two be equal; else the verdict is invalid with the reason. How one verdict
    is chosen among several is in `critic_eval.judging.parsing.reading`.

    Args:
        text: The critic's whole text; any str.
        n_responses: How many responses were shown, 2 to 26; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.
        marks: Pairs that open and close a thought, besides those that `find_answer` knows.

    >>> parse_ranking("Ranking: [C > A > B]\nResponse C counts right.", 3).verdict.value
    (2, 0, 1)
    >>> parse_ranking("Ranking: [C > A]", 3).verdict.reason
    'ranking does not name B'
    """
    if not 2 <= n_responses <= MAX_RESPONSES:
        raise ArgumentError(f"A ranking is of 2 to {MAX_RESPONSES} responses, not {n_responses}.")
    return read(text, partial(find_rankings, n=n_responses), position, responses, marks)


# Letters in upper case only: "a" is an article. Numbers count from 1.
_TOKEN = r"(?:(?:[Rr]esponse|[Aa]nswer|[Aa]ssistant)[ ]?)?[\[(]{0,2}(?:[A-Z]|[0-9]{1,2})(?![A-Za-z0-9])[\])]{0,2}"
_CHAIN = rf"{_TOKEN}(?:\s{{0,3}}(?:>{{1,2}}|≻|→|,|;|=|\\succ)\s{{0,3}}{_TOKEN}){{1,40}}"
_COMPACT = r"[A-Z]{2,40}(?![A-Za-z0-9])"
_LABELED = re.compile(
    r"(?P<final>\b(?:[Ff]inal|[Oo]verall)[ ]{1,2})?\b(?P<core>[Rr](?:anking|ank|anked|ANKING)[*_\"']{0,4}"
    r"[ \t]{0,2}[:：=][*_\s]{0,6}"
    rf"(?:(?P<chain>\[?[ ]{{0,2}}(?:{_CHAIN}|{_COMPACT})[ ]{{0,2}}\]?)|\[(?P<other>[^\[\]\n]{{0,80}})\]))"
)
# Without a label, only what can hardly be anything else: a chain of ">" or of double brackets. A comma may just list.
_UNLABELED = re.compile(rf"(?<![\w>])(?P<chain>{_CHAIN})")
_ALONE = re.compile(rf"^[ \t*_\[]{{0,8}}(?P<chain>{_COMPACT}|{_CHAIN})[\]*_.\t ]{{0,8}}$", re.MULTILINE)
_AHEAD = re.compile(rf"[\"'“`(\[ ]{{0,4}}(?P<chain>{_CHAIN}|{_COMPACT})")
_ITEM = re.compile(
    r"^[ \t]{0,4}[0-9]{1,2}[.)][ \t]{0,3}(?:(?:Response|Answer|Assistant)[ ]?)?\[{0,2}([A-Z])\b", re.MULTILINE
)
_LISTED = re.compile(
    r"\b(?P<core>(?:(?:Final|Overall)[ ])?(?:Ranking|Rank|Judge?ment)[ \w]{0,30}[:：][ \t]{0,3}\n{1,2}"
    r"(?P<items>(?:[ \t]{0,4}[0-9]{1,2}[.)][ \t]{0,3}(?:(?:Response|Answer"
    r"|Assistant)[ ]?)?\[{0,2}[A-Z]\b[^\n]{0,300}(?:\n{1,2}|\Z)){2,26}))",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![A-Za-z0-9])(?:([A-Z])|([0-9]{1,2}))(?![A-Za-z0-9])")
_BARE_NUMBER = re.compile(r"(?:\A|[>≻→,;=]\s{0,3})[0-9]")


def find_rankings(text: str, position: VerdictPosition, n: int) -> Iterator[Statement]:
    """The places of an answer that read as a ranking of n responses; see `parse_ranking`."""
    yield from containers(text, "ranking", partial(_value, n=n))
    for label, at, form in closing_labels(text):
        ahead = _AHEAD.match(text, at, line_bounds(text, at)[1])
        if ahead is not None and _verdict(ahead["chain"], n).is_valid:
            verdict = _directed(_verdict(ahead["chain"], n), text[label:at])
            yield Statement(label, ahead.end(), verdict, form, label)
    for match in _LABELED.finditer(text):
        start = match.start("core")
        verdict = (
            _verdict(match["chain"], n)
            if match["chain"] is not None
            else Invalid(f"unreadable ranking {match['other'][:40]!r}")
        )
        verdict = _directed(verdict, text[max(0, match.start() - 60) : match.end("core")])
        yield Statement(match.start(), match.end(), verdict, "closing label" if match["final"] else "label", start)
    for match in _LISTED.finditer(text):
        names = "".join(_ITEM.findall(match["items"]))
        if len(names) == n:
            verdict = _verdict(" > ".join(names), n)
            yield Statement(match.start(), match.end(), verdict, "label", match.start("core"))
    for match in _UNLABELED.finditer(text):
        chain = match["chain"]
        if _is_plain_ranking(chain):
            # The bracket may be the sentence's, around a quote.
            core = match.start() if "[[" in chain else match.end() - len(chain.lstrip("[("))
            said_as: Form = "brackets" if "[[" in chain else "sentence"
            yield Statement(match.start(), match.end(), _verdict(chain, n), said_as, core)
    for match in _ALONE.finditer(text):
        if stands_at(text, match.start("chain"), match.end(), position):
            verdict = _verdict(match["chain"], n)
            # One word of capitals is a ranking only if it is one: "NASA" is not.
            if verdict.is_valid:
                yield Statement(match.start("chain"), match.end("chain"), verdict, "alone", match.start("chain"))


def _directed(verdict: Verdict, label: str) -> Verdict:
    """The ranking best first, where its label says that the worst comes first."""
    if not verdict.is_valid or _WORST_FIRST.search(label) is None:
        return verdict
    return Ranking(verdict.value[::-1])  # type: ignore[index,arg-type]  # a ranking


_WORST_FIRST = re.compile(r"\bworst[ ]{0,2}(?:to|->|→|-|first)|\bascending\b|\bfrom (?:the )?worst\b", re.IGNORECASE)


def _value(content: str, n: int) -> Verdict:
    labels = [match["chain"] for match in _LABELED.finditer(content) if match["chain"] is not None]
    chain = _AHEAD.match(content.strip())
    if labels:
        return _verdict(labels[-1], n)
    if chain is None:
        return Invalid(f"unreadable ranking {content.strip()[:40]!r}")
    return _verdict(chain["chain"], n)


def _is_plain_ranking(chain: str) -> bool:
    if _BARE_NUMBER.search(chain):
        return False  # "3 > 1" is arithmetic
    return not re.search(r"[,;=]", chain) or ("[[" in chain and "=" not in chain)


def _verdict(chain: str, n: int) -> Verdict:
    if "=" in chain:
        return Invalid("ranking holds a tie")
    compact = re.fullmatch(r"\W*([A-Z]{2,40})\W*", chain)
    names = list(compact[1]) if compact else [match[1] or match[2] for match in _NAME.finditer(chain)]
    indices = [ascii_uppercase.index(name) if name.isalpha() else int(name) - 1 for name in names]
    for name, index in zip(names, indices, strict=True):
        if not 0 <= index < n:
            return Invalid(f"ranking names {name}, which is not among {n} responses")
    for index, letter in enumerate(ascii_uppercase[:n]):
        if index not in indices:
            return Invalid(f"ranking does not name {letter}")
        if indices.count(index) > 1:
            return Invalid(f"ranking names {letter} more than once")
    return Ranking(indices)
