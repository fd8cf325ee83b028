"""What the words at the place of a verdict mean: "second", "4/5", "B > A", or what a protocol says that they mean."""

import re
from dataclasses import dataclass

from critic_eval.judging.parsing.choices import choice
from critic_eval.judging.parsing.numbers import Scale, score
from critic_eval.judging.parsing.ranking import parse_ranking
from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, LabelKind, Preference, Score, Scores, Verdict


@dataclass(frozen=True)
class ReadContent:
    """Reads the words at the place of a verdict, whole; invalid with the reason where they say none.

    With `verdicts`, pairs of words and what they mean, nothing else is a verdict. `has_several` asks for one score of
    each response.

    >>> ReadContent("preference")("the second response", 2).value
    1
    >>> ReadContent("preference", verdicts=(("2", 0), ("1", 1)))("[2]", 2).value
    0
    >>> ReadContent("score", (1.0, 10.0), has_several=True)("7, 9", 2).value
    (7.0, 9.0)
    """

    kind: LabelKind
    scale: Scale = (0.0, 100.0)
    has_several: bool = False
    verdicts: tuple[tuple[str, float | None], ...] = ()

    def __call__(self, content: str, n_responses: int) -> Verdict:
        """The verdict of these words on this many responses; never raises on any text."""
        if self.verdicts:
            return self._mapped(content)
        if self.kind == "preference":
            return choice(content, double="[[" in content)
        if self.kind == "ranking":
            return parse_ranking(f"Ranking: {content.strip()}", n_responses).verdict
        return self._scores(content, n_responses) if self.has_several else score(content, self.scale)

    def _mapped(self, content: str) -> Verdict:
        meanings = {plain_words(words): meaning for words, meaning in self.verdicts}
        plain = plain_words(content)
        if plain in meanings:
            meaning = meanings[plain]
            if self.kind == "preference":
                return Preference(None if meaning is None else int(meaning))
            return Score(meaning)  # type: ignore[arg-type]  # a score's meaning is a number
        named = {meanings[part] for part in re.findall(r"\w+", plain) if part in meanings}
        return Invalid(CONTRADICTORY if len(named) > 1 else f"unreadable verdict {content.strip()[:40]!r}")

    def _scores(self, content: str, n_responses: int) -> Verdict:
        parts = [part for part in re.split(r"[\s,;|]+", content.strip().strip("[](){}")) if part]
        if len(parts) != n_responses:
            return Invalid(f"unreadable scores {content.strip()[:40]!r}")
        verdicts = [score(part, self.scale) for part in parts]
        unfit = [verdict for verdict in verdicts if not verdict.is_valid]
        return unfit[0] if unfit else Scores([verdict.value for verdict in verdicts])  # type: ignore[misc]


def head_of(line: str) -> str:
    """What of a line, behind a label, says the verdict: up to the sentence's end, or to where a reason begins.

    >>> head_of("85/100, since it names both dogs."), head_of("4.5. It has 2 dogs.")
    ('85/100', '4.5')
    """
    end = _END.search(line)
    return line if end is None else line[: end.start()]


def plain_words(text: str) -> str:
    """Words as they are compared: case folded, white space single, without markup, quotation marks and brackets."""
    return " ".join(text.casefold().split()).strip(" \"'“”‘’`*_[](){}<>.,:;!$")


_END = re.compile(
    r"[.!?;。](?=\s|\Z)|,(?=\s{0,3}[A-Za-z]{2})(?!\s{0,3}(?:response|answer|assistant)\b)"
    r"|[ ,](?:because|since|as|due to|given)\b|[ ](?:—|–|-)[ ]",
    re.IGNORECASE,
)
