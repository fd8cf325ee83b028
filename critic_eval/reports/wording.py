"""Verdicts and labels as reports print them."""

from critic_eval.judging import Label, Verdict


def verdict_text(said: Verdict | Label) -> str:
    """A verdict or a label in as few characters as tell it.

    >>> verdict_text(Verdict.preference(None)), verdict_text(Verdict.ranking((2, 0, 1))), verdict_text(Label.score(4))
    ('tie', 'CAB', '4')
    >>> verdict_text(Verdict.scores((7, 8.5)))
    '7, 8.5'
    """
    if said.kind == "invalid":
        return "invalid"
    if said.kind == "preference":
        return {0: "A", 1: "B", None: "tie"}[said.value]  # type: ignore[index]
    if isinstance(said.value, tuple):
        if said.kind == "scores":
            return ", ".join(f"{value:g}" for value in said.value)
        return "".join(chr(ord("A") + int(index)) for index in said.value)
    return f"{said.value:g}"
