"""Reading which of two responses a critic prefers."""

import re
from collections.abc import Iterator, Sequence

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.choices import NOUN, NUMBER, ORDINAL, choice, side
from critic_eval.judging.parsing.containers import containers
from critic_eval.judging.parsing.labels import closing_labels, is_criterion, judges_one_side
from critic_eval.judging.parsing.meaning import is_unmeant
from critic_eval.judging.parsing.places import VerdictPosition, line_bounds, sentence_bounds, stands_at
from critic_eval.judging.parsing.reading import Parsed, read
from critic_eval.judging.parsing.statements import Form, Statement, Weight
from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, Preference, Verdict


def parse_preference(
    text: str,
    n_responses: int = 2,
    responses: Sequence[str] = (),
    position: VerdictPosition = "first",
    marks: Sequence[Marks] = (),
) -> Parsed:
    r"""Read the better of two responses, or a tie, from a critic's answer.

    It reads the labeled form that LLaVA-Critic was trained to give ("The better response: [first]", also second, 1, 2,
    A, B, equal), free sentences ("Response B is better than response A because …", "Answer 2 is superior", "Both
    responses are equally good"), the bracketed letters of MLLM-as-a-Judge ("[[A]]", "[[B]]", and "[[C]]" for a tie),
    labels that sum up ("Overall Judgment: …"), and containers (`<answer>2</answer>`, `\boxed{A}`, {"winner": "A"}).
    Negated, reported, conceded and hypothetical sentences are not read. How one verdict is chosen among several is in
    `critic_eval.judging.parsing.reading`.

    Args:
        text: The critic's whole text; any str.
        n_responses: Must be 2; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.
        marks: Pairs that open and close a thought, besides those that `find_answer` knows.

    >>> parse_preference("Response B is better than response A because it counts right.").verdict.value
    1
    >>> parse_preference("Response A is not better than Response B.").verdict.reason
    'no verdict found'
    """
    if n_responses != 2:
        raise ArgumentError(f"A preference is between two responses, not {n_responses}.")
    return read(text, find_preferences, position, responses, marks, opening_binds=True)


def find_preferences(text: str, position: VerdictPosition) -> Iterator[Statement]:
    """The places of an answer that read as a preference; see `parse_preference`."""
    yield from containers(text, "preference", _value)
    yield from _forms(text, position)


def _forms(text: str, position: VerdictPosition) -> Iterator[Statement]:
    for label, start, form in closing_labels(text):
        yield from _labeled(text, label, start, form)
    for match in _BRACKETED.finditer(text):
        choices = [match["choice"], match["second"]]
        verdicts = [choice(words, bool(match["double"])) for words in choices if words is not None]
        verdict = verdicts[0] if len(set(verdicts)) == 1 else Invalid(CONTRADICTORY)
        yield _weighed(text, match, verdict, "label")
    for match in _BARE.finditer(text):
        yield _weighed(text, match, choice(match["choice"]), "label")
    for match in _LETTER.finditer(text):
        yield _weighed(text, match, choice(match["letter"], double=True), "brackets")
    yield from _sentences(text)
    for match in _ALONE.finditer(text):
        if stands_at(text, match.start("core"), match.end(), position) and not _is_heading(text, match):
            verdict = choice(match["core"])
            if verdict.is_valid:
                start = match.start() + len(match[0]) - len(match[0].lstrip())
                yield Statement(start, match.end("core"), verdict, "alone", match.start("core"))


def _is_heading(text: str, match: re.Match[str]) -> bool:
    """Whether a response's name alone on a line is the title of what comes next."""
    return bool(match["name"]) and bool(re.search(r"\w", text[match.end() :]))


_LABEL = (
    rf"(?:\bthe[ ])?(?P<core>(?:\b(?:better|best|preferred|superior|winning|chosen)[ \t]{{1,3}}{NOUN}|更[好优佳]的"
    r"(?:回答|答案|回复|响应))"
    r"[*_\"']{0,4}\s{0,3}(?:overall[ ])?(?:[:：=]|->|[-–—](?=[ ])|(?:is|是|为)(?!\w)[ \t]{0,3}[:：]?)[*_\s$]{0,6})"
)
# A second bracket ("[first] or [second]") belongs to the same statement, and makes it contradict itself.
_BRACKETED = re.compile(
    _LABEL + r"[\"'“`]{0,2}(?P<double>\[)?\[(?P<choice>[^\[\]\n]{0,60})\]{1,2}"
    r"(?:[ \t]{0,2}(?:or|and|/|\||,)?[ \t]{0,2}\[{1,2}(?P<second>[^\[\]\n]{0,60})\]{1,2})?",
    re.IGNORECASE,
)
_WORDS_OF_CHOICE = (
    rf"(?:the[ ])?(?:{NOUN}[ ]?#?)?(?:{ORDINAL}|{NUMBER}|tie|equal|neither|both)(?:['’]?s)?(?:[ ]{NOUN})?"
)
_ENDS_CHOICE = (
    r"(?=[)\"'”’*_`\]]{0,4}(?:[ \t]{0,3}(?:\n|\Z)|[.;!。](?:\s|\Z)|[ ]?[,(–—|-]|,?[ ]?(?:because|since|as"
    r"|due|overall)\b))"
)
# Without brackets the word must end the line or the clause: "The better response: a detailed account" names none.
_BARE = re.compile(
    _LABEL + rf"[(\"'“`]{{0,3}}(?P<choice>{_WORDS_OF_CHOICE})\b{_ENDS_CHOICE}",
    re.IGNORECASE,
)
# Upper case only, as prompts ask for it: "[[a]]" is not a label but a list in some markup.
_LETTER = re.compile(r"(?P<core>\[\[[ \t]{0,2}(?P<letter>(?:(?:Response|Answer|Assistant)[ ])?[ABC12])[ \t]{0,2}\]\])")
_ALONE = re.compile(
    rf"^[ \t*_\"'`“\[({{]{{0,6}}(?P<core>(?:it(?:'s|’s| is) a )?tie|(?:the )?(?P<name>{NOUN} ?)?(?:{ORDINAL}|[12AB])"
    rf"(?: {NOUN})?)"
    r"[\])}\"'”`*_.! \t]{0,6}$",
    re.IGNORECASE | re.MULTILINE,
)

_SUBJECT = (
    rf"(?P<core>\b(?:(?:the[ ])?[\[(\"'*_]{{0,3}}(?P<ordinal>{ORDINAL})[\])\"'*_]{{0,3}}(?:[ ]{NOUN})?"
    rf"|{NOUN}[ ]?[\[(\"'*_#]{{0,3}}(?P<number>{NUMBER})\b[\])\"'*_]{{0,3}})(?:['’]s(?:[ ]{NOUN})?)?[ ]{{1,2}}"
)
_OTHER = (
    rf"(?:the[ ]other|(?:the[ ])?(?:(?P<other_ordinal>{ORDINAL})"
    rf"|{NOUN}[ ]?[\[(\"'*_]{{0,3}}(?P<other_number>{NUMBER})\b))"
)
_ADVERBS = (
    r"(?:(?:the|a|an|bit|little|lot|slightly|clearly|much|significantly|marginally|considerably|somewhat|substantially"
    r"|far|overall|generally|definitely|also|still|indeed|therefore|thus|by|vastly|strictly|ultimately|thereby|likely"
    r"|noticeably|notably|moderately)[ ]){0,4}"
)
# "better written" or "better at counting" is praise of one side of a response, so what follows "better" is limited.
_BETTER = re.compile(
    _SUBJECT + rf"(?:is|was|seems|appears|would[ ]be)[ ](?:to be[ ])?{_ADVERBS}"
    r"(?:better|best|superior|preferable|preferred|stronger|winner|favored)\b[*_]{0,3})"
    rf"(?:[ ](?:{NOUN}|overall|here)\b){{0,2}}"
    rf"(?:[ ](?:than|to|over)[ ]{_OTHER}|(?=[ ]?(?:[.,;:!?)\n\]\"'”’–—。，-]|\Z|because\b|as\b|since\b|due\b|for\b"
    rf"|by\b|and\b"
    r"|but\b|with\b|given\b|to me\b|of the two\b|overall\b|(?P<side>in)[ ](?!some\b|certain\b|one\b|a few\b|its\b))))",
    re.IGNORECASE,
)
_BEATS = re.compile(
    _SUBJECT
    + r"(?:(?:clearly|slightly|significantly|far|also)[ ]){0,2}(?:outperforms|surpasses|beats|outshines|wins over"
    rf"|edges out|exceeds)[ ]){_OTHER}",
    re.IGNORECASE,
)
_WINS = re.compile(
    _SUBJECT + r"(?:(?:clearly|narrowly)[ ])?(?:wins|prevails|comes out ahead)\b)(?=[ ]?(?:[.,;:!)\n]|\Z|because\b|as\b"
    r"|since\b|overall\b))",
    re.I,
)
_WORSE = re.compile(
    _SUBJECT + rf"(?:(?:is|was|seems)[ ]{_ADVERBS}(?:worse|inferior|weaker)[ ](?:than|to)|is[ ]not[ ]"
    rf"(?:quite[ ])?as[ ]good[ ]as))[ ]{_OTHER}",
    re.IGNORECASE,
)
_GIVES = re.compile(
    _SUBJECT
    + r"(?:(?:clearly|overall|therefore|thus|also)[ ]){0,2}(?:(?:provides|provided|gives|gave|offers|offered|has"
    r"|is)[ ](?:a|the)[ ]"
    r"(?:(?:slightly|much|clearly|significantly|far|overall|overall[ ]a)[ ]){0,2}(?:better|superior)[ ](?:answer"
    r"|response|reply|one|overall answer"
    r"|description|explanation)|(?:is|was)[ ](?:\w{1,14}[ ,]{1,2}){1,6}and[ ](?:is[ ])?(?:therefore|thus|hence)[ ]"
    r"(?:the[ ])?better)\b)"
    r"(?=[ ]?(?:[.,;:!?)\n]|\Z|because\b|as\b|since\b|than\b|overall\b|to the\b|by\b|and\b|with\b))",
    re.IGNORECASE,
)
_PREFER = re.compile(
    r"\b(?P<core>(?:I|we)(?:['’]d|['’]ll|[ ]would|[ ]will)?[ ](?:(?:slightly|strongly|clearly|therefore|thus"
    r"|also)[ ]){0,2}(?:prefer|choose|pick|select|favor|favour|go[ ]with|vote[ ]for)[ ](?:the[ ])?"
    rf"(?:(?P<ordinal>{ORDINAL})(?:[ ]{NOUN})?|(?:{NOUN}[ ])?(?P<number>{NUMBER})))\b(?=['’\"*\]) ]{{0,3}}"
    r"(?:[.,;!\n]|\Z|because\b|as\b|since\b|over\b|for\b|here\b|overall\b))",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?P<core>(?:第(?P<ordinal>[一二])个?(?:回答|答案|回复|响应|回应)?|(?:回答|答案|回复|响应|回应|助手|选项)[ ]?"
    r"(?P<number>[12ABab一二])"
    r"(?:的(?:回答|答案|回复))?)[ ]?(?:比[^，。\n]{1,12}?)?(?:明显|稍微|略微|总体|整体|显然|显著|要|是)?(?:更好|更优"
    r"|更佳|较好|胜出|更胜一筹|更准确全面|优于|好于|胜过))"
)
_TIE = re.compile(
    rf"\b(?:(?:(?:both|the[ ]two|the|both[ ]of[ ]the)[ ]{NOUN}|both|they)[ ]are[ ])?"
    r"(?P<core>equally[ ](?:good|bad|poor|strong|weak|matched)"
    rf"|neither(?:[ ]of[ ]the)?(?:[ ]two)?(?:[ ]{NOUN})?[ ]is[ ](?:(?:clearly|significantly|any|much)[ ])?"
    r"(?:better|superior|preferable)"
    rf"|(?:{NOUN}|both|they)[ ](?:are[ ])?tied|(?:are|is)[ ]of[ ]equal[ ]quality|are[ ]equal[ ]in[ ]quality"
    r"|(?:result|verdict|outcome|comparison|judgment)(?:[ ]is|:)[ ]an?[ ](?:tie|draw)"
    r"|it(?:'s|’s|[ ]is)[ ](?:therefore[ ]|thus[ ]|overall[ ])?a[ ](?:tie|draw)(?=[ ]between\b|[ ]?(?:[.!;]|\Z|\n"
    r"|because\b|since\b|overall\b)))(?!\w)"
    r"|(?P<chinese>(?:两个|两者|二者)(?:回答|答案|回复)?(?:的质量)?(?:一样好|同样好|不相上下|相当|平局)|平局)",
    re.IGNORECASE,
)
# "better in terms of accuracy" judges the whole by what counts; "better in style" one side of it.
_WHOLE = re.compile(
    r"in[ ](?:terms|all|every|general|this|the[ ](?:end|whole)|my|total|most|both|overall|answering|that)\b", re.I
)
_SIDE = re.compile(r"[ ](?:only )?(?P<side>(?:in|at|for))[ ]")
_TAKEN_BACK = re.compile(
    r"[ ]?,?[ ](?:which|but that|though that)(?: is|isn['’]t| is not| would be| can't)[^.\n]{0,20}\b(?:true|so|wrong"
    r"|false|right)\b"
)
_CONTRAST = re.compile(
    r"\b(?:although|though|even though|even if|while|whereas|despite)\b[^,;:]{0,200}\Z", re.IGNORECASE
)


def _sentences(text: str) -> Iterator[Statement]:
    for match in _BETTER.finditer(text):
        weight = Weight.PLAIN
        if match["side"] and not _WHOLE.match(text, match.start("side")):
            weight = Weight.CRITERION
        behind = _SIDE.match(text, match.end())
        if weight == Weight.PLAIN and behind is not None and not _WHOLE.match(text, behind.start("side")):
            weight = Weight.CONCEDED
        if _TAKEN_BACK.match(text, match.end()):
            continue
        yield _weighed(text, match, _named(match), "sentence", weight)
    for pattern in (_BEATS, _WINS, _GIVES, _PREFER, _CHINESE):
        for match in pattern.finditer(text):
            yield _weighed(text, match, _named(match), "sentence")
    for match in _WORSE.finditer(text):
        better = _named(match)
        if better.is_valid:
            yield _weighed(text, match, Preference(1 - better.value), "sentence")  # type: ignore[operator,arg-type]  # 0 or 1
    for match in _TIE.finditer(text):
        yield _weighed(text, match, Preference(None), "sentence")


def _weighed(text: str, match: re.Match[str], verdict: Verdict, form: Form, weight: Weight = Weight.PLAIN) -> Statement:
    core = match.start("core") if match["core"] is not None else match.start()
    if weight == Weight.PLAIN and is_criterion(text, match.start(), form == "sentence"):
        weight = Weight.CRITERION
    if weight == Weight.PLAIN and form == "sentence":
        before = text[sentence_bounds(text, match.start(), match.end())[0] : match.start()]
        if judges_one_side(before):
            weight = Weight.CRITERION
        elif _CONTRAST.search(before):
            weight = Weight.CONCEDED
    return Statement(match.start(), match.end(), verdict, form, core, weight)


def _named(match: re.Match[str]) -> Verdict:
    groups = match.groupdict()
    better = side(groups["ordinal"] or groups["number"])
    worse = groups.get("other_ordinal") or groups.get("other_number")
    if worse and side(worse) == better:
        return Invalid(CONTRADICTORY)
    return Preference(better)


def _labeled(text: str, label: int, start: int, form: Form) -> Iterator[Statement]:
    """What a label that sums up says: sentences or brackets on its line, or else a choice right behind it."""
    end = line_bounds(text, start)[1]
    line = text[start:end]
    stated = [
        statement
        for statement in (*_sentences(line), *_brackets(line))
        if not is_unmeant(line, statement.start, statement.end)
    ]
    best = min((statement.weight for statement in stated), default=Weight.PLAIN)
    stated = [statement for statement in stated if statement.weight == best]
    words = _CHOICE_AHEAD.match(text, start, end)
    if stated and not (words is not None and words["bracketed"]):
        verdicts = {statement.verdict for statement in stated}
        verdict = stated[0].verdict if len(verdicts) == 1 else Invalid(CONTRADICTORY)
        yield Statement(label, start + max(statement.end for statement in stated), verdict, form, label, best)
    elif words is not None and _stands_alone(text, words, on_own_line="\n" in text[label:start]):
        verdict = choice(words["bracketed"] or words["bare"] or "", "[[" in words[0])
        if verdict.is_valid or "[" in words[0]:
            yield Statement(label, words.end(), verdict, form, label)


def _stands_alone(text: str, words: re.Match[str], on_own_line: bool) -> bool:
    """Whether a choice behind a label is all of it, and not the first word of something else.

    "Answer 1, while short, …", "1. Answer 1 is …" and a response's name as the title of a section are none.
    """
    if words["bracketed"] is not None:
        return True
    rest = text[words.end() : line_bounds(text, words.end())[1]].strip(" \t)\"'”’*_`].;!。|")
    if on_own_line and (rest or (re.match("[a-z]", words["bare"], re.I) and len(words["bare"]) > 1)):
        return not rest and not re.search(r"\w", text[words.end() :])
    if not rest or re.match(r"(?:because|since|as|due|overall)\b", rest.lstrip(", "), re.IGNORECASE):
        return True
    return not words["bare"].isdigit() and _NAMED.search(rest) is None


_NAMED = re.compile(rf"\b(?:{NOUN}[ ]?{NUMBER}|{ORDINAL}|the other)\b", re.IGNORECASE)


def _brackets(text: str) -> Iterator[Statement]:
    for match in _LETTER.finditer(text):
        yield Statement(
            match.start(), match.end(), choice(match["letter"], double=True), "brackets", match.start("core")
        )


_CHOICE_AHEAD = re.compile(
    rf"[\"'“`(]{{0,3}}(?:\[{{1,2}}(?P<bracketed>[^\[\]\n]{{0,60}})\]{{1,2}}|(?P<bare>{_WORDS_OF_CHOICE})\b{_ENDS_CHOICE})",
    re.IGNORECASE,
)


def _value(content: str) -> Verdict:
    """What a container says: a choice, or else what its text states in any of the forms."""
    verdict = choice(content)
    if verdict.is_valid:
        return verdict
    if len(content) <= _AT_MOST:
        meant = [form for form in _forms(content, "last") if not is_unmeant(content, form.start, form.end)]
        stated = {statement.verdict for statement in meant if statement.weight < Weight.CRITERION}
        valid = {candidate for candidate in stated if candidate.is_valid}
        if len(valid) == 1:
            return next(iter(valid))
        if len(valid) > 1:
            return Invalid(CONTRADICTORY)
    return verdict


_AT_MOST = 2_000
