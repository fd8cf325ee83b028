"""LLaVA-Critic-113k (arXiv 2410.02712) as an evaluation set: each row's own prompt, label and answer format."""

import re
from collections.abc import Iterator

from critic_eval.benchmarks.loading.cases import Case, UnusableError, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, get_protocol
from critic_eval.judging.verdicts import label_of


def read_pair(row: Row, source: HubData) -> Iterator[Case]:
    """A prompt with two responses in it, and an answer that prefers one or calls a tie."""
    prompt, answer = _turns(row)
    yield _case(row, prompt, answer, "given_pair", _pair_texts(prompt), source)


def read_score(row: Row, source: HubData) -> Iterator[Case]:
    """A prompt in the format of one of the benchmarks that the data was made of, told apart by its wording.

    It reads reviews of two scores (the label is the second's), five-way preferences (a score from -2 to 2), and scores
    out of 100 at the answer's end; rows in other formats are left out.
    """
    prompt, answer = _turns(row)
    protocol = next((name for name, mark in _FORMATS.items() if mark.search(prompt)), None)
    if protocol is None:
        raise UnusableError("the row's answer format is not known")
    judged = _JUDGED.findall(prompt)
    # The response is only needed to tell its words from the critic's own.
    yield _case(row, prompt, answer, protocol, [judged[-1].strip() or "-"] if judged else ["-"], source)


def _case(row: Row, prompt: str, answer: str, protocol: str, responses: list[str], source: HubData) -> Case:
    verdict = get_protocol(protocol).parse(answer, len(responses)).verdict
    if not verdict.is_valid:
        raise UnusableError(f"the row's answer holds no label ({verdict.reason})")
    kind = get_protocol(protocol).kind
    item = Item(str(row["id"]), prompt, responses_of(responses), source.images(row), group=_group(row, protocol))
    return Case(item, label_of(kind, verdict.value), protocol)


def _group(row: Row, protocol: str) -> str:
    """The source and, since a source may come in formats of different scales, the format."""
    return f"{row.get('source') or 'unknown'}, {protocol.removeprefix('given_')}"


def _turns(row: Row) -> tuple[str, str]:
    turns = row["conversations"]
    if len(turns) != 2:
        raise UnusableError("a row has other than two turns")
    prompt, answer = (text_of(turn, "value") for turn in turns)
    return prompt.replace("<image>", "").strip("\n"), answer


def _pair_texts(prompt: str) -> list[str]:
    match = _RESPONSES.search(prompt)
    if match is None:
        raise UnusableError("the prompt's two responses are not found")
    return [match["first"], match["second"]]


_RESPONSES = re.compile(
    r"(?:Response 1|Response A|The first response): ?\[(?P<first>.*?)\]\s*"
    r"(?:Response 2|Response B|The second response): ?\[(?P<second>.*)\]",
    re.DOTALL,
)
_JUDGED = re.compile(
    r"(?:\[Assistant [12]\]|<\|The Start of Assistant [AB]'s Answer\|>|Text Caption:)(.*?)"
    r"(?=\[End of Assistant|<\|The End of Assistant|\Z)",
    re.DOTALL,
)
_FORMATS = {
    "given_five_way": re.compile(r"\[\[A>>B\]\]"),
    "given_two_scores": re.compile(r"\[Assistant 2\]|two values indicating the scores"),
    "given_final_score": re.compile(r"Final Score|From 0 to 100"),
}
