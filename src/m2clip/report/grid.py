"""Every table of a report is a Grid: columns, and lines of cells in blocks, for templates and `csv_text`."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Self

from m2clip.report.numbers import MARKS, MISSING, NOT_RUN, Number, Source, Text

Cell = Number | Text | str | None
YES, NO = "✓", "✗"


@dataclass(frozen=True)
class Column:
    """A column: its key and its header. A CSV has one column for each of `endings`, named key + ending.

    text: set to the left and sorted as words. how: in words, how its values are made of the files' numbers.
    """

    key: str
    header: str
    text: bool = False
    endings: tuple[str, ...] = ("",)
    how: str = ""


@dataclass(frozen=True)
class Line:
    """Cells of a line. name, seeds: of the row and how many it has; empty where nothing was run here.

    block: a heading. Neighbouring lines with the same one stand below it together and are sorted among them.
    """

    cells: tuple[Cell, ...]
    name: str = ""
    seeds: int | None = None
    block: str = ""

    @property
    def label(self) -> str:
        """What stands in its first cell."""
        return shown(self.cells[0])


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table with the notes below it; key: its name in files and links."""

    key: str
    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def blocks(self) -> list[tuple[str, list[Line]]]:
        """The headings, each with the lines below it; of a table without blocks one empty heading."""
        return [(heading, list(lines)) for heading, lines in groupby(self.lines, lambda line: line.block)]

    def only(self, keys: Collection[str]) -> Self:
        """The table with only the columns of these keys."""
        kept = [at for at, column in enumerate(self.columns) if column.key in keys]
        lines = tuple(replace(line, cells=tuple(line.cells[at] for at in kept)) for line in self.lines)
        return replace(self, columns=tuple(self.columns[at] for at in kept), lines=lines)

    def cells(self) -> Iterator[tuple[Line, Column, Cell]]:
        """Every cell that is there, line by line."""
        for line in self.lines:
            yield from (
                (line, column, cell)
                for column, cell in zip(self.columns, line.cells, strict=True)
                if not is_missing(cell)
            )

    def all_notes(self) -> tuple[str, ...]:
        """The notes, and what the marks in the cells mean."""
        there = {mark for _, _, cell in self.cells() if isinstance(cell, Number) for mark in cell.marks}
        return (*self.notes, *(f"{mark} {meaning}." for mark, meaning in MARKS.items() if mark in there))


def plain(
    key: str,
    title: str,
    columns: Sequence[Column],
    lines: Iterable[Line | Sequence[Cell]],
    notes: Sequence[str] = (),
) -> Grid:
    """A table from lines; a bare sequence of cells becomes a line without a name."""
    made = tuple(line if isinstance(line, Line) else Line(tuple(line)) for line in lines)
    return Grid(key=key, title=title, columns=tuple(columns), lines=made, notes=tuple(notes))


def shown(cell: Cell) -> str:
    """A cell as one reads it; what is missing is a dash."""
    return str(cell) if cell is not None and str(cell) else MISSING


def is_missing(cell: Cell) -> bool:
    """Whether there is nothing, or nothing yet."""
    return cell is NOT_RUN or shown(cell) == MISSING


def sources(cell: Cell) -> tuple[Source, ...]:
    """What a cell was read from; nothing of a missing one."""
    return cell.sources if isinstance(cell, Number | Text) else ()


def order(cell: Cell, text: bool = False) -> float | str | None:
    """What a cell is sorted by: its number, the first number of its words, or the words; None: missing.

    An interval `[low, high]` is sorted by its lower end.
    """
    if isinstance(cell, Number):
        return cell.value
    words = shown(cell)
    if is_missing(cell) or words == "n/a":
        return None
    if words in (YES, NO):
        return float(words == YES)
    number = None if text else re.match(r"\[?([+-]?\d[\d,]*(\.\d+)?)", words.replace("−", "-"))
    return float(number[1].replace(",", "")) if number else words


def csv_text(grid: Grid) -> str:
    """For programs: a column for each number and one for each of its spreads; what is missing is empty."""
    blocks = any(line.block for line in grid.lines)
    keys = [column.key + ending for column in grid.columns for ending in column.endings]
    lines = []
    for line in grid.lines:
        fields: list[object] = [line.name, line.seeds, *([line.block] if blocks else [])]
        for column, cell in zip(grid.columns, line.cells, strict=True):
            told = cell.fields() if isinstance(cell, Number | Text) else {"": cell or ""}
            told = {} if is_missing(cell) else told
            fields += [told.get(ending, "") for ending in column.endings]
        lines.append(fields)
    return comma_separated(["row", "seeds", *(["block"] if blocks else []), *keys], lines)


def comma_separated(header: Sequence[str], lines: Iterable[Iterable[object]]) -> str:
    """A CSV of these lines; None is an empty field."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *lines])
    return stream.getvalue()
