"""A benchmark, as its YAML declares it: its data, its items, how a critic is asked, and which figures come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from critic_eval.benchmarks.loading.cases import Case, LeftOut, Reader
from critic_eval.benchmarks.loading.sources import DataSource
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Judgment, LabelKind, OrderPolicy, get_protocol
from critic_eval.metrics import InvalidPolicy
from critic_eval.metrics.figures import figure_of_metric

Variant = Literal["official", "trained", "verdict_last", "injected"]

OfficialRule = Callable[[Judgment, Row], Judgment]
"""What a benchmark's own code makes of a judgment, given its record."""

LEFT_OUT = "left_out"
"""The metric of lmms-eval that tells, as a text, what of the data could not be judged."""


def unchanged(judgment: Judgment, row: Row) -> Judgment:
    """The official rule of a benchmark whose code leaves out what it can't read."""
    return judgment


@dataclass(frozen=True)
class Official:
    """How a benchmark's own code counts.

    Attributes:
        rule: see `OfficialRule`.
        invalid: what becomes of verdicts that are invalid even so.
        by_item: whether the rule looks at the item's id.
        reads: whether its own parser reads an answer, where that is known to differ from ours.
        source: where the rule comes from.
    """

    rule: OfficialRule = unchanged
    invalid: InvalidPolicy = "exclude"
    by_item: bool = False
    reads: Callable[[str], bool] | None = None
    source: str = ""


@dataclass(frozen=True)
class RecordedColumns:
    """Names that each part of a recorded judgment may have; of those in a table the first with a value is read.

    Attributes:
        item_id: what was judged.
        group: the part of the benchmark that the item is of.
        label: what people or a reference said.
        verdict: what was read from the critic's answer.
        text: the critic's whole answer; it is read anew, unless it is empty and there is a verdict.
        order: in which order responses were shown.
        logprobs: columns with the log-probability of each score, by score.
        asked: columns of the benchmark's own data: beside one of these, `answer` is the response that was judged.
        cluster: items that are resampled together share its value. This and what follows is only read where the user
            names a column for it.
        models: who wrote each response, a column for each.
        lengths: how long each response is, in characters, a column for each.
    """

    item_id: tuple[str, ...] = ("item_id", "id")
    group: tuple[str, ...] = ("group",)
    label: tuple[str, ...] = ("label",)
    verdict: tuple[str, ...] = ("verdict", "judge", "result.judge")
    text: tuple[str, ...] = ("text", "raw", "answer")
    order: tuple[str, ...] = ("order",)
    logprobs: Mapping[float, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()

    def text_beside(self, names: Collection[str]) -> tuple[str, ...]:
        """The names of the critic's answer in a table with these columns.

        `answer` is the critic's only where nothing says that it is what was judged: a verdict beside it, or the
        benchmark's own columns.
        """
        asked = self.asked if not _RESPONSES.intersection(names) else ()
        is_judged = not {*VERDICT_COLUMNS, *asked}.isdisjoint(names)
        return tuple(name for name in self.text if name != "answer" or not is_judged)


VERDICT_COLUMNS = ("judge", "verdict", "result.judge")
_RESPONSES = {"response", "responses", "response_a", "response_1", "orig_response", "chosen", "completions"}
"""Where what was judged stands under one of these names, an `answer` is the critic's."""


@dataclass(frozen=True)
class Benchmark:
    """One judge benchmark, or a variant of one.

    Attributes:
        name: of its task.
        source: where its data comes from.
        reader: from a row to its cases.
        protocol: the name of the protocol that asks, where neither the run nor a row names another.
        figures: what a run's table shows, in its order; `mean_` before a name is its mean over groups.
        also: figures that are computed besides.
        needs: columns that a row must have.
        images: columns of which a row has its image in one; an item without an image is then an error.
        orders: in which orders a pair is shown; `random` draws one for each repeat.
        repeats: how often each order is judged.
        generation: lmms-eval's `generation_kwargs`, as far as they are not the defaults.
        invalid: what becomes of invalid verdicts in figures.
        official: how the benchmark's own code counts.
        counts_officially: whether figures are made of what the official rule gives.
        injected: one response of each item asks for the verdict, as a probe (see `judging.injections`).
        is_own: the rows are a user's: what can't be used, unreadable images among it, is named by line, and an id must
            not come twice.
        upright: whether images are turned as their EXIF orientation says; not where a benchmark's own code does not.
        is_strict: whether to raise for a row that can't be used, instead of counting it.
        tells_left_out: whether a run's table tells what was left out.
        recorded: the columns of recorded judgments.
        base: the benchmark that this is a variant of; its own name where it is none.
        suite: the name that runs this and others together; empty for none.
        also_called: other names by which it is found.
        title, about, paper, license, bibtex: for people.
        file: the YAML that declares it.
    """

    name: str
    source: DataSource
    reader: Reader
    protocol: str
    figures: tuple[str, ...]
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    orders: OrderPolicy = "both"
    repeats: int = 1
    generation: Mapping[str, Any] = field(default_factory=dict)
    invalid: InvalidPolicy = "exclude"
    official: Official = field(default_factory=Official)
    counts_officially: bool = False
    injected: bool = False
    is_own: bool = False
    upright: bool = True
    is_strict: Callable[[], bool] = lambda: False
    tells_left_out: bool = True
    recorded: RecordedColumns = field(default_factory=RecordedColumns)
    base: str = ""
    suite: str = ""
    also_called: tuple[str, ...] = ()
    title: str = ""
    about: str = ""
    paper: str = ""
    license: str = ""
    bibtex: str = ""
    file: Path | None = None

    @property
    def kind(self) -> LabelKind:
        """What is judged; a benchmark of two scores is one of scores, whose label is the second response's."""
        return get_protocol(self.protocol).kind

    @property
    def shown_orders(self) -> OrderPolicy:
        """In which orders items are shown: what is not a pair is shown in the data set's own."""
        return self.orders if self.kind == "preference" else "single"

    @property
    def n_responses(self) -> int:
        """How many responses an item has, where a recorded judgment does not tell."""
        return _RANKED if self.kind == "ranking" else get_protocol(self.protocol).n_responses[0]

    @property
    def all_figures(self) -> tuple[str, ...]:
        """Every figure that is computed, by its plain name; the rate of invalid verdicts last."""
        plain = [figure_of_metric(metric)[0] or metric for metric in self.figures]
        names = dict.fromkeys([*plain, *self.also])
        last = [name for name in names if name == "invalid_rate"]
        return (*(name for name in names if name != "invalid_rate"), *last)

    def read(self, row: Row) -> Iterable[Case | LeftOut]:
        """The cases of a row. Raises what a reader may (see `loading.cases.Reader`)."""
        return self.reader(row, self.source)


_RANKED = 4
