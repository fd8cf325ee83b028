"""Reading which response a few words name: "[second]", "Answer 2", "tie"."""

import re

from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, Preference, Verdict

INDEX = {
    **dict.fromkeys(["1", "a", "one", "first", "1st", "former", "一", "甲", "①"], 0),
    **dict.fromkeys(["2", "b", "two", "second", "2nd", "latter", "二", "乙", "②"], 1),
}
TIES = frozenset(
    (
        "equal, equally good, equally bad, equally poor, equal quality, tie, tied, draw, both, same, neither, a tie,"
        " a draw, both equal, it's a tie, both are equal, they are equal, no preference, equivalent, both equally good,"
        " both equally bad, both are equally good, 平局, 平手, 一样, 相同, 相当"
    ).split(", ")
)
NOUN = r"(?:responses?|answers?|assistants?|options?|outputs?|candidates?|models?|repl(?:y|ies)|captions?|choice|one)"
ORDINAL = r"(?:first|second|1st|2nd|former|latter)"
NUMBER = r"(?:1|2|A|B|one|two)"


def side(word: str) -> int:
    """The index that a word names.

    >>> side("Second")
    1
    """
    return INDEX[_DOTTED.sub("i", word.casefold())]


_DOTTED = re.compile("ı|i\u0307")
"""Letters that match an i where case is ignored, and are not an i."""


def choice(content: str, double: bool = False) -> Verdict:
    """The preference that the words in a bracket, a tag or a field name, whole; invalid with the reason where none.

    Args:
        content: the words that stand in the bracket, the tag or the field.
        double: they stand in double brackets, where C is a tie.

    >>> choice("the second response").value, choice("either").reason
    (1, "unreadable choice 'either'")
    """
    words = " ".join(_MARKUP.sub(" ", content.casefold()).split()).strip(" .,;:!")
    if words in TIES or (double and words == "c"):
        return Preference(None)
    if match := _WHOLE.fullmatch(words):
        return Preference(side(match[1] or match[2]))
    named = {side(word) for word in _WORD.findall(content)}
    return Invalid(CONTRADICTORY if len(named) == 2 else f"unreadable choice {content.strip()[:40]!r}")


_MARKUP = re.compile(r"[*\"'“”‘’`\[\]()<>{}$#_]|\\")
_WHOLE = re.compile(
    rf"(?:the )?(?:{NOUN} ?)?({ORDINAL}|{NUMBER.lower()})(?:['’]?s)?(?: {NOUN})?(?: is)?(?: (?:the )?(?:much "
    rf"|slightly )?"
    r"(?:better|best|preferred|superior))?(?: one| response| answer)?|(?:第|回答|答案|回复|选项|助手)?([一二甲乙①②])"
    r"(?:个)?(?:回答|答案|回复)?(?:更好)?"
)
_WORD = re.compile(rf"\b({ORDINAL}|{NUMBER})\b", re.IGNORECASE)
