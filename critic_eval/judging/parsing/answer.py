"""From a critic's raw text to the part that answers: without thoughts, markup and tokens of a conversation.

A thinking critic drafts verdicts before it gives one, and a draft is none. What is read is a *view* of the raw text:
thoughts are cut, emphasis, end-of-turn tokens and struck-out words are gone, and line ends and brackets are plain.
Every place of it maps back to the raw text, so that a reader can be shown what was read.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

UNFINISHED = "unfinished thinking"
EMPTY = "empty answer"

Marks = tuple[str, str]
"""What opens and what closes a thought, to the letter."""


@dataclass(frozen=True)
class Answer:
    """The part of a raw text that answers, as it is read.

    `text` is the view; `starts` and `origins` say where its pieces begin in it and in the raw text. `reason` says why
    there is nothing to read, where that is so.
    """

    text: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]
    reason: str | None = None

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Where text[start:end], of at least one character, stands in the raw text."""
        return self._origin(start), self._origin(end - 1) + 1

    def _origin(self, at: int) -> int:
        piece = bisect_right(self.starts, at) - 1
        return self.origins[piece] + at - self.starts[piece]


def find_answer(raw: str, shown: Sequence[str] = (), marks: Sequence[Marks] = ()) -> Answer:
    r"""The answer in a critic's raw text. Never raises; linear in the length of the text.

    Thoughts are what stands between the marks of reasoning that the field uses (`<think>`, `<thinking>`, `<analysis>`,
    `<reasoning>`, `◁think▷`, `[THINK]`, gpt-oss' channels, ...), and before a closing mark without an opening one,
    which some prompts hold. A mark in quotation marks, and one that a shown text holds, is none, unless the answer
    opens with it. Of an answer of more than 40,000 characters the beginning and the end are read.

    Args:
        raw: the critic's whole text.
        shown: texts that the critic was shown and may quote.
        marks: further pairs that open and close a thought.

    >>> find_answer("<think>The first? No.</think>\r\n**Score:** 4</s>").text.strip()
    'Score: 4'
    >>> find_answer("<think>The first? No").reason
    'unfinished thinking'
    """
    kept = _without_thoughts(raw, shown, marks)
    if kept is None:
        return Answer("", (0,), (0,), UNFINISHED)
    turn = next((match.start() for match in _NEXT_TURN.finditer(raw) if match[0] not in "".join(shown)), len(raw))
    kept = [(start, min(end, turn)) for start, end in kept if start < turn]
    pieces: list[tuple[int, str]] = []
    for start, end in _within_reach(kept):
        if pieces:
            pieces.append((start, "\n"))
        pieces += _plain(raw, start, end)
    starts, length = [], 0
    for _, piece in pieces:
        starts.append(length)
        length += len(piece)
    text = "".join(piece for _, piece in pieces)
    origins = tuple(origin for origin, _ in pieces)
    return Answer(text, tuple(starts) or (0,), origins or (0,), None if text.strip() else EMPTY)


def opens_thought(raw: str, marks: Sequence[Marks] = ()) -> bool:
    r"""Whether a text ends within a thought, so that what follows it is still thinking.

    >>> opens_thought("<|im_start|>assistant\n<think>\n")
    True
    """
    return _without_thoughts(raw, (), marks) is None


def thought_end(raw: str, marks: Sequence[Marks] = ()) -> int:
    r"""How many characters of a raw text its thoughts take: to the end of the last one, or all where one is open.

    >>> thought_end("<think>The first? No.</think>Score: 4"), thought_end("Score: 4"), thought_end("<think>The")
    (29, 0, 10)
    """
    kept = _without_thoughts(raw, (), marks)
    return kept[-1][0] if kept else len(raw)


_TAGS = "think|thinking|thought|thoughts|analysis|reasoning|reason|reflection|scratchpad|internal_monologue|seed:think"
_FIXED: tuple[Marks, ...] = (
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
_REACH = 20_000
"""Characters that are read at either end; no answer without its thoughts is as long as both."""

_NEXT_TURN = re.compile(
    r"<\|im_start\|>\s{0,3}(?:user|system|human)\b|<\|start_header_id\|>\s{0,3}(?:user|system)\b|<start_of_turn>\s{0,3}user\b"
    r"|<\|user\|>|<｜User｜>|^\[User Question\]|^<\|User Prompt\|>",
    re.MULTILINE,
)
"""What follows is not an answer: the model went on with a conversation of its own making."""
_END_TOKENS = (
    r"</?s>|<eos>|<bos>|<pad>|<end_of_turn>|<start_of_turn>(?:model)?|\[/?INST\]|<\|(?:im_end|im_start|endoftext|end"
    r"|eot_id|end_of_text|start_header_id|end_header_id|return|call|start|message|channel|begin_of_solution"
    r"|end_of_solution|END_RESPONSE|START_RESPONSE|begin_of_box|end_of_box|eom_id|assistant|user|system)\|>"
    r"(?:assistant|final)?|<｜[a-z▁_ ]{1,40}｜>"
)
_LATEX = r"\\(?:text|textbf|textit|mathrm|mathbf|emph)\{(?P<latex>[^{}\n]{0,80})\}"
_HTML = r"</?(?:b|i|u|em|strong|span|p|br|mark|center|font|small|big|h[1-6])(?:\s[^<>\n]{0,60})?/?>"
_EDITS = re.compile(
    rf"(?P<line>\r\n?|\u2028|\u2029|\x85|\x0b|\x0c)|(?P<end>{_END_TOKENS})|{_LATEX}|(?P<html>{_HTML})"
    r"|(?P<escape>\\(?=[\[\]*_]))|(?P<entity>&(?:gt|lt|amp|quot|nbsp|\#39);)|(?P<struck>~~[^~\n]{1,200}~~)"
    # A star before a space at the beginning of a line is a bullet; elsewhere stars are emphasis. So are underscores
    # that no word goes on over.
    r"|(?P<stars>\*+(?![ \t*])|(?<=\S)\*+)|(?P<unders>(?<![A-Za-z0-9_])_{1,3}(?=[^\s_])|(?<=[^\s_])_{1,3}"
    r"(?![A-Za-z0-9_]))|(?P<hidden>[\u200b-\u200f\u2060\ufeff\u00ad\u202a-\u202e\u2066-\u2069]+)",
    re.IGNORECASE,
)
_ENTITIES = {"&gt;": ">", "&lt;": "<", "&amp;": "&", "&quot;": '"', "&nbsp;": " ", "&#39;": "'"}
_PLAIN_CHARACTERS = str.maketrans(
    {
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
        **dict.fromkeys("\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " "),
        **dict(zip("【】〔〕⟦⟧〖〗「」『』", '[][][][]""""', strict=True)),
        **dict.fromkeys("‐‑‒", "-"),
    }
)


def _without_thoughts(raw: str, shown: Sequence[str], marks: Sequence[Marks]) -> list[tuple[int, int]] | None:
    """Spans of the raw text outside of all thoughts; None where a thought is still open at the end."""
    pattern = _pattern(tuple(marks))
    held = {match[0].casefold() for text in shown for match in pattern.finditer(text)}
    kept: list[tuple[int, int]] = []
    start, opened = 0, None
    for match in pattern.finditer(raw):
        family, closes = _family(match, marks)
        if opened is None:
            is_first = match.start() < 200 and not closes and not raw[: match.start()].strip()
            if not is_first and (match[0].casefold() in held or _is_quoted(raw, *match.span())):
                continue
            if closes:
                kept = []  # the opening mark stands in the prompt: all before is thought
                start = match.end()
                continue
            kept.append((start, match.start()))
            opened = family
        elif closes and family == opened and not _is_quoted(raw, *match.span()):
            start, opened = match.end(), None
    if opened is not None:
        return None
    kept.append((start, len(raw)))
    return [(begin, end) for begin, end in kept if begin < end]


def _pattern(marks: tuple[Marks, ...]) -> re.Pattern[str]:
    if marks not in _patterns:
        fixed = [
            rf"(?P<open{i}>{re.escape(opening)})|(?P<close{i}>{re.escape(closing)})"
            for i, (opening, closing) in enumerate((*_FIXED, *marks))
        ]
        tags = rf"<[ \t]{{0,2}}(?P<slash>/?)[ \t]{{0,2}}(?P<tag>{_TAGS})(?:\s[^<>\n]{{0,60}})?[ \t]{{0,2}}>"
        _patterns[marks] = re.compile("|".join((tags, *fixed)), re.IGNORECASE)
    return _patterns[marks]


_patterns: dict[tuple[Marks, ...], re.Pattern[str]] = {}


def _family(match: re.Match[str], marks: Sequence[Marks]) -> tuple[str, bool]:
    if match["tag"] is not None:
        return match["tag"].casefold(), bool(match["slash"])
    name = match.lastgroup or ""
    return name.removeprefix("open").removeprefix("close"), name.startswith("close")


def _is_quoted(raw: str, start: int, end: int) -> bool:
    before, after = raw[start - 1 : start], raw[end : end + 1]
    return (before, after) in _QUOTED


_QUOTED = {('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("«", "»")}


def _within_reach(kept: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    total = sum(end - start for start, end in kept)
    if total <= 2 * _REACH:
        return list(kept)
    head: list[tuple[int, int]] = []
    tail: list[tuple[int, int]] = []
    room = _REACH
    for start, end in kept:
        if room > 0:
            head.append((start, min(end, start + room)))
            room -= end - start
    room = _REACH
    for start, end in reversed(kept):
        if room > 0:
            tail.append((max(start, end - room), end))
            room -= end - start
    return [*head, *reversed(tail)]


def _plain(raw: str, start: int, end: int) -> list[tuple[int, str]]:
    """Pieces of the view of raw[start:end], each with its place in the raw text."""
    pieces: list[tuple[int, str]] = []
    at = start
    for match in _EDITS.finditer(raw, start, end):
        if at < match.start():
            pieces.append((at, raw[at : match.start()].translate(_PLAIN_CHARACTERS)))
        at = match.end()
        if match["line"] or (match["html"] and match["html"].casefold()[:3] in ("<br", "<p>", "</p", "<h1", "<h2")):
            pieces.append((match.start(), "\n"))
        elif match["entity"]:
            pieces.append((match.start(), _ENTITIES[match["entity"].casefold()]))
        elif match["latex"]:
            pieces.append((match.start("latex"), match["latex"].replace("*", "").translate(_PLAIN_CHARACTERS)))
    if at < end:
        pieces.append((at, raw[at:end].translate(_PLAIN_CHARACTERS)))
    return pieces
