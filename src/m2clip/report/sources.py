"""Which file and key each cell of a table comes from.

A key is a path of names joined by dots, `*` for all names at that place; of a CSV its line and column; of an
array nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.parsing import flat
from m2clip.report import TABLES, facts
from m2clip.report.numbers import Source
from m2clip.report.results import Row, get_path
from m2clip.report.tables import listing, published
from m2clip.report.tables.columns import BY_VERB, CORRELATIONS, FROM_PAPER, VIEWS, Context
from m2clip.report.tables.declared import Spec
from m2clip.report.tables.published import Line
from m2clip.report.tables.ticks import SETTINGS

METRICS = {
    "views": tuple(f"supervised.{name}" for name in VIEWS),
    "top1": ("supervised.top1",),
    "top5": ("supervised.top5",),
    "videos": ("supervised.videos",),
    "ucf101": ("zero_shot.ucf101.splits.*.top1",),
    "hmdb51": ("zero_shot.hmdb51.splits.*.top1",),
    **{
        f"{name}_{protocol}": (f"zero_shot.{name}.{key}",)
        for name in ("ucf101", "hmdb51")
        for protocol, key in (
            ("full", "full.top1"),
            ("half", "half.draws.*"),
            ("no_text_adapter", "no_text_adapter.splits.*.top1"),
        )
    },
}
CONFIG = {"dataset": ("data.dataset",), "pretraining": ("backbone.pretrained",), **SETTINGS}
LAYERS = {"front": "vision_cfg.layers", "back": "vision_cfg.layers", "text_layers": "text_cfg.layers"}
COUNTS = {"parameters": "trainable_total", "gmacs": "gmacs_view"}


@dataclass(frozen=True)
class Place:
    """A table and what its cells need: its declaration, its rows and context, the rows that have a label."""

    name: str
    spec: Spec
    rows: Sequence[Row]
    context: Context
    labels: Collection[str]


def of_row(key: str, row: Row, place: Place) -> tuple[Source, ...]:
    """Of a cell of a row that was run here; nothing where its files are missing."""
    if key in METRICS:
        return tuple(_metrics(row, METRICS[key]))
    if key in CONFIG:
        return (*_config(row, CONFIG[key]), *_layers(row, key))
    if key == "label":
        return (_label(row, place),)
    if key == "chance":
        return (Source(facts.sheets(place.context.profile.name) / f"{row.dataset}.csv", "line 2, labels"),)
    if key in COUNTS:
        return tuple(_count(row, COUNTS[key], place.context))
    if key in CORRELATIONS:
        return tuple(_features(dict.fromkeys([row.name, place.rows[0].name]), place.rows))
    if key == "step":
        return tuple(_step(row, place))
    if key in BY_VERB:
        return (*_hits(row, BY_VERB[key][0]), _classes(BY_VERB[key][0], place.context))
    if (value := key.removesuffix("_step")) in BY_VERB:
        return tuple(_verb_step(row, BY_VERB[value][0], place))
    if key in FROM_PAPER:
        return (*_metrics(row, METRICS[FROM_PAPER[key]]), *_published(key, row, place))
    return tuple(_published(key, row, place))


def of_line(key: str, line: Line, place: Place) -> tuple[Source, ...]:
    """Of a cell of a line that the paper printed."""
    theirs = place.context.published
    if key == "step" and theirs and theirs.reference:
        return tuple(_cell(one, theirs.accuracy, place) for one in (line, theirs.reference))
    names = {"label": ("method", "backbone", "citation", "venue"), "views": VIEWS}.get(key)
    names = names or (listing.COUNTS.get(key) or listing.TICKS.get(key) or key,)
    spread = [f"{key}_std"] if f"{key}_std" in line.cells else []
    return tuple(_cell(line, name, place) for name in (*names, *spread) if name in line.cells)


def of_difference(rows: Iterable[Row], dataset: str) -> Iterator[Source]:
    """Of each row its number, supervised or zero-shot, and which videos it had right."""
    for row in rows:
        supervised = row.dataset == dataset
        yield from _metrics(row, METRICS["top1" if supervised else dataset])
        yield from _hits(row, dataset)


def printed_cell(name: str, lines: Sequence[Line], line: Line | None, column: str) -> Source:
    """A cell of a file of the paper's numbers, its lines given; the file alone where the line is not."""
    file = published.FOLDER / f"{name}.csv"
    return Source(file, f"line {lines.index(line) + 2}, {column}" if line else "")


def _metrics(row: Row, keys: Iterable[str]) -> list[Source]:
    return [Source(run.key.metrics, key, run.key) for run in row.measured for key in keys]


def _hits(row: Row, dataset: str) -> list[Source]:
    """Which videos were right, of each seed; zero-shot also which split has which."""
    found = []
    for run in row.measured:
        supervised = row.dataset == dataset
        head = get_path(run.metrics, "supervised", "head") if supervised else "eq11"
        keys = [f"{dataset}.hits.{head}", *([] if supervised else [f"{dataset}.splits"])]
        found += [Source(run.key.outcomes, key, run.key) for key in keys] if run.outcomes else []
    return found


def _classes(dataset: str, context: Context) -> Source:
    return Source(facts.classes_file(context.profile.name, dataset), "verb_trained")


def _verb_step(row: Row, dataset: str, place: Place) -> Iterator[Source]:
    """Which videos each of two rows had right, and which have a trained verb."""
    reference = place.context.reference(row)
    if reference is None or reference.name == row.name:
        yield Source(TABLES, f"tables.{place.name}.reference")
        return
    for one in (row, reference):
        yield from _hits(one, dataset)
    yield _classes(dataset, place.context)


def _config(row: Row, keys: Sequence[str]) -> list[Source]:
    """Where the settings stand in the row's file; of a method without one of them, all of its own."""
    if row.config is None:
        return []
    file, own, known = row.runs[0].key.train_config, flat(row.config.options), flat(row.config)
    found = [key for key in keys if key in known]
    if len(found) < len(list(keys)):
        found = list(dict.fromkeys(["method", *found, *own]))
    return [Source(file, f"options.{key}" if key in own else key) for key in found]


def _layers(row: Row, key: str) -> list[Source]:
    """The backbone's number of layers, where that decides too; open_clip's own models have no file here."""
    config = row.config.backbone.config if row.config else None
    return [Source(Path(config), LAYERS[key])] if config and key in LAYERS else []


def _label(row: Row, place: Place) -> Source:
    """Declared, of the table or of all, else told from the config by how it differs."""
    if row.name in place.spec.labels:
        return Source(TABLES, f"tables.{place.name}.labels.{row.name}")
    if row.name in place.labels:
        return Source(TABLES, f"labels.{row.name}")
    return Source(row.runs[0].key.train_config, "") if row.config else Source(TABLES, "")


def _count(row: Row, column: str, context: Context) -> list[Source]:
    lines = context.parameters.lines
    own = [at for at, line in enumerate(lines) if line["row"] == row.name]
    frames = str(row.config.data.frames) if row.config else ""
    at = next((at for at in own if lines[at]["frames"] == frames), own[0] if own else None)
    return [] if at is None else [Source(facts.COMPLEXITY, f"line {at + 2}, {column}")]


def _features(names: Iterable[str], rows: Sequence[Row]) -> list[Source]:
    by_name = {row.name: row for row in rows}
    return [
        Source(run.key.label_features, "", run.key)
        for name in names
        for run in by_name[name].measured
        if run.label_features is not None
    ]


def _step(row: Row, place: Place) -> list[Source]:
    """Both rows' numbers, and which videos each had right."""
    reference = place.context.reference(row)
    if reference is None:
        return []
    if reference.name == row.name:
        return [Source(TABLES, f"tables.{place.name}.reference")]
    return list(of_difference((row, reference), row.dataset or ""))


def _published(key: str, row: Row, place: Place) -> list[Source]:
    """The paper's number for the row, or the two of which it is the step."""
    theirs = place.context.published
    line = theirs.line(row.name, row.config, place.context.profile) if theirs else None
    if theirs is None or line is None:
        return []
    lines = [line, theirs.reference] if key == "published_step" else [line]
    column = {"ucf101": "ucf101", "hmdb51": "hmdb51"}.get(FROM_PAPER.get(key, ""), theirs.accuracy)
    return [_cell(one, column, place) for one in lines if one]


def _cell(line: Line, column: str, place: Place) -> Source:
    lines = place.context.published.lines if place.context.published else ()
    return printed_cell(place.spec.published, lines, line, column)
