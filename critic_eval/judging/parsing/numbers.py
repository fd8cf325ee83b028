"""Reading a number that is said as a score: "85", "4/5", "Good (4)", "85 %"; and refusing ranges and other scales."""

import re

from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, Score, Verdict

# Bounded, so that a long run of digits costs nothing and never reaches float().
NUMBER = r"[-+−]?(?:[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
# Not the beginning of "1,000", "1.5.2", "3rd" or "12h", and no term of a sum.
END = r"(?![0-9A-Za-z_]|[.,][0-9]|[ ]{0,2}(?:[+*×÷=±→]|->|[-−][ ][0-9]))"
OUT_OF = (
    rf"(?:[ ]{{0,2}}[(（]?(?:/|out of|of(?=[ ][0-9])|满分)[ ]{{0,2}}(?:a[ ]|the[ ]|(?:possible|maximum|total)[ ]"
    rf"(?:of[ ])?)?\[?(?P<out_of>{NUMBER}){END}\]?)?"
)
# "85-90" and "85 to 90" are ranges; a comma or a spaced hyphen may begin another clause.
RANGE = rf"(?:(?P<range>[ ]{{0,2}}(?:to|or|and|~|–|—|～|至|到)[ ]{{0,2}}|-)\[{{0,2}}{NUMBER}{END})?"
GRADE = (
    rf"(?:(?P<word>[A-Za-z][A-Za-z -]{{1,24}}?)[ ]?\([ ]?)?(?P<number>{NUMBER}){END}{RANGE}\]{{0,2}}{OUT_OF}"
    r"(?P<percent>[ ]?%)?(?P<after>[ ]?(?:points?|pts|stars?|分)(?!\w))?[ ]?\)?"
)
"""A number with what may belong to it."""

Scale = tuple[float, float]


def score(content: str, scale: Scale) -> Verdict:
    """The score that a bracket, a field or a tag holds, whole; invalid with the reason where it holds none.

    >>> score("[[4]]", (1, 5)).value, score("Good (4)", (1, 5)).value, score("4-5", (1, 5)).reason
    (4.0, 4.0, 'contradictory verdicts')
    """
    brackets = {on_scale(number, scale) for number in _DOUBLE.findall(content)}
    if len(brackets) == 1:
        return next(iter(brackets))  # "Good (4): [[4]]"
    words = _MARKUP.sub("", content).strip().strip("\"'“”‘’`[](){}$.:;").strip()
    match = _WHOLE.match(words)
    if match is None:
        if len(set(re.findall(NUMBER, content[:200]))) > 1:
            return Invalid(CONTRADICTORY)
        return Invalid(f"unreadable score {content.strip()[:40]!r}")
    return graded(match, scale)


def graded(match: re.Match[str], scale: Scale) -> Verdict:
    """The verdict of a match of `GRADE`."""
    if match["range"] is not None:
        return Invalid(CONTRADICTORY)
    return on_scale(match["number"], scale, match["out_of"], bool(match["percent"]))


def on_scale(number: str, scale: Scale, out_of: str | None = None, percent: bool = False) -> Verdict:
    """A score as a verdict; one on another scale, or outside of this one, is invalid: nothing is rescaled."""
    low, high = scale
    value = as_float(number)
    top = 100.0 if percent else None if out_of is None else as_float(out_of)
    if top is not None and top != high:
        return Invalid(f"score {value:g} of {top:g} on another scale than {low:g} to {high:g}")
    if not low <= value <= high:
        return Invalid(f"score {value:g} outside {low:g} to {high:g}")
    return Score(value)


def stated_top(label: str) -> str | None:
    """The greatest score that a label itself states, in brackets.

    >>> stated_top("Score (out of 10):"), stated_top("Score (1-5):"), stated_top("Score (higher is better):")
    ('10', '5', None)
    """
    match = _TOP.search(label)
    return None if match is None else match["top"]


_TOP = re.compile(
    rf"[(\[（][^()\[\]\n]{{0,30}}?(?:out of|/|max\.?|of|to|[-–—~])[ ]{{0,2}}"
    rf"(?P<top>{NUMBER.removeprefix('[-+−]?')})[^()\[\]\n0-9]{{0,12}}[)\]）]",
    re.I,
)


def as_float(text: str) -> float:
    """A number as `NUMBER` has it."""
    return float(text.replace("−", "-"))


_DOUBLE = re.compile(rf"\[\[\s{{0,2}}({NUMBER})\s{{0,2}}\]\]")
_MARKUP = re.compile(r"[*`]")
_WHOLE = re.compile(GRADE + r"(?=[\s\"'”’)\]}.,;:!]{0,8}(?:\Z|\n|[(–—-]|[A-Za-z][^0-9]{0,200}\Z))", re.IGNORECASE)
