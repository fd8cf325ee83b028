"""Columns of a user's file that are not read, but look as if they were meant to be."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from critic_eval.benchmarks.loading.cases import UnusableError
from critic_eval.benchmarks.loading.tables import Row


def refuse_unread(row: Row, known: Collection[str]) -> None:
    """Refuse a row with a filled column that is not read and looks like data: it would be judged without it.

    That is a column that speaks of images, videos or sounds; one whose name is near to a known one's; and another word
    for a known one that the row lacks. A name that begins with `_` is never read, and may be anything.

    Args:
        row: Values by the names of their columns.
        known: The columns that are read; of `response_N` the first 26.

    Raises:
        UnusableError: There is such a column; the message names the near one.
    """
    for name, value in row.items():
        if name in known or name.startswith("_") or value is None or value in ("", [], {}):
            continue
        if meant := _meant(name, row, known):
            raise UnusableError(f"{name[:40]} is not a column that is read; {meant} (or begin its name with _)")


def _meant(name: str, row: Row, known: Collection[str]) -> str | None:
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).casefold())
    if words and words[-1] in _METADATA:
        return None
    if _MOTION & set(words):
        return "give single frames as images"
    if _PICTURES & set(words):
        return "name it image or images"
    plain = re.sub(r"[^a-z]", "", name.casefold())
    spelled = {re.sub(r"[^a-z]", "", column): column for column in sorted(known, reverse=True) if len(column) > 3}
    if near := get_close_matches(plain, spelled, n=1, cutoff=0.8):
        return f"did you mean {spelled[near[0]]}?"
    for column, synonyms in _SYNONYMS.items():
        if column in known and row.get(column) in (None, "") and "_".join(words) in synonyms:
            return f"did you mean {column}?"
    return None


_METADATA = {
    *("id", "ids", "uid", "type", "types", "size", "width", "height", "source", "license", "date", "time", "hash"),
    *("count", "format", "language", "index", "caption", "description", "split"),
}
_MOTION = {"video", "videos", "clip", "clips", "movie", "gif", "frame", "frames", "audio", "audios", "speech", "sound"}
_PICTURES = {
    *("image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos", "screenshot"),
    *("screenshots", "figure", "figures", "visual", "visuals"),
}
_SYNONYMS = {
    "label": {
        *("score", "scores", "rating", "human", "human_score", "human_label", "winner", "preference", "preferred"),
        *("better", "gold", "target", "rank", "ranking", "ranks", "verdict", "judgment"),
    },
    "reference": {"ground_truth", "gt", "ref", "gold_answer", "correct_answer"},
    "rubric": {"criteria", "criterion"},
}
