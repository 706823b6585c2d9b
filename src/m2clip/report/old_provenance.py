"""Where each number comes from: of every cell and claim its files and keys, and the runs that wrote them.

made = all_made(rows, profile)
cells = of_table("table4", spec, rows, context, labels, made)  # as Table.cells: rows, then columns
cells[0][3].runs[0].commit
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from m2clip.report import how, sources
from m2clip.report.conclusions.audit_page import NOT_MEASURED, SAME, UNSEEN, Audited
from m2clip.report.conclusions.verdicts import Judged
from m2clip.report.names import Names
from m2clip.report.numbers import Source
from m2clip.report.results import Row
from m2clip.report.run_facts import Made, all_made
from m2clip.report.sources import Place
from m2clip.report.tables import listing, making
from m2clip.report.tables.columns import Context
from m2clip.report.tables.declared import Declared, Spec
from m2clip.report.tables.formats import Cell, shown, signed
from m2clip.report.tables.making import make_table
from m2clip.report.tables.published import Line
from m2clip.rows import MAIN
from m2clip.runs import RunKey

HEADER = ("table", "row", "column", "value", "file", "key", "seed", "commit", "evaluation_commit")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Of one shown value: its place, as it is printed, what it is made of and how, and the runs behind it.

    row: its name; empty for a line that the paper printed. column: the key as in the CSV.
    """

    table: str
    row: str
    label: str
    column: str
    value: str
    sources: tuple[Source, ...]
    how: str
    runs: tuple[Made, ...]

    def files(self) -> dict[tuple[Path, RunKey | None], list[str]]:
        """The keys in each file, and the run that wrote it."""
        found: dict[tuple[Path, RunKey | None], list[str]] = {}
        for source in self.sources:
            found.setdefault((source.file, source.run), []).append(source.key)
        return found

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs, each once."""
        return tuple(dict.fromkeys(run.key.seed for run in self.runs))


Grid = tuple[tuple[Origin | None, ...], ...]


def of_table(
    name: str,
    spec: Spec,
    rows: Sequence[Row],
    context: Context,
    labels: Collection[str],
    made: Mapping[RunKey, Made],
) -> Grid:
    """The origin of every cell, in the shape of the table's cells; None where the cell is missing.

    Args:
        name: of the table, with its declaration, all rows and the context, as make_table takes them.
        spec: see name.
        rows: see name.
        context: see name.
        labels: the rows whose label is declared.
        made: all runs, from all_made.
    """
    chosen, here = making.of_table(spec, rows, context)
    where = Place(name, spec, chosen, here, labels)
    table = make_table(name, spec, rows, context)
    lines = here.published.lines if here.published and here.published.listed else ()
    by_name = {row.name: row for row in chosen}
    found = []
    for at, cells in enumerate(table.cells):
        row = by_name.get(table.names[at])
        line = None if row else lines[at]
        origins = (
            _of_cell(key, column.key, cell, row, line, where, made)
            for key, column, cell in zip(spec.columns, table.columns, cells, strict=True)
        )
        found.append(tuple(origins))
    return tuple(found)


def _of_cell(
    key: str,
    column: str,
    cell: Cell,
    row: Row | None,
    line: Line | None,
    where: Place,
    made: Mapping[RunKey, Made],
) -> Origin | None:
    if cell is None or cell == "":
        return None
    given: tuple[Source, ...] = ()
    if row:
        given = sources.of_row(key, row, where)
    elif line:
        given = sources.of_line(key, line, where)
    return Origin(
        table=where.name,
        row=row.name if row else "",
        label=row.label if row else listing.label(line) if line else "",
        column=column,
        value=shown(cell),
        sources=given,
        how=how.CELLS.get(key, "") if row else "",
        runs=_behind(given, made),
    )


def of_claim(
    judged: Judged, rows: Iterable[Row], context: Context, made: Mapping[RunKey, Made]
) -> Origin | None:
    """The origin of the difference by which a claim is judged; None where a run is missing."""
    if judged.difference is None:
        return None
    given = sources.of_claim(judged.claim, _compared(judged, rows), context)
    return Origin(
        table="claims", row=judged.name, label=judged.claim.says, column="difference", value=judged.value(),
        sources=given, how=how.CLAIMS[judged.claim.measure], runs=_behind(given, made),
    )  # fmt: skip


def of_printed(judged: Judged, rows: Iterable[Row], context: Context) -> Origin | None:
    """The origin of the paper's own difference; None where the paper prints no numbers."""
    printed = judged.printed
    if printed is None:
        return None
    given = sources.of_printed(judged.claim, _compared(judged, rows), context)
    return Origin(
        table="claims", row=judged.name, label=judged.claim.says, column="paper_difference",
        value=signed(printed.difference), sources=given, how=how.PRINTED, runs=(),
    )  # fmt: skip


def _compared(judged: Judged, rows: Iterable[Row]) -> list[Row]:
    by_name = {row.name: row for row in rows}
    return [by_name[name] for name in judged.claim.rows]


def of_audit(audited: Audited, names: Names, made: Mapping[RunKey, Made]) -> Grid:
    """The origin of every cost in the audit's switches, in their shape; None where none was measured."""
    listing = audited.switches
    main, at_row = audited.rows[MAIN], listing.headers.index("Row")
    unseen = f"Zero-shot {names.dataset(UNSEEN)}, points"
    sets = {"Top-1, points": main.dataset or "", unseen: UNSEEN}
    found = []
    for line in listing.rows:
        row = audited.rows.get(line[at_row])
        cells = []
        for header, text in zip(listing.headers, line, strict=True):
            origin = None
            if row and header in sets and text not in ("", NOT_MEASURED, SAME):
                given = tuple(sources.of_difference((row, main), sets[header]))
                origin = Origin(
                    table="audit.md", row=row.name, label=row.label, column=header, value=text,
                    sources=given, how=how.COST, runs=_behind(given, made),
                )  # fmt: skip
            cells.append(origin)
        found.append(tuple(cells))
    return tuple(found)


def _behind(given: Iterable[Source], made: Mapping[RunKey, Made]) -> tuple[Made, ...]:
    keys = dict.fromkeys(source.run for source in given if source.run)
    return tuple(made[key] for key in keys if key in made)


@dataclass(frozen=True, kw_only=True)
class Traced:
    """The origins of all that a report shows: of tables, by name; of claims, measured and printed; of costs.

    made: every run by its key, also those that stand behind no number.
    """

    tables: Mapping[str, Grid]
    claims: Mapping[str, tuple[Origin | None, Origin | None]]
    audit: Grid
    made: Mapping[RunKey, Made]

    def all(self) -> Iterator[Origin | None]:
        """One after the other."""
        for cells in (*chain.from_iterable(self.tables.values()), *self.claims.values(), *self.audit):
            yield from cells


def traced(
    asked: Declared, judged: Iterable[Judged], audited: Audited, rows: Iterable[Row], context: Context
) -> Traced:
    """Of every cell of the asked tables, of every claim and of every cost in the audit."""
    rows = list(rows)
    by_name = {**audited.rows, **{row.name: row for row in rows}}
    made = all_made(by_name.values(), context.profile)
    return Traced(
        tables={
            name: of_table(name, spec, rows, context, asked.labels, made)
            for name, spec in asked.tables.items()
        },
        claims={
            one.name: (of_claim(one, rows, context, made), of_printed(one, rows, context)) for one in judged
        },
        audit=of_audit(audited, context.names, made),
        made=made,
    )


def comma_separated(origins: Iterable[Origin | None]) -> str:
    """A line for each value and file that it is made of, with all keys in it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for origin in filter(None, origins):
        by_key = {run.key: run for run in origin.runs}
        for (file, key), inside in origin.files().items():
            run = by_key.get(key) if key else None
            behind = [run.key.seed, run.commit, run.evaluation_commit] if run else [""] * 3
            told = [origin.table, origin.row or origin.label, origin.column, origin.value]
            writer.writerow([*told, file.as_posix(), "; ".join(inside), *behind])
    return stream.getvalue()
