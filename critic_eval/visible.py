"""Text of others where a person reads it: what a terminal or a page would act on is shown instead."""

import re


def visible(text: object, longest: int | None = None) -> str:
    r"""Text in one line that no terminal acts on, and that any encoding of Unicode can write.

    Control characters become their pictures (escape, bell, line ends, tabs), what else is not to be seen (C1 controls,
    marks that turn the direction of writing, zero widths, lone surrogates) becomes its escape. Doing it twice changes
    nothing.

    Args:
        text: what is shown; anything but text as `str` gives it.
        longest: characters at most; what is longer ends in an ellipsis.

    >>> visible("\x1b[31mred\n"), visible("a\u202eb"), visible("abcdef", 4)
    ('␛[31mred␊', 'a\\u202eb', 'abc…')
    """
    told = text if isinstance(text, str) else str(text)
    if longest is not None and len(told) > longest:
        told = f"{told[: longest - 1]}…"
    return _HIDDEN.sub(_shown, told)


_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
