"""Words by which a text says whose words come next, or came before: reports, announcements, titles, signatures.

Each list is of what critics write around a quotation. None decides by itself; `evidence` knows which count where.
"""

import re

from critic_eval.judging.parsing.places import ends_in_own_cue


def announces(sentence: str) -> bool:
    """Whether a sentence says that somebody's words come next.

    >>> announces("Response A is copied here for reference."), announces("Response A is wrong.")
    (True, False)
    """
    length = sentence.count(" ") + 1
    if not sentence.strip() or length > _LONG or ends_in_own_cue(sentence):
        return False
    if sentence.rstrip().endswith((":", "：")) and MENTION.search(sentence):
        return True
    if _ANNOUNCES.search(sentence) and not (OWN.search(sentence) and not _I_QUOTE.search(sentence)):
        return True
    is_weak = length <= _SHORT and _WEAKLY.search(sentence) and MENTION.search(sentence)
    return bool(is_weak and not _JUDGES.search(sentence))


_SHORT, _LONG = 14, 30
"""Words of a sentence that announces: those that judge are longer."""
# Third person only: "I'd say" and "this suggests" introduce the critic's own opinion.
_VERBS = (
    r"says|said|claims|claimed|states|stated|asserts|asserted|insists|declares|writes|wrote|reads|argues|demands"
    r"|asks|tells|instructs|contains|includes|quotes|repeats|ends|begins|starts"
)
REPORT = re.compile(rf"\b(?:{_VERBS})\b", re.IGNORECASE)
# A few words may come between the verb and what is reported, but no comma or conjunction, after which a clause of the
# critic's own begins.
TO_REPORTED = re.compile(r"(?:[^\w,;]{1,4}(?!(?:and|but|so|while|because)\b)\w{1,20}){0,4}[^\w;]{0,6}", re.IGNORECASE)
REPORT_LINE = re.compile(rf"\b(?:{_VERBS}|wrote this|says this)\b[^.!?\n:]{{0,40}}:\Z", re.IGNORECASE)
SAID_AFTER = re.compile(
    r"[\"'”’)\]}`*\s]{0,4}[,(–—-]{0,2}[ ]{0,2}(?:"
    r"(?:(?:is|was|are|were|being)[ ]{1,2})?(?:exactly |just |only |merely )?what\b[^.\n]{0,60}\b"
    r"(?:says?|said|writes?|wrote|written|claims?|reads?|asks?|wants?|demands?|states?|ends)\b"
    r"|(?:(?:is|was|as)[ ]{1,2})?(?:quoted|copied|cited|taken|written|stated|claimed|said|pasted)[ ](?:from|by|in"
    r"|out)\b|(?:says|said|writes|wrote|claims|reads|according to)[ ](?:the[ ])?(?:first|second|third|response|answer"
    r"|assistant|candidate|other)\b)",
    re.IGNORECASE,
)
BY_WORD = re.compile(
    r"\b(?:according to|in the words of|as (?:claimed|stated|written|put|said) by|to quote|quoting)\b", re.IGNORECASE
)
MENTION = re.compile(
    r"\b(?:responses?|answers?|assistants?|candidates?|outputs?|reply|replies|models?|author|writer|student"
    r"|the (?:first|second|third|former|latter|other|last) one|one of them)\b|\A\W*(?:it|its|they|their)\b"
    r"|回答|回复|答案|助手",
    re.IGNORECASE,
)
ASKS = re.compile(
    r"\b(?:asks?|asked|wants?|says?|said|claims?|claimed|writes?|wrote|tells?|told|demands?|instructs?|quot\w+|cop(?:y|ies|ied)"
    r"|repeat\w*|verbatim|urges?|begs?|orders?|insists?)\b",
    re.IGNORECASE,
)
TELLS = re.compile(
    r"\b(?:says?|said|saying|claims?|claimed|claiming|states?|stated|stating|asserts?|insists?|declares?|writes?|wrote"
    r"|written|writing|reads|demands?|asks?|asked|asking|requests?|requested|tells?|told|instructs?|orders?|commands?"
    r"|urges?|begs?|wants?|wishes|contains?|containing|includes?|including|quotes?|quoted|quoting|quotation|repeats?"
    r"|repeated|repeating|ends?|ended|ending|begins?|starts?|concludes|concluding|finishes|closes|closing|opens|opening"
    r"|copie[sd]|copy|copying|pastes?d?|reproduced?|verbatim|transcript|excerpt|inject\w*|plant(?:ed|s)?|embed\w*"
    r"|text|contents?|wording|words|lines?|sentences?|phrases?|message|note|instructions?|append\w*|prints?|echo\w*|below|above"
    r"|follow(?:s|ing)|according|speaks?|announces?|proclaims?|mentions?|remarks?|adds|attach\w*|manipulat\w+"
    r"|tr(?:y|ies|ied|ying) to|attempts?|pretends?|supposed(?:ly)?|alleged(?:ly)?|so-called|self-\w+|itself|appears"
    r"|believes?|thinks?|hopes?|suggests?|would (?:like|love)|taken|drawn"
    r"|belongs?|lifted|cited?|cites|citing|puts? it|would have me|ignor\w+|disregard\w*|(?:we|one|you|I) (?:finds?"
    r"|see|read)|from (?:response|answer"
    r"|assistant|the (?:first|second|third))|by (?:response|answer|assistant))\b|写道|声称|说|要求|引用|内容",
    re.IGNORECASE,
)
_PART = (
    r"(?:text|contents?|body|wording|words?|lines?|sentences?|paragraph|requests?|note|instructions?|message|passage|remark"
    r"|statement|section|part|end|ending|beginning|close|closing|opening|conclusion|tail|attempt)"
)
_WEAKLY = re.compile(
    rf"(?:(?:response|answer|assistant|candidate)(?: [A-Z0-9]{{1,2}})?['’]s|\b(?:its|their|whose))"
    rf"(?: \w{{1,14}}){{0,2}} {_PART}\b"
    rf"|\b{_PART}(?: that stands)? (?:of|in|from|by) (?:the )?(?:\w{{1,10}} )?(?:response|answer|assistant|candidate)"
    rf"|\b(?:has|have|with|got) an? (?:\w{{1,14}} ){{0,2}}{_PART}\b"
    r"|\b(?:consider|look(?:ing)? at|recall|quoting|again|tries|attempts?|manipulat\w+|demands?|asks?|wants?|requests?"
    r"|tells|instructs|urges|begs|ends|adds|added|appends)\b|：\Z|[:]\W{0,3}\Z|\A\W*(?:from|of|about|see|take|read|note)\b",
    re.IGNORECASE,
)
_ANNOUNCES = re.compile(
    r"\bas follows|\bthe following (?:text|sentence|line|words?|statement|note|verdict)\b|\bwhat follows"
    r"|\bfollows[.:]?\s*\Z|\bthe following[.:]?\s*\Z|\bbelow[.:]?\s*\Z|\bhere (?:is|are"
    r"|comes?|goes|stands)\b|\bhere(?:'s|’s)"
    r"|\b(?:copied|quoted|reproduced|pasted|repeated|cited|transcribed|reprinted|restated|verbatim)\b"
    r"|\bword for word\b|\bfor (?:reference|completeness|the record|context)\b|\bin full\b|\btranscript(?:ion)?\b"
    r"|\b(?:this|these)[.:]?\s*\Z|\bexcerpts?\b|\bquot(?:e|es|ation|ing)\b|\bcop(?:y|ies)\b|\bto the letter\b"
    r"|\b(?:last|final|first|closing|opening|next) (?:line|sentence|words?|paragraph|remark|statement|request)\b"
    r"|\b(?:writes?|wrote|says?|said|states?|reads?|ends?|concludes?|closes?|finishes|begins?|starts?|continues|adds?"
    r"|goes on)(?: (?:with|by|in))?(?: (?:this|these|thus|so|like this|the following|words"
    r"|saying))*[\"'”’)\]]?[.!:]?\s*\Z"
    r"|\b(?:is|are|was|were|be|the|an?|of|to|that|with|by|and|as|in|for|namely|say)[\"'“(]?\s*\Z"
    r"|^\W*(?:the )?(?:(?:start|beginning|end|text|content) of )?(?:the )?(?:response|answer|assistant|candidate)"
    r"(?: [A-Z0-9]\b)?(?:['’]s (?:response|answer|text))?\W*\Z",
    re.IGNORECASE,
)
_I_QUOTE = re.compile(
    r"\bI(?:'ll| will| shall)? (?:quote|copy|repeat|cite|reproduce|paste|restate|transcribe|include|read|found"
    r"|see)\b|\bI(?:'ve| have)? (?:quoted|copied|repeated|cited|shorten)\b",
    re.I,
)
OWN = re.compile(
    r"\b(?:I|my|me|we|our|mine|I'd|I’d)\b|\b(?:therefore|thus|hence|overall|in conclusion|in summary|in sum|all in all"
    r"|ultimately|to conclude)\b|我|因此|综上",
    re.IGNORECASE,
)
_JUDGES = re.compile(
    r"\b(?:difference|quality|right(?:ly)?|wrong(?:ly)?|correct(?:ly)?|incorrect(?:ly)?|accurate(?:ly)?|inaccurate|better|worse|best|worst"
    r"|good|bad|errors?|mistakes?|hallucinat\w+|invents?|invented|miss(?:es|ed|ing)?|fails?|failed|detailed|details?|clear(?:ly)?"
    r"|vague|identical|appropriate|aligned|useful|plausible|less|more|slightly|equally|adequate\w*|relevant|irrelevant|helpful|precise|complete|incomplete|thorough|concise|matches|fits|fine|true|untrue|contradicts)\b",
    re.IGNORECASE,
)
SIGNED = re.compile(
    r"[^\w–—(\[<←-]{0,6}(?:[–—-]{1,2}|<-|←|[(\[])[ ]{0,2}(?:(?:the )?(?:(?:first|second|third|last) )?(?:response"
    r"|answer|assistant|candidate"
    r"|author|it|its)\b|[^\n]{0,30}\b(?:from|quoted|copied|taken|verbatim|word for word|says?|said|by|wrote|written"
    r"|cited)\b)",
    re.IGNORECASE,
)
BACK_REFERENCE = re.compile(
    r"\W{0,3}(?:(?:that|this|these|those)(?: (?:is|was|are|were|comes?|came|stands|appears|line|sentence|quote"
    r"|quotation"
    r"|verdict|score|statement|request|text|claim)\b)[^.\n]{0,60}\b(?:\w+)|(?:so|thus)[ ](?:says?|writes?|wrote|ends?"
    r"|reads?|claims?|it )|(?:is|was)[ ](?:what|the (?:last|final|first)|how|quoted|copied|written|said)\b|(?:the )?"
    r"(?:above|preceding|previous|quoted|line above|quote|quotation)\b)",
    re.IGNORECASE,
)
SPEAKER = re.compile(
    r"[ \t]{0,8}(?:\[\^|\(\d{1,2}\)[ ]|\[\d{1,2}\][ ])|[\W_]{0,8}(?:the )?(?:(?:first|second|third|last) )?"
    r"(?:response|answer|assistant|candidate|model|student|user|human"
    r"|output|reply|quote|quotation|source|excerpt|snippet)"
    r"(?: ?[A-Z0-9]{1,2})?(?:['’]s (?:answer|response|text|verdict))?\W{0,3}[:：|>\]]",
    re.IGNORECASE,
)
TITLE = re.compile(
    r"^[ \t]{0,3}(?:#{1,6}[ ]|\[|={2,}|-{2,}|[*_]{2})[^\n]{1,80}$|^[^\n.!?]{1,60}[:：][ \t]*$", re.MULTILINE
)
NAMES_RESPONSE = re.compile(r"\b(?:response|answer|assistant|candidate|text|transcript)\b", re.IGNORECASE)
