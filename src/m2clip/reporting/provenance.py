"""Where each number comes from: of every cell and claim its files and keys, and the runs that wrote them.

made = all_made(rows, profile)
cells = of_table("table4", spec, rows, context, labels, made)  # as Table.cells: rows, then columns
cells[0][3].runs[0].commit
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.reporting import listing, making, sources
from m2clip.reporting.columns import Context
from m2clip.reporting.declared import Declared, Spec
from m2clip.reporting.differences import difference
from m2clip.reporting.making import make_table
from m2clip.reporting.published import Line
from m2clip.reporting.results import Row, SeedRun, look
from m2clip.reporting.sources import Place, Source
from m2clip.reporting.tables import Cell, shown
from m2clip.reporting.verdicts import Judged
from m2clip.rows import Profile
from m2clip.runs import RunKey

HOW = {
    "top1": "mean over seeds ± their standard deviation",
    "top5": "mean over seeds ± their standard deviation",
    "ucf101": "each split averaged over seeds, then mean ± standard deviation over splits",
    "hmdb51": "each split averaged over seeds, then mean ± standard deviation over splits",
    **{f"{name}_full": "mean over seeds ± their standard deviation" for name in ("ucf101", "hmdb51")},
    **{
        f"{name}_half": "each draw averaged over seeds, then mean ± standard deviation over draws"
        for name in ("ucf101", "hmdb51")
    },
    **{
        f"{name}_no_text_adapter": "each split averaged over seeds, then mean ± their standard deviation"
        for name in ("ucf101", "hmdb51")
    },
    "from_paper": "top-1 less the paper's number ± the standard deviation over seeds",
    "ucf101_from_paper": "the mean over splits less the paper's number",
    "hmdb51_from_paper": "the mean over splits less the paper's number",
    "chance": "100 / labels",
    "parameters": "in units of 10^6",
    "correlation": "Pearson's, mean over pairs of the labels that the table's first row chooses ± over seeds",
    "step": "top-1 less the reference's ± over seeds; interval: paired bootstrap over videos",
    "published_step": "the number less that of the paper's reference line",
}
CLAIM = {
    "supervised": "top-1 less that of the other row; interval: paired bootstrap over videos",
    "zero-shot": "mean over splits, less that of the other row; interval: paired bootstrap over videos",
    "correlation": "mean correlation of label features less that of the other row; no interval",
    "trade": "points over the best row of as many parameters or fewer; interval: paired bootstrap",
}
HEADER = ("table", "row", "column", "value", "file", "key", "seed", "commit", "evaluation_commit")


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a run came about. Seconds of wall time; a commit with changes on top ends in `-dirty`.

    inputs: digests of the videos, the backbone and the method. differences: from the paper's model.
    """

    key: RunKey
    differences: tuple[str, ...]
    config_sha: str | None
    inputs: Mapping[str, str]
    commit: str | None
    evaluation_commit: str | None
    command: str | None
    evaluation_command: str | None
    machine: str
    started: str | None
    seconds: float | None
    evaluation_seconds: float | None


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

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs, each once."""
        return tuple(dict.fromkeys(run.key.seed for run in self.runs))


def of_table(
    name: str,
    spec: Spec,
    rows: Sequence[Row],
    context: Context,
    labels: Collection[str],
    made: Mapping[RunKey, Made],
) -> tuple[tuple[Origin | None, ...], ...]:
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
        how=HOW.get(key, "") if row else "",
        runs=_behind(given, made),
    )


def of_claim(
    judged: Judged, rows: Iterable[Row], context: Context, made: Mapping[RunKey, Made]
) -> Origin | None:
    """The origin of the difference by which a claim is judged; None where a run is missing."""
    if judged.difference is None:
        return None
    by_name = {row.name: row for row in rows}
    given = sources.of_claim(judged.claim, [by_name[name] for name in judged.claim.rows], context)
    return Origin(
        table="claims", row=judged.name, label=judged.claim.says, column="difference", value=judged.value(),
        sources=given, how=CLAIM[judged.claim.measure], runs=_behind(given, made),
    )  # fmt: skip


def _behind(given: Iterable[Source], made: Mapping[RunKey, Made]) -> tuple[Made, ...]:
    keys = dict.fromkeys(source.run for source in given if source.run)
    return tuple(made[key] for key in keys if key in made)


def all_made(rows: Iterable[Row], profile: Profile) -> dict[RunKey, Made]:
    """Every evaluated run of the rows."""
    return {run.key: _made(run, row, profile) for row in rows for run in row.measured}


def _made(run: SeedRun, row: Row, profile: Profile) -> Made:
    trained, evaluated = run.provenance, runs.read_evaluation(run.key)
    return Made(
        key=run.key,
        differences=tuple(difference(row.config, profile)) if row.config else (),
        config_sha=look(trained, "config_sha"),
        inputs={**(look(trained, "inputs") or {}), **(look(evaluated, "inputs") or {})},
        commit=_commit(trained),
        evaluation_commit=_commit(evaluated),
        command=look(trained, "command"),
        evaluation_command=look(evaluated, "command"),
        machine=_machine(trained),
        started=look(trained, "started"),
        seconds=look(trained, "seconds"),
        evaluation_seconds=look(evaluated, "seconds"),
    )


def _commit(told: Mapping[str, Any] | None) -> str | None:
    commit = look(told, "commit")
    return f"{commit}-dirty" if commit and look(told, "dirty") else commit


def _machine(told: Mapping[str, Any] | None) -> str:
    machine = look(told, "machine") or {}
    parts = [machine.get("system"), machine.get("processor")]
    parts += [f"{machine['cores']} cores"] if "cores" in machine else []
    parts += [f"on {device}"] if (device := look(told, "device")) else []
    return ", ".join(str(part) for part in parts if part)


def origins(
    asked: Declared, judged: Iterable[Judged], rows: Iterable[Row], context: Context
) -> Iterator[Origin | None]:
    """Of every cell of the asked tables, then of every claim."""
    rows = list(rows)
    made = all_made(rows, context.profile)
    for name, spec in asked.tables.items():
        for cells in of_table(name, spec, rows, context, asked.labels, made):
            yield from cells
    for one in judged:
        yield of_claim(one, rows, context, made)


def comma_separated(origins: Iterable[Origin | None]) -> str:
    """A line for each value and file that it is made of, with all keys in it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for origin in origins:
        if origin is None:
            continue
        by_key = {run.key: run for run in origin.runs}
        keys: dict[tuple[Path, RunKey | None], list[str]] = {}
        for source in origin.sources:
            keys.setdefault((source.file, source.run), []).append(source.key)
        for (file, key), inside in keys.items():
            run = by_key.get(key) if key else None
            behind = [run.key.seed, run.commit, run.evaluation_commit] if run else [""] * 3
            told = [origin.table, origin.row or origin.label, origin.column, origin.value]
            writer.writerow([*told, file.as_posix(), "; ".join(inside), *behind])
    return stream.getvalue()
