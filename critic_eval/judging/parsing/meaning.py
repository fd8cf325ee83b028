"""Whether what a sentence says is meant: not where it denies, asks, supposes, concedes or gives an example."""

import re

from critic_eval.judging.parsing.places import sentence_bounds


def is_unmeant(text: str, start: int, end: int, in_words: bool = True) -> bool:
    """Whether the sentence around text[start:end] does not mean what that says.

    Args:
        text: an answer.
        start: where the statement begins.
        end: where it ends.
        in_words: it is said in running words; a form (a label, brackets) is taken back by a condition behind it, too.

    >>> is_unmeant("I would not choose [[A]].", 19, 24, in_words=False)
    True
    """
    first, last = sentence_bounds(text, start, end)
    before, after = text[first:start], text[end:last]
    # A quotation may stand between a verdict and a question mark that is not the sentence's.
    asks = after.rstrip(" \t\n)*_").endswith("?") or (end == last and text[last - 1 : last] == "?")
    clause = _CLAUSE.split(before)[-1]
    return bool(
        asks
        or _IF.match(text, first, end)
        or _WOULD.match(after)
        or _NEGATION.search(clause)
        or _DENIAL.search(before)
        or _CONCESSION.match(before)
        or _EXAMPLE.search(text, max(0, start - 30), start)
        or (not in_words and (_CONDITION.match(after) or _SUPPOSED.search(clause)))
    )


_CLAUSE = re.compile(
    r"[,;:–—，；：]|\b(?:but|so|however|therefore|thus|hence|yet|because|since|although|though|and)\b", re.I
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|nor|neither|cannot|whether|if|unless|hardly|doubt|wrong|false|incorrect|instead of|rather than"
    r"|without|far from)\b|n['’]t\b|不认为|并不|并非|没有|不是|未必|不能说|如果|是否",
    re.IGNORECASE,
)
# "I don't think, however, that …": the negation of an opinion reaches over commas.
_DENIAL = re.compile(
    r"(?:\b(?:not|never|hard|difficult|impossible)|n['’]t)[ ](?:to[ ])?(?:think|believe|say|claim|mean|agree|tell|true"
    r"|convinced|sure|clear|the case)\b",
    re.IGNORECASE,
)
_CONCESSION = re.compile(r"\W{0,4}(?:although|though|even though|even if|while|whereas)\b[^,]{0,200}\Z", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"(?:\b(?:for example|for instance|such as|an example(?: is| would be)?|in the form(?: of)?|in the format(?: of)?"
    r"|e\.g\.)|\bi\.e\. either)[\s:,(\"'“`]{0,6}\Z",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"[\])\"'”’`\s]{0,4}(?:if|unless|only if|in case|would|could|might|should|must|cannot|can't|isn't|is not|is wrong"
    r"|is incorrect|is false|is too|may)\b",
    re.IGNORECASE,
)
_WOULD = re.compile(r"[\])\"'”’`\s]{0,4}(?:would|could|might) (?:require|need|mean|have|be)\b", re.IGNORECASE)
# "If we look at the sign, …" supposes nothing.
_IF = re.compile(
    r"\W{0,6}(?:if|unless|suppose|supposing|assuming|provided that)\b(?! (?:I|we) (?:had to|have to|must|look"
    r"|consider|compare|focus|go by)| one (?:looks|considers)| forced| pressed)",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:would (?:need|require|deserve|have)|could have|might have|should have|to (?:get|reach|earn))\b", re.I
)
