"""From a benchmark's YAML to the benchmark and its variants, strictly: what a declaration does not have is refused."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

from critic_eval.benchmarks.benchmark import Benchmark, Official, RecordedColumns
from critic_eval.benchmarks.columns import ColumnReader, ItemColumns, LabelColumn
from critic_eval.benchmarks.loading.own_files import OwnFile
from critic_eval.benchmarks.loading.sources import DataSource, HubData
from critic_eval.benchmarks.variants import derived
from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.judging import LabelKind, OrderPolicy, get_protocol
from critic_eval.metrics import InvalidPolicy
from critic_eval.metrics.figures import figure_names, figure_of_metric
from critic_eval.yaml_files import Section, read_yaml

STRICT_VARIABLE = "CRITIC_EVAL_STRICT"
"""Set to 1 it ends a run at the first row of a user's file that can't be used."""


def is_declaration(content: Any) -> bool:
    """Whether the content of a YAML file declares a benchmark, and is not a task in lmms-eval's own form."""
    is_task = isinstance(content, Mapping) and isinstance(content.get("task"), str)
    return is_task and {"data", "protocol"} <= set(content)


def read_declaration(file: Path) -> list[Benchmark]:
    """The benchmark that a YAML file declares, and its variants.

    Raises:
        ArgumentError: the file can't be read, or says something that a benchmark does not have; names file and key.
    """
    return declared(read_yaml(file), file)


def declared(content: Mapping[str, Any], file: Path) -> list[Benchmark]:
    """The benchmark that the content of a file declares, and its variants; `file` says what paths count from."""
    section = Section(content, str(file))
    try:
        return _declared(section, file)
    except CriticEvalError as error:
        where = "" if str(error).startswith(str(file)) else f"{file}: "
        raise ArgumentError(f"{where}{error}") from error


def _declared(section: Section, file: Path) -> list[Benchmark]:
    section.only(_KEYS)
    protocol = section.text("protocol")
    protocol = str(file.parent / protocol) if (file.parent / protocol).is_file() else protocol
    kind = get_protocol(protocol).kind
    data = section.section("data")
    source = _source(data, file)
    columns = section.mapping("columns")
    if bool(columns) == ("reader" in section):
        raise ArgumentError("a benchmark has either columns or a reader.")
    item_columns = _item_columns(section.section("columns"), kind, protocol) if columns else None
    reader = ColumnReader(item_columns, kind) if item_columns else _resolved(section.text("reader"))
    needs = item_columns.needed if item_columns else section.texts("needs")
    is_own = isinstance(source, OwnFile)
    benchmark = Benchmark(
        name=section.text("task"),
        source=source,
        reader=reader,
        protocol=protocol,
        figures=_figures(section),
        also=_figures(section, "also"),
        needs=needs,
        images=section.texts("images"),
        orders=section.choice("orders", get_args(OrderPolicy), "both"),
        generation=section.mapping("generation"),
        invalid=section.choice("invalid", get_args(InvalidPolicy), "exclude"),
        official=_official(section.section("official")),
        is_own=is_own,
        is_strict=_strict if is_own else _lenient,
        tells_left_out=bool(section.value("tells_left_out", True)),
        recorded=_recorded(section.section("recorded")),
        base=section.text("task"),
        suite=section.text("suite", ""),
        also_called=section.texts("also_called"),
        title=section.text("title", ""),
        about=section.text("about", ""),
        paper=section.text("paper", ""),
        license=section.text("license", ""),
        bibtex=section.text("bibtex", ""),
        file=file,
    )
    variants = section.texts("variants") if "variants" in section else None
    benchmarks = [benchmark, *derived(benchmark, variants)]  # type: ignore[arg-type]  # `derived` refuses other names
    return (
        [*benchmarks, _as_published(benchmark, section.section("official"))]
        if "official" in (variants or ())
        else benchmarks
    )


def _as_published(benchmark: Benchmark, section: Section) -> Benchmark:
    """The variant that judges and counts as the benchmark's own code does."""
    return replace(
        benchmark,
        name=f"{benchmark.name}_official",
        suite="",
        also_called=(),
        figures=_figures(section) or benchmark.figures,
        orders=section.choice("orders", get_args(OrderPolicy), benchmark.orders),
        repeats=int(section.value("repeats", 1)),
        generation={**benchmark.generation, **section.mapping("generation")},
        invalid=benchmark.official.invalid,
        counts_officially=True,
        upright=bool(section.value("upright", benchmark.upright)),
    )


def _source(section: Section, file: Path) -> DataSource:
    section.only(_DATA)
    if "source" in section:
        declared_source: DataSource = _resolved(section.text("source"))
        return declared_source
    if "file" in section or "variable" in section:
        named = section.text("file", "")
        return OwnFile(section.text("variable", "") or None, file.parent / named if named else None)
    return HubData(
        folder=section.text("folder"),
        file=section.text("files"),
        hub=section.text("hub", "") or None,
        config=section.text("config", "") or None,
        split=section.text("split", "test"),
        revision=section.text("revision", "") or None,
        image_folders=section.texts("image_folders") if "image_folders" in section else ("", "images", "image"),
    )


def _item_columns(section: Section, kind: LabelKind, protocol: str) -> ItemColumns:
    section.only([field.name for field in fields(ItemColumns)] + ["response", "image", "model"])
    optional = {name: section.text(name, "") or None for name in ("group", "cluster", "reference", "rubric", "context")}
    return ItemColumns(
        id=section.text("id"),
        question=section.text("question"),
        responses=section.texts("responses") or section.texts("response"),
        models=section.texts("models") or section.texts("model"),
        images=section.texts("images") or section.texts("image"),
        label=_label(section, kind, protocol) if "label" in section else None,
        **optional,
    )


def _label(section: Section, kind: LabelKind, protocol: str) -> LabelColumn:
    scale = get_protocol(protocol).scale or (0.0, 100.0)
    if not isinstance(section.value("label"), Mapping):
        return LabelColumn(section.texts("label"), scale=scale)
    label = section.section("label")
    label.only(("column", "verdicts", "scale"))
    given = label.mapping("verdicts")
    verdicts = {str(value): _VERDICTS.get(str(meaning).casefold(), -1) for value, meaning in given.items()}
    if -1 in verdicts.values():
        raise ArgumentError("verdicts of a label are A, B or tie, such as {model_a: A, model_b: B, both: tie}.")
    return LabelColumn(label.texts("column"), verdicts or LabelColumn(()).verdicts, label.numbers("scale", scale))


def _official(section: Section) -> Official:
    section.only(_OFFICIAL)
    default = Official()
    return Official(
        rule=_resolved(section.text("rule")) if "rule" in section else default.rule,
        invalid=section.choice("invalid", get_args(InvalidPolicy), default.invalid),
        by_item=bool(section.value("by_item", False)),
        reads=_resolved(section.text("reads")) if "reads" in section else None,
        source=section.text("source", ""),
    )


def _recorded(section: Section) -> RecordedColumns:
    names = {"id": "item_id"}
    known = [field.name for field in fields(RecordedColumns)]
    section.only(["id", *(name for name in known if name != "item_id")])
    given: dict[str, Any] = {names.get(name, name): section.texts(name) for name in section if name != "logprobs"}
    logprobs = {float(score): str(column) for score, column in section.mapping("logprobs").items()}
    return RecordedColumns(**given, logprobs=logprobs)


def _figures(section: Section, key: str = "figures") -> tuple[str, ...]:
    names = section.texts(key)
    for name in names:
        if figure_of_metric(name)[0] is None:
            raise ArgumentError(f"{key} names {name!r}; there are {', '.join(figure_names())}, each also with mean_.")
    return names


def _resolved(name: str) -> Any:
    """What a declaration names: `module.function` of this package's benchmarks, `package.module:function` of any."""
    module, _, part = name.rpartition(":" if ":" in name else ".")
    path = module if ":" in name else f"critic_eval.benchmarks.{module}"
    try:
        return getattr(importlib.import_module(path), part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ArgumentError(f"{name!r} can't be found ({error}); name it as package.module:function.") from error


def _strict() -> bool:
    return os.environ.get(STRICT_VARIABLE, "") not in ("", "0")


def _lenient() -> bool:
    return False


_VERDICTS: dict[str, int | None] = {"a": 0, "b": 1, "tie": None}
_DATA = ("hub", "config", "split", "revision", "folder", "files", "image_folders", "file", "variable", "source")
_OFFICIAL = (
    *("rule", "invalid", "by_item", "reads", "source"),
    *("orders", "repeats", "figures", "generation", "upright"),
)
_KEYS = (
    *("task", "title", "about", "paper", "license", "bibtex", "suite", "also_called"),
    *("data", "needs", "images", "reader", "columns", "protocol", "orders", "generation"),
    *("figures", "also", "invalid", "variants", "official", "recorded", "tells_left_out"),
)
