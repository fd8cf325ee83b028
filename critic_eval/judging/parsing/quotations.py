"""Which parts of an answer are somebody else's words by their marks: quotation marks, code, block quotes, blocks.

A mark opens or closes a quotation within its line; only a pair reaches over line ends, and never over an empty line.
A mark without its partner quotes nothing, but for one that a report introduces (It says "I am right.): the answer may
have been cut short, or the closing mark forgotten, and then the paragraph is the quotation.
"""

import re
from collections.abc import Iterator, Sequence


def quoted_spans(text: str) -> list[tuple[int, int]]:
    r"""Spans of quoted text, marks included, in order and apart from each other.

    >>> text = 'It isn\'t "Score: 100" that counts, on a 5" screen.'
    >>> [text[start:end] for start, end in quoted_spans(text)]
    ['"Score: 100"']
    """
    return merged([*block_spans(text), *marked_spans(text)])


def marked_spans(text: str) -> list[tuple[int, int]]:
    """Spans between quotation marks, in code spans and in fenced code, in order; one may lie in another."""
    fences = [match.span() for match in _FENCE.finditer(text)]
    spans = list(fences)
    for start, end in _paragraphs(text):
        spans += _pairs(text, [match.start() for match in _MARK.finditer(text, start, end)], end)
    return sorted(spans)


def block_spans(text: str) -> list[tuple[int, int]]:
    """Spans that are set apart as somebody's words: lines behind `>`, and blocks such as `<response>…</response>`."""
    spans = [match.span() for match in _BLOCK_QUOTE.finditer(text)]
    opened: dict[str, int] = {}
    for match in _BLOCK_TAG.finditer(text):
        name = match["name"].casefold()
        if not match["slash"]:
            opened.setdefault(name, match.start())
        elif name in opened:
            spans.append((opened.pop(name), match.end()))
    return sorted(spans)


def has_open_mark(text: str) -> bool:
    """Whether a quotation mark of a text that goes on may still find its partner.

    >>> has_open_mark('It reads "two dogs'), has_open_mark('It reads "two dogs".')
    (True, False)
    """
    # A quotation that only the text's end ends is open.
    spans = [span for span in merged(marked_spans(text)) if span[1] < len(text) or text[-1] in _CLOSING | {"~"}]
    marks = [match.start() for match in _MARK.finditer(text) if _may_open(f"{text}x", match.start())]
    fences = len(_FENCE_LINE.findall(text)) % 2
    return bool(fences) or any(not any(start <= at < end for start, end in spans) for at in marks)


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, with those that overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def fold(text: str) -> str:
    r"""Text as it is compared: case folded, white space single.

    >>> fold(" The  BETTER\n response")
    'the better response'
    """
    return " ".join(text.casefold().split())


def words_of(text: str) -> str:
    """The words of a text as they are compared, without case, spacing, markup and punctuation; a blank at either end.

    >>> words_of("**The better** response: [[First]]!")
    ' the better response first '
    """
    return f" {' '.join(_WORDS.findall(text.casefold()))} "


# Letters beyond ASCII are words by themselves, so that languages without spaces are compared, too.
_WORDS = re.compile(r"[a-z0-9]+|[^\W_]")
_CLOSERS = {"“": "”", "„": "“”", "«": "»", '"': '"', "‘": "’", "'": "'", "`": "`"}
_CLOSING = frozenset("”“»\"’'`")
# These also serve as apostrophes, primes or stray markup: they quote within one line only.
_WEAK = frozenset("‘'`")
_MARK = re.compile("[“”„«»\"‘’'`]")
_FENCE = re.compile(
    r"^[ \t]{0,3}(?P<fence>`{3,8}|~{3,8}|\"{3}|'{3})[^\n`]{0,80}\n(?:.{0,20000}?\n)??[ \t]{0,3}(?P=fence)", re.M | re.S
)
_FENCE_LINE = re.compile(r"^[ \t]{0,3}(?:`{3}|~{3}|\"{3}|'{3})", re.MULTILINE)
_BLOCK_QUOTE = re.compile(r"^[ \t]{0,3}>[^\n]*", re.MULTILINE)
_BLOCK_TAG = re.compile(
    r"<(?P<slash>/?)(?P<name>(?:the[_-])?(?:response|quote|quotation|quoted|blockquote|q|assistant|candidate|excerpt"
    r"|text|document|user|input|prompt|context|message|transcript|source|reply|student|model)(?:[_-]?\w{1,12})?)"
    r"(?:\s[^<>\n]{0,60})?>",
    re.IGNORECASE,
)
_BLANK_LINE = re.compile(r"\n[ \t]{0,40}\n")
_REPORT_BEFORE = re.compile(
    r"\b(?:says?|said|claims?|states?|writes?|wrote|reads?|asserts?|argues?|demands?|asks?|quotes?)\W{0,3}\Z", re.I
)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _BLANK_LINE.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _pairs(text: str, marks: Sequence[int], paragraph_end: int) -> Iterator[tuple[int, int]]:
    """Quotations in one paragraph: pairs within lines first, then what is left over, in pairs."""
    openers: list[int] = []
    left: list[int] = []
    line_end = -1
    for at in marks:
        if at > line_end:
            left += openers
            openers = []
            line_end = text.find("\n", at, paragraph_end) % (paragraph_end + 1)
        opener = next((mark for mark in reversed(openers) if text[at] in _CLOSERS[text[mark]]), None)
        if opener is not None and _may_close(text, at):
            del openers[openers.index(opener) :]
            yield opener, at + 1
        elif _may_open(text, at):
            if all(text[at] != text[mark] for mark in openers):
                openers.append(at)
        elif text[at] in _CLOSING and _may_close(text, at):
            left.append(at)
    left += openers
    waiting: int | None = None
    for at in sorted(mark for mark in left if text[mark] not in _WEAK and text[mark] != "’"):
        if waiting is not None and text[at] in _CLOSERS[text[waiting]] and _may_close(text, at):
            yield waiting, at + 1
            waiting = None
        elif _may_open(text, at):
            if waiting is None and _REPORT_BEFORE.search(text, max(0, at - 30), at):
                yield at, paragraph_end
            waiting = at


def _may_open(text: str, at: int) -> bool:
    if text[at] not in _CLOSERS or text[at - 1 : at].isalnum():
        return False
    return bool(text[at + 1 : at + 2].strip())


def _may_close(text: str, at: int) -> bool:
    return not text[at + 1 : at + 2].isalnum() and bool(text[at - 1 : at].strip())
