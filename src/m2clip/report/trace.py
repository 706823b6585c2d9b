"""`m2clip trace`: from a number in a table, a figure or a claim back to the run and the file it came from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from m2clip import experiment, profiles
from m2clip.errors import UserError, did_you_mean
from m2clip.files import read_mapping
from m2clip.report import TABLES, claims, claims_section, declared, provenance, results, tables, verdicts
from m2clip.report.figures import all_figures as figures
from m2clip.report.grid import Cell, Column, Grid, Line, is_missing, shown, sources
from m2clip.report.numbers import MISSING, Source
from m2clip.report.provenance import Made
from m2clip.report.results import Results
from m2clip.report.row import Row
from m2clip.report.ticks import TICKS
from m2clip.runs import RunKey

T = TypeVar("T", Line, figures.Part)


@dataclass(frozen=True)
class Traced:
    """All that a report is made of. made: how each run was; run_id: of a run in MLflow, or why none."""

    results: Results
    stated: Mapping[str, claims.Claim]
    made: Mapping[RunKey, Made]
    run_id: Callable[[RunKey, str | None], str]


def load(profile: str | None, run_id: Callable[[RunKey, str | None], str]) -> Traced:
    """Every declared row, claim and table, also the tables that are not asked for."""
    chosen, names = profiles.read(profile), experiment.rows()
    asked = declared.read(list(read_mapping(TABLES).get("tables") or {}), names)
    found = results.read(chosen, asked, names)
    return Traced(found, claims.read(names), provenance.all_made(found.rows.values(), chosen), run_id)


def lines(traced: Traced, where: str, row: str | None, column: str | None) -> Iterator[str]:
    """The printed lines for a table with a row, a claim, a figure or a row.

    Raises:
        UserError: in one line, for a word that means nothing here or more than one thing.
    """
    places, known_rows = traced.results.places, traced.results.rows
    if where in places and (row or where not in known_rows):
        return _table(traced, where, row, column)
    if column:
        raise UserError(f"trace {where}: --column is for a row of a table; {where} is no table with a row")
    if where in traced.stated and not row:
        return _claim(traced, where)
    if parts := figures.parts(where, traced.results):
        return _figure(traced, where, parts, row)
    if row and (parts := figures.parts(f"{where}-{row}", traced.results)):
        return _figure(traced, where, parts, None)
    if where in known_rows and not row:
        return _row(traced, where)
    known = [*places, *figures.names(traced.results), *([] if row else [*traced.stated, *known_rows])]
    what = "table or figure" if row else "table, figure, claim or row"
    raise UserError(f"trace {where}: there is no {what} {where}{did_you_mean(where, known)}")


def _table(traced: Traced, name: str, row: str | None, column: str | None) -> Iterator[str]:
    table = tables.make(traced.results.places[name])
    if row is None:
        ours = [line.name or f'"{line.label}"' for line in table.lines]
        raise UserError(f"trace {name}: which row? it has {', '.join(ours)}")
    wanted = _columns(table, traced.results.tables[name].columns, column)
    for line in _matching(name, row, table.lines):
        yield f"{name}, {line.label}{f' ({line.block})' if line.block else ''}"
        cells = [(table.columns[place], line.cells[place]) for place in wanted]
        yield from _cells(traced, line, cells, bool(column))


def _cells(traced: Traced, line: Line, cells: Sequence[tuple[Column, Cell]], missing: bool) -> Iterator[str]:
    """Cells of a line as the table prints them, what each is made of, and the runs behind them."""
    told: tuple[Source, ...] = ()
    for column, cell in cells:
        if is_missing(cell):
            yield from [f"  {column.header}: {MISSING} (not run yet)"] if missing else []
            continue
        yield f"  {column.header}: {shown(cell)}{f'  ({column.how})' if column.how and line.name else ''}"
        if sources(cell) != told:
            yield from (f"    from {source}" for source in sources(cell))
        told = sources(cell)
    behind = dict.fromkeys(source.run for _, cell in cells for source in sources(cell) if source.run)
    own = traced.results.rows.get(line.name)
    yield from _runs(traced, behind, [own] if own else [])


def _matching(where: str, word: str, among: Sequence[T]) -> Sequence[T]:
    """Lines of a table or parts of a figure by a row's name, its label, or a part of only one label."""
    if own := [one for one in among if word and one.name == word]:
        return own[:1]
    wanted = word.casefold()
    exact = [one for one in among if one.label.casefold() == wanted]
    found = exact or [one for one in among if wanted in one.label.casefold()]
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.label, []).extend([one.name] if one.name else [])
    if len(names) > 1:
        told = [f'"{label}" ({", ".join(rows)})' if rows else f'"{label}"' for label, rows in names.items()]
        raise UserError(f"trace {where}: {word} may be {' or '.join(told)}; say which")
    if not found:
        known = [*(one.name for one in among if one.name), *(one.label for one in among)]
        listed = list(dict.fromkeys(known))
        raise UserError(
            f"trace {where}: there is no row {word}{did_you_mean(word, known)}; known are {listed}"
        )
    return found


def _columns(table: Grid, keys: Sequence[str], word: str | None) -> list[int]:
    """The columns to print: that one, or all that hold numbers."""
    keyed = list(enumerate(zip(keys, table.columns, strict=True)))
    if word is None:
        return [at for at, (key, column) in keyed if not column.text and key not in TICKS]
    for at, (key, column) in keyed:
        if word.casefold() in (key, column.key, column.header.casefold()):
            return [at]
    raise UserError(
        f"trace {table.key}: there is no column {word}{did_you_mean(word, keys)}; known are {list(keys)}"
    )


def _claim(traced: Traced, name: str) -> Iterator[str]:
    claim = traced.stated[name]
    family = {key: other for key, other in traced.stated.items() if other.section == claim.section}
    section = claims_section.section(verdicts.judge(traced.results, family), traced.results)
    (table,) = (part for part in section.parts if isinstance(part, Grid))
    (line,) = (line for line in table.lines if line.name == name)
    yield f"{name}: {claim.says} ({claim.section})"
    yield f"  {line.label}"
    cells = [pair for pair in zip(table.columns, line.cells, strict=True) if sources(pair[1])]
    yield from _cells(traced, line, cells, True)
    yield from _runs(traced, (), [traced.results.rows[row] for row in claim.rows])


def _figure(traced: Traced, name: str, parts: Sequence[figures.Part], row: str | None) -> Iterator[str]:
    """A figure that is drawn from files of the runs, or from the paper's tables."""
    there = parts if row is None else _matching(name, row, parts)
    for part in there:
        yield f"{name}, {part.label}{f' ({part.name})' if part.name else ''}"
        yield from (f"    from {source}" for source in part.sources)
    behind = dict.fromkeys(source.run for part in there for source in part.sources if source.run)
    yield from _runs(traced, behind, [part.row for part in there if part.row])


def _row(traced: Traced, name: str) -> Iterator[str]:
    row = traced.results.rows[name]
    yield f"{name}: {row.label}"
    yield from (f"  {run.key.metrics}" for run in row.measured)
    yield from _runs(traced, [run.key for run in row.measured], [row])


def _runs(traced: Traced, behind: Iterable[RunKey], wanted: Sequence[Row]) -> Iterator[str]:
    """All facts of the runs `behind`, then a line for each run of the `wanted` rows that is missing."""
    for run in (traced.made[key] for key in behind):
        yield f"run {run.key}"
        for name, value in (*run.facts(), ("mlflow", traced.run_id(run.key, run.trained.get("config_sha")))):
            yield f"  {name:<10} {value}"
    for row, key in ((one, run.key) for one in wanted for run in one.runs if not run.metrics):
        stale = "made with another config" if key in row.stale else "not run yet"
        yield f"run {key}: {stale}; dvc repro evaluate@{key.row}-{key.seed}"
