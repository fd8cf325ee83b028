"""Labels in an answer: those that sum up ("Overall Judgment:"), and those of single criteria ("2. Clarity:")."""

import re
from collections.abc import Iterator

from critic_eval.judging.parsing.places import line_bounds
from critic_eval.judging.parsing.statements import Form


def closing_labels(text: str) -> Iterator[tuple[int, int, Form]]:
    """Where a label that sums up begins, where what it says begins, and what form it gives to that.

    Below "Answer:", "Result:" or "Evaluation:" a critic may as well solve the question itself: these are labels, but
    not closing ones.

    Closing labels are "Overall Judgment:", "Final Verdict is", "**Verdict**:", "## Conclusion" above its line,
    "Overall:", "最终判断：", "总分：", and the like, at the beginning of a line or a sentence.
    """
    for match in _CLOSING.finditer(text):
        form: Form = "label" if _WEAK.search(match["label"]) else "closing label"
        yield match.start("label"), match.end(), form


def is_criterion(text: str, start: int, headed: bool = True) -> bool:
    """Whether a statement at `start` is on one criterion: by the label before it on its line, or the heading above.

    A label or brackets outgrow the section that they stand in: for them `headed` is off.

    >>> is_criterion("2. Clarity: Answer 1 is better.", 12), is_criterion("Reason: Answer 1 is better.", 8)
    (True, False)
    """
    line = line_bounds(text, start)[0]
    label = _LINE_LABEL.match(text, line, start)
    if label is not None:
        name = label["name"].casefold().strip()
        if _SUMS_UP.search(name):
            return False
        return bool(_CRITERION.search(name)) or bool(label["item"] and not _NEUTRAL.search(name))
    if not headed:
        return False
    above = text[max(0, line - _HEADING_REACH) : line]
    headings = _HEADING.findall(above)
    return bool(headings and _CRITERION.search(headings[-1]) and not _SUMS_UP.search(headings[-1]))


def names_criterion(name: str) -> bool:
    """Whether a key or a label names a criterion.

    >>> names_criterion("visual accuracy"), names_criterion("overall quality")
    (True, False)
    """
    return _CRITERION.search(name.replace("_", " ")) is not None and _SUMS_UP.search(name.replace("_", " ")) is None


def judges_one_side(before: str) -> bool:
    """Whether the words before a statement in its sentence say that it is on one criterion.

    >>> judges_one_side("For clarity, "), judges_one_side("For these reasons, ")
    (True, False)
    """
    match = _AS_FOR.match(before)
    return match is not None and _CRITERION.search(match[0]) is not None


_AS_FOR = re.compile(
    r"\W{0,8}(?:for|in terms of|regarding|concerning|on|as for|in|with respect to|with regard to|when it comes to)[ ]"
    r"[^,.\n]{3,40},[ ]?\Z",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:answer|results?|evaluation|assessment|comparison|quality|performance|impression)\b(?![ ](?:verdict|score"
    r"|rating))|答案|结果|选择|评价",
    re.IGNORECASE,
)
_HEADING_REACH = 3_000
_NOUN = (
    r"(?:verdict|judge?ments?|decision|choice|conclusion|evaluation|assessment|answer|ranking|rank|rating|score|grade|mark"
    r"|result|winner|preference|pick|recommendation|quality|performance|impression|comparison|total)"
)
_CHINESE = (
    r"(?:最终|总体|综合|最后|整体)?(?:判断|评价|评判|结论|裁决|裁定|选择|评分|得分|分数|总分|评级|答案|结果|判决|判定)"
    r"(?:结果)?(?:为|是)?"
)
_CLOSING = re.compile(
    r"(?:(?<=\n)|\A|(?<=[.!?,;。；，}\]|)][ ])|(?<=[.!?。，；]))[ \t>#*|\-–—(\[{\"'`]{0,8}"
    r"(?:\d{1,2}[.)][ ]{0,2})?[\"'*_]{0,2}"
    r"(?P<label>(?:(?:so|thus|therefore|hence|in conclusion|in summary|to sum up|and)[, ]{1,2}){0,2}(?:(?:the|my)[ ])?"
    rf"(?:(?:final|overall|ultimate|corrected|revised|updated|concluding|total|aggregate|combined|summary)[ ]{{1,2}}"
    rf"(?:(?:overall|final)[ ])?(?:{_NOUN}[ ]{{0,2}}){{1,2}}"
    rf"|verdict|judge?ment|conclusion|decision|winner|overall|final|total|result|最终|{_CHINESE})"
    r"(?:[ ]?\([^()\n]{0,40}\))?"
    # A colon, or "is" after a label that has a noun, or the end of a heading's line.
    r"[\"'*_`]{0,3}[ \t]{0,3}(?:[:：=]|->|→|[|][ ]|(?:is|would be|goes to)\b[ ]?:?|\n))"
    r"(?:[ \t]{0,3}\n){0,2}[ \t*_]{0,6}",
    re.IGNORECASE,
)
_LINE_LABEL = re.compile(
    r"[ \t>*|]{0,8}(?P<item>(?:[-•+·][ \t]{0,3}|\(?\d{1,2}[.)][ \t]{0,3}|#{1,6}[ \t]{1,3}|\*[ \t]){0,2})"
    r"[*_\"']{0,3}(?P<name>[A-Za-z\u4e00-\u9fff][A-Za-z\u4e00-\u9fff '’&/,()-]{0,48}?)[*_\"']{0,3}[ \t]{0,2}"
    r"(?:[:：]|[ ][-–—][ ]|\|)",
)
_HEADING = re.compile(
    r"^[ \t]{0,3}(?:#{1,6}[ \t]{1,3}|\d{1,2}[.)][ \t]{1,3}|[-•][ \t]{1,3})[*_]{0,3}(?=\S)([A-Za-z][A-Za-z’&/-]{2,30}"
    r"(?:[ ][A-Za-z&/(),-]{1,20}){0,3})[*_]{0,3}[:：]?[ \t]{0,3}$",
    re.MULTILINE,
)
_CRITERION = re.compile(
    r"\b(?:accura\w+|complete\w*|clarity|clear\w*|relevan\w+|helpful\w*|detail\w*|correct\w*|fluen\w+|coheren\w+"
    r"|consisten\w+|style|stylistic\w*|creativ\w+|depth|concis\w+|brevity|length|format\w*|grammar|hallucinat\w*"
    r"|faithful\w*|visual\w*|ground\w*|logic\w*|safety|harmless\w*|tone|structure\w*|organi[sz]ation|specific\w*"
    r"|informative\w*|factual\w*|truthful\w*|honest\w*|engag\w+|readab\w+|instruction[ -]follow\w*|expressive\w*"
    r"|exploration|efficien\w+|thorough\w*|comprehensive\w*|precision|granularity|usefulness|originality|language"
    r"|presentation|description|perception|recognition|aesthetic\w*|robust\w*|nuance\w*|bias\w*|adherence|criteri\w+"
    r"|aspect\w*|dimension\w*|confiden\w+|certainty)\b|准确|完整|清晰|相关|有用|细节|流畅|一致|创意|简洁|格式|安全|逻辑",
    re.IGNORECASE,
)
_SUMS_UP = re.compile(
    r"\b(?:overall|final|finally|total|verdict|judge?ment|conclusion|decision|winner|summary|result|better|best"
    r"|preferred)\b|最终|总体|综合|结论|总分",
    re.IGNORECASE,
)
# Labels behind a number or a dash that name no criterion.
_NEUTRAL = re.compile(
    r"\b(?:analysis|explanation|explain|reason\w*|rationale|justification|comparison|feedback|evaluation|assessment"
    r"|answer|response|assistant|output|note|therefore|thus|so|hence|step|score|rating|choice|preference|thoughts?"
    r"|comments?|critique|judging|my|i|we|which|question|image|here|given|because|since|but|however|and)\b",
    re.IGNORECASE,
)
