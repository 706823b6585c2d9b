"""The tables of results: the paper's lines and ours, in blocks that say which is which."""

from collections.abc import Iterator

from m2clip.report import grid
from m2clip.report.columns import COLUMNS, UNSEEN, Column
from m2clip.report.grid import Grid, Line
from m2clip.report.names import DATASETS
from m2clip.report.overlap import told
from m2clip.report.results import Results, TableRows
from m2clip.report.row import Row

OVER_SPLITS = tuple(f"{name}{ending}" for name in UNSEEN for ending in ("", "_no_text_adapter"))
THIRDS = "These splits are thirds without a video in common: their ± is no error of the mean."
PUBLISHED = (
    "Published: the paper's value and the paper's step, measured on K400 with ViT-B/16; missing for a "
    "row that the paper does not have as it is configured here."
)


def made(results: Results) -> list[Grid]:
    """Every asked table, in order."""
    return [make(place) for place in results.places.values()]


def make(place: TableRows) -> Grid:
    """A declared table, filled; its lines stand in blocks, but where a column names their dataset."""
    columns, lines = [COLUMNS[key] for key in place.spec.columns], []
    for line, row in place.pairs():
        cells = tuple(column.cell(row, line, place) for column in columns)
        block = line.heading() if line and place.listed else _heading(row, place) if row else ""
        block = "" if "dataset" in place.spec.columns else block
        lines.append(Line(cells, row.name if row else "", len(row.measured) if row else None, block))
    named = [column.named(place.results.names, place.published) for column in columns]
    return grid.plain(place.name, place.spec.title, named, lines, list(_notes(place, columns)))


def _heading(row: Row, place: TableRows) -> str:
    """Where the numbers of a block were measured."""
    if row.dataset is None:
        return "Measured here"
    names, theirs = place.results.names, place.published
    zero_shot = [names.dataset(name) for name in place.spec.columns if name in UNSEEN]
    tested = row.config.evaluate.zero_shot if row.config else ()
    also = f"; zero-shot on {' and '.join(zero_shot)}" if zero_shot and tested else ""
    beyond = theirs and (theirs.listed or row.dataset not in theirs.datasets)
    return f"Measured here: {names.dataset(row.dataset)}{also}{' (beyond the paper)' if beyond else ''}"


def _notes(place: TableRows, columns: list[Column]) -> Iterator[str]:
    """The notes below a table, a paragraph each: spreads, steps, what is published, chance, zero-shot."""
    keys, results = place.spec.columns, place.results
    trained_on = list(dict.fromkeys(row.dataset for row in place.rows if row.trained and row.dataset))
    yield from filter(None, [place.spec.note, " ".join(_spread(place, columns))])
    if "step" in keys:
        yield _steps(place)
    if place.listed:
        shown = dict.fromkeys(results.names.dataset(row.dataset) for row in place.rows if row.dataset)
        measured = f"Measured: here, trained on {' and '.join(shown)}."
        yield f"Published: by the paper, on the real datasets. {measured}"
    elif "published_top1" in keys:
        yield PUBLISHED
    yield from _chances(place)
    unseen = [  # below Table 3, the one with this column, and the table by verb
        text
        for name in UNSEEN
        if ("tuned_clip" in keys and name in keys) or f"{name}_trained_verbs_step" in keys
        if (text := told(name, trained_on, results))
    ]
    yield from [" ".join(f"{text}." for text in unseen)] if unseen else []
    if any(column.zero_shot for column in columns):
        reasons = ((row.label, row.config.options.no_zero_shot) for row in place.rows if row.config)
        given = {label: reason for label, reason in reasons if reason}
        yield from (f"{label} has no zero-shot: {reason}." for label, reason in given.items())


def _spread(place: TableRows, columns: list[Column]) -> Iterator[str]:
    """What ± means in the table's columns; over seeds only where a row has several."""
    several = any(row.trained and len(row.measured) > 1 for row in place.rows)
    there = dict.fromkeys(column.over_seeds for column in columns if several and column.over_seeds)
    if there:
        yield f"Mean ± standard deviation over seeds: {', '.join(there)}."
    if set(OVER_SPLITS) & set(place.spec.columns):
        averaged = ", each split averaged over seeds" if several else ""
        yield f"Zero-shot is mean ± standard deviation over splits{averaged}."
        yield from [THIRDS] if place.results.names.synthetic else []


def _steps(place: TableRows) -> str:
    labels = dict.fromkeys(row.label for row in place.references)
    if not labels:
        return "The row from which steps are counted is not the paper's here, so there are none."
    gone = len(place.references) < len(place.spec.reference)
    also = " There is no step from a row that is not the paper's here." if gone else ""
    return (
        f"Step: top-1 less that of {', '.join(labels)} on the same dataset, in points; in brackets its 95 % "
        f"interval over the test videos, paired, for these seeds alone.{also}"
    )


def _chances(place: TableRows) -> Iterator[str]:
    """Chance level of the sets on which accuracy is shown, but for those that a column tells it of."""
    keys, results = place.spec.columns, place.results
    supervised = "top1" in keys and "chance" not in keys
    used = {row.dataset for row in place.rows} if supervised else set()
    shown = [*(name for name in DATASETS if name in used), *(name for name in UNSEEN if name in keys)]
    known = {name: results.chance(name) for name in shown}
    parts = [f"{chance} % on {results.names.dataset(name)}" for name, chance in known.items() if chance]
    if parts:
        yield f"Chance is {' and '.join(filter(None, [', '.join(parts[:-1]), parts[-1]]))}."
