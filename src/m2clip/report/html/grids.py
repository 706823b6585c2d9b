"""Tables for the page: each cell with what it is ordered by and what stands behind it."""

import re
from collections.abc import Sequence

from m2clip.report.html.parts import Grid, Group, data_uri
from m2clip.report.html.sources import behind
from m2clip.report.names import MISSING
from m2clip.report.outcomes import Step
from m2clip.report.provenance import Origin
from m2clip.report.results import Value
from m2clip.report.tables.formats import Cell as Content
from m2clip.report.tables.formats import Listing, Table, render, shown
from m2clip.report.tables.ticks import NO, YES

Origins = Sequence[Sequence[Origin | None]]
KINDS = {"csv": "text/csv;charset=utf-8", "tex": "text/plain;charset=utf-8"}


def order(content: Content, text: bool = False) -> float | str | None:
    """What a cell is sorted by: its number, the first number of its text, or the text; None: missing.

    An interval `[low, high]` is sorted by its lower end.
    """
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
    number = re.match(r"\[?([+-]?\d[\d,]*(\.\d+)?)", content.replace("−", "-"))
    return float(number[1].replace(",", "")) if number else content


def of_made(table: Table, origins: Origins) -> Grid:
    """A table of results as it was made, with the origin of each cell; its groups are those of its blocks."""
    lines = [
        tuple(
            behind(shown(content), order(content, column.text), origin)
            for column, content, origin in zip(table.columns, contents, given, strict=True)
        )
        for contents, given in zip(table.cells, origins, strict=True)
    ]
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


def of_listing(
    key: str, title: str, listing: Listing, notes: Sequence[str] = (), origins: Origins | None = None
) -> Grid:
    """A plain table of texts; with the origin of each cell, where they are known."""
    given = origins or [[None] * len(listing.headers)] * len(listing.rows)
    lines = tuple(
        tuple(
            behind(cell, order(cell, text), origin)
            for cell, text, origin in zip(line, listing.texts, from_where, strict=True)
        )
        for line, from_where in zip(listing.rows, given, strict=True)
    )
    return Grid(
        key=key, title=title, headers=tuple(listing.headers), texts=tuple(listing.texts),
        groups=(Group("", lines),), notes=tuple(notes),
    )  # fmt: skip
