"""Reading in which order a critic ranks several responses."""

import re
from collections.abc import Iterator, Sequence
from string import ascii_uppercase

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import MAX_RESPONSES
from critic_eval.judging.reading import Parsed, Statement, VerdictPosition, at_decisive_place, decide
from critic_eval.judging.verdicts import Verdict


def parse_ranking(
    text: str, n_responses: int, responses: Sequence[str] = (), position: VerdictPosition = "first"
) -> Parsed:
    r"""Read a ranking of n responses, best first, from a critic's answer.

    Read are "Ranking: [C > A > D > B]" (also with commas, without brackets, or "CADB"), "[[C]], [[A]], [[D]], [[B]]",
    "Response C > Response A > …", and the letters alone at the decisive place. Every response must be named once and no
    two be equal; else the verdict is invalid with the reason. How one verdict is chosen among several is in
    `critic_eval.judging.reading`.

    Args:
        text: The critic's answer; any str.
        n_responses: How many responses were shown, 2 to 26; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.

    >>> parse_ranking("Ranking: [C > A > B]\nResponse C counts right.", 3).verdict.value
    (2, 0, 1)
    >>> parse_ranking("Ranking: [C > A]", 3).verdict.reason
    'ranking does not name B'
    """
    if not 2 <= n_responses <= MAX_RESPONSES:
        raise ArgumentError(f"A ranking is of 2 to {MAX_RESPONSES} responses, not {n_responses}.")
    return decide(text, _statements(text, n_responses, position), position, responses)


# Letters in upper case only: "a" is an article. Numbers count from 1.
_TOKEN = r"(?:(?:[Rr]esponse|[Aa]nswer|[Aa]ssistant)[ ]?)?[\[(]{0,2}(?:[A-Z]|[0-9]{1,2})(?![A-Za-z0-9])[\])]{0,2}"
_CHAIN = rf"{_TOKEN}(?:\s{{0,3}}(?:>{{1,2}}|≻|→|,|;|=)\s{{0,3}}{_TOKEN}){{1,40}}"
_COMPACT = r"[A-Z]{2,40}(?![A-Za-z0-9])"
_LABELED = re.compile(
    r"(?P<final>\b(?:[Ff]inal|[Oo]verall)[ ]{1,2})?\b(?P<core>[Rr](?:anking|ank|anked|ANKING)[*_\"']{0,4}"
    r"[ \t]{0,2}[:：=][*_\s]{0,6}"
    rf"(?:(?P<chain>\[?[ ]{{0,2}}(?:{_CHAIN}|{_COMPACT})[ ]{{0,2}}\]?)|\[(?P<other>[^\[\]\n]{{0,80}})\]))"
)
# Without a label, only what can hardly be anything else: a chain of ">" or of double brackets. A comma may just list.
_UNLABELED = re.compile(rf"(?<![\w>])(?P<chain>{_CHAIN})")
_ALONE = re.compile(rf"^[ \t*_\[]{{0,8}}(?P<chain>{_COMPACT}|{_CHAIN})[\]*_.\t ]{{0,8}}$", re.MULTILINE)
_NAME = re.compile(r"(?<![A-Za-z0-9])(?:([A-Z])|([0-9]{1,2}))(?![A-Za-z0-9])")
_BARE_NUMBER = re.compile(r"(?:\A|[>≻→,;=]\s{0,3})[0-9]")


def _statements(text: str, n: int, position: VerdictPosition) -> Iterator[Statement]:
    for match in _LABELED.finditer(text):
        rank, start = (0 if match["final"] else 1), match.start("core")
        verdict = (
            _verdict(match["chain"], n)
            if match["chain"] is not None
            else Verdict.invalid(f"unreadable ranking {match['other'][:40]!r}")
        )
        yield Statement(match.start(), match.end(), verdict, rank, start)
    for match in _UNLABELED.finditer(text):
        chain = match["chain"]
        if _is_plain_ranking(chain):
            # The bracket may be the sentence's, around a quote.
            core = match.start() if "[[" in chain else match.end() - len(chain.lstrip("[("))
            yield Statement(match.start(), match.end(), _verdict(chain, n), 2, core)
    for match in _ALONE.finditer(text):
        if at_decisive_place(text, match.start("chain"), match.end(), position):
            verdict = _verdict(match["chain"], n)
            # One word of capitals is a ranking only if it is one: "NASA" is not.
            if verdict.is_valid:
                yield Statement(match.start("chain"), match.end("chain"), verdict, 1, match.start("chain"))


def _is_plain_ranking(chain: str) -> bool:
    if _BARE_NUMBER.search(chain):
        return False  # "3 > 1" is arithmetic
    return not re.search(r"[,;=]", chain) or ("[[" in chain and "=" not in chain)


def _verdict(chain: str, n: int) -> Verdict:
    if "=" in chain:
        return Verdict.invalid("ranking holds a tie")
    compact = re.fullmatch(r"\W*([A-Z]{2,40})\W*", chain)
    names = list(compact[1]) if compact else [match[1] or match[2] for match in _NAME.finditer(chain)]
    indices = [ascii_uppercase.index(name) if name.isalpha() else int(name) - 1 for name in names]
    for name, index in zip(names, indices, strict=True):
        if not 0 <= index < n:
            return Verdict.invalid(f"ranking names {name}, which is not among {n} responses")
    for index, letter in enumerate(ascii_uppercase[:n]):
        if index not in indices:
            return Verdict.invalid(f"ranking does not name {letter}")
        if indices.count(index) > 1:
            return Verdict.invalid(f"ranking names {letter} more than once")
    return Verdict.ranking(indices)
