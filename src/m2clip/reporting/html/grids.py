"""Tables for the page: each cell with what it is ordered by and what stands behind it."""

import re
from collections.abc import Sequence

from m2clip.reporting.columns import Context
from m2clip.reporting.declared import Spec
from m2clip.reporting.html.parts import Cell, Grid, Group, data_uri
from m2clip.reporting.html.sources import run_key
from m2clip.reporting.making import of_table
from m2clip.reporting.names import MISSING
from m2clip.reporting.outcomes import Step
from m2clip.reporting.results import Row, Value
from m2clip.reporting.tables import Cell as Content
from m2clip.reporting.tables import Listing, Table, render, shown
from m2clip.reporting.ticks import NO, YES

MEASURED = {  # columns that a run gave: where in its files
    "label": "",
    "views": "supervised/frames, crops and clips of metrics.json",
    "top1": "supervised/top1 of metrics.json",
    "top5": "supervised/top5 of metrics.json",
    "ucf101_top1": "zero_shot/ucf101/splits of metrics.json",
    "hmdb51_top1": "zero_shot/hmdb51/splits of metrics.json",
    **{
        f"{name}_{protocol}_top1": f"zero_shot/{name}/{key} of metrics.json"
        for name in ("ucf101", "hmdb51")
        for protocol, key in (
            ("full", "full"),
            ("half", "half"),
            ("no_text_adapter", "no_text_adapter/splits"),
        )
    },
    "videos": "supervised/videos of metrics.json",
    "correlation": "label_features.npy",
    "step": "top-1 of this row less that of the reference; its interval from outcomes.json of both",
}
COUNTED = ("parameters_m", "gmacs_view")
KINDS = {"csv": "text/csv;charset=utf-8", "tex": "text/plain;charset=utf-8"}


def order(content: Content, text: bool = False) -> float | str | None:
    """What a cell is sorted by: its number, the first number of its text, or the text; None: missing."""
    if isinstance(content, Value):
        return content.mean
    if isinstance(content, Step):
        return content.points
    if content in (None, "", MISSING, "n/a"):
        return None
    if content in (YES, NO):
        return float(content == YES)
    if text or not isinstance(content, str):
        return content
    number = re.match(r"[+-]?\d[\d,]*(\.\d+)?", content.replace("−", "-"))
    return float(number[0].replace(",", "")) if number else content


def of_made(table: Table, spec: Spec, rows: Sequence[Row], context: Context) -> Grid:
    """A table of results as it was made, its groups those of its blocks."""
    chosen, here = of_table(spec, rows, context)
    by_name = {row.name: row for row in chosen}
    lines = []
    for name, contents in zip(table.names, table.cells, strict=True):
        row = by_name.get(name)
        cells = []
        for column, content in zip(table.columns, contents, strict=True):
            behind = _behind(column.key, row, spec, here) if shown(content) != MISSING else ((), ())
            cells.append(Cell(shown(content), order(content, column.text), *behind))
        lines.append(tuple(cells))
    starts = sorted({0, *table.starts()})
    groups = [
        Group(table.blocks[start] if table.blocks else "", tuple(lines[start:end]))
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    saved = render(table)
    files = [(f"{table.name}.{name}", data_uri(saved[name].encode(), kind)) for name, kind in KINDS.items()]
    return Grid(
        key=table.name, title=table.title, headers=tuple(column.header for column in table.columns),
        texts=tuple(column.text for column in table.columns), groups=tuple(groups),
        notes=table.all_notes(), files=tuple(files),
    )  # fmt: skip


def _behind(
    key: str, row: Row | None, spec: Spec, context: Context
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Keys of the sources of a cell, and what else is known of it."""
    if row is None or key in ("published_top1", "published_step"):
        return ((f"published-{spec.published}",) if spec.published and key != "label" else ()), ()
    if key in COUNTED:
        return ("complexity",), (("Line", row.name),)
    if key == "chance":
        return (f"data-{row.dataset}",), (("Number", "100 / labels"),)
    if key not in MEASURED:
        return (), ()
    runs = [run_key(run) for run in row.measured]
    reference = context.reference(row) if key == "step" else None
    if reference and reference.name != row.name:
        runs += [run_key(run) for run in reference.measured]
    return tuple(runs), ((("Number", MEASURED[key]),) if MEASURED[key] else ())


def of_listing(key: str, title: str, listing: Listing, notes: Sequence[str] = ()) -> Grid:
    """A plain table of texts."""
    lines = tuple(
        tuple(Cell(cell, order(cell, text)) for cell, text in zip(line, listing.texts, strict=True))
        for line in listing.rows
    )
    return Grid(
        key=key, title=title, headers=tuple(listing.headers), texts=tuple(listing.texts),
        groups=(Group("", lines),), notes=tuple(notes),
    )  # fmt: skip
