"""Which parts of an answer are somebody else's words: quotation marks, code spans, block quotes."""

import re
from bisect import bisect_right


def quoted_spans(text: str) -> list[tuple[int, int]]:
    r"""Spans of quoted text, marks included, in order and apart from each other.

    A mark opens a quote unless a word character stands before it (5", it's) and closes one unless a word character
    follows. A double quote that is never closed, as in an answer cut short, runs to the end of the text.

    >>> text = 'It isn\'t "Score: 100" that counts.'
    >>> [text[start:end] for start, end in quoted_spans(text)]
    ['"Score: 100"']
    """
    spans = [match.span() for match in _BLOCK_QUOTE.finditer(text)]
    marks = [match.start() for match in _MARK.finditer(text)]
    closers = {
        opener: [at for at in marks if text[at] in closing and not _is_word(text, at + 1)]
        for opener, closing in _PAIRS.items()
    }
    paragraph_ends = [match.start() for match in _BLANK_LINE.finditer(text)]
    reached = 0
    for at in marks:
        if at < reached or text[at] not in _PAIRS or _is_word(text, at - 1):
            continue
        close = _first_after(closers[text[at]], at, len(text))
        if text[at] in _WEAK and close >= _first_after(paragraph_ends, at, len(text)):
            continue
        reached = min(close + 1, len(text))
        spans.append((at, reached))
    return _merged(spans)


def fold(text: str) -> str:
    r"""Text as it is compared: case folded, white space single.

    >>> fold(" The  BETTER\n response")
    'the better response'
    """
    return " ".join(text.casefold().split())


_PAIRS = {"“": "”", "„": "“”", "«": "»", '"': '"', "‘": "’", "'": "'", "`": "`"}
# These also serve as apostrophes, primes or stray markup: without a closing mark in the paragraph they quote nothing.
_WEAK = frozenset("‘'`")
_MARK = re.compile("[“”„«»\"‘’'`]")
_BLOCK_QUOTE = re.compile(r"^[ \t]{0,3}>[^\n]*", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]{0,40}\n")


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalnum()


def _first_after(places: list[int], at: int, default: int) -> int:
    index = bisect_right(places, at)
    return places[index] if index < len(places) else default


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
