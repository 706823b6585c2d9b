"""`m2clip trace`: from a number in a table, a figure or a claim back to the run and the file it came from."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from m2clip import rows
from m2clip.errors import UserError, did_you_mean
from m2clip.parsing import read_mapping
from m2clip.report import TABLES
from m2clip.runs import RunKey

if TYPE_CHECKING:
    from m2clip.report.conclusions.claims import Claim
    from m2clip.report.figures.drawn_from import Part
    from m2clip.report.provenance import Origin
    from m2clip.report.results import Row
    from m2clip.report.run_facts import Made
    from m2clip.report.tables.columns import Context
    from m2clip.report.tables.declared import Declared

EXAMPLES = """examples:
  m2clip trace table4 "TED-Adapter"               every number of a row, by its label or a part of it
  m2clip trace fig4a te-ssv2 --column step        one number, by the row's name
  m2clip trace ted-over-clip                      a claim of experiments/claims.yaml
  m2clip trace main                               the runs of a row
  m2clip trace fig4a-reversed te-ssv2             a figure by the name of its file, or one row of it
"""


@dataclass(frozen=True)
class World:
    """All that the report of a profile is made of."""

    asked: "Declared"
    claims: "Mapping[str, Claim]"
    rows: "Mapping[str, Row]"
    context: "Context"
    made: "Mapping[RunKey, Made]"


def add_trace(commands: Any) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "trace",
        help="where a number comes from",
        description="Print the run, config, commit, data, machine, file and key that a number came from.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = "a table or figure such as table4, a claim of experiments/claims.yaml, or a row"
    parser.add_argument("where", metavar="WHERE", help=where)
    parser.add_argument("row", metavar="ROW", nargs="?", help="a row of the table, by name or label")
    parser.add_argument("--column", metavar="C", help="one column alone, by its key or header")
    parser.add_argument("--profile", metavar="P", help="default: the one that params.yaml names")
    parser.set_defaults(command=_trace)


def _trace(arguments: argparse.Namespace) -> int:
    world = load(arguments.profile)
    for line in lines(world, arguments.where, arguments.row, arguments.column):
        print(line)
    return 0


def load(profile: str | None = None) -> World:
    """Everything declared, and what the runs of a profile gave; of all tables, also those not asked for."""
    from m2clip.report import facts, results, run_facts
    from m2clip.report.conclusions import claims
    from m2clip.report.names import Names
    from m2clip.report.tables import declared
    from m2clip.report.tables.beside_paper import beside_paper
    from m2clip.report.tables.columns import Context

    chosen = rows.profile(profile)
    names = rows.rows()
    tables = list(read_mapping(TABLES).get("tables") or {})
    asked = declared.read(tables, names)
    found = results.load(chosen, names, rows.seeds(chosen), asked.labels)
    told = {dataset: facts.read_facts(chosen.name, dataset) for dataset in rows.DATASETS}
    context = Context(Names(tuple(chosen.synthetic)), told, facts.read_parameters(), chosen)
    made = run_facts.all_made(found, chosen)
    asked = beside_paper(asked, context)
    return World(asked, claims.read(names), {row.name: row for row in found}, context, made)


def lines(world: World, where: str, row: str | None, column: str | None) -> Iterator[str]:
    """What is printed.

    Raises:
        UserError: in one line, for a word that means nothing here or more than one thing.
    """
    from m2clip.report.figures import drawn_from

    tables = world.asked.tables
    if where in tables and (row or where not in world.rows):
        return _table(world, where, row, column)
    if column:
        raise UserError(f"trace {where}: --column is for a row of a table; {where} is no table with a row")
    if where in world.claims and not row:
        return _claim(world, where)
    if parts := drawn_from.parts(where, world.asked, world.rows):
        return _figure(world, where, parts, row)
    if where in drawn_from.BY_ROW and (parts := drawn_from.parts(f"{where}-{row}", world.asked, world.rows)):
        return _figure(world, where, parts, None)
    if where in world.rows and not row:
        return _row(world, where)
    known = [*tables, *drawn_from.names(world.asked), *([] if row else [*world.claims, *world.rows])]
    what = "table or figure" if row else "table, figure, claim or row"
    raise UserError(f"trace {where}: there is no {what} {where}{did_you_mean(where, known)}")


def _table(world: World, name: str, row: str | None, column: str | None) -> Iterator[str]:
    from m2clip.report.provenance import of_table
    from m2clip.report.tables.making import make_table

    spec, shown_rows = world.asked.tables[name], list(world.rows.values())
    table = make_table(name, spec, shown_rows, world.context)
    origins = of_table(name, spec, shown_rows, world.context, world.asked.labels, world.made)
    at_label = [column.key for column in table.columns].index("label")
    labels = [str(cells[at_label]) for cells in table.cells]
    if row is None:
        ours = [own or f'"{label}"' for own, label in zip(table.names, labels, strict=True)]
        raise UserError(f"trace {name}: which row? it has {', '.join(ours)}")
    places = _column(name, column, spec.columns, table.columns)
    for at in _matching(name, row, table.names, labels):
        block = f" ({table.blocks[at]})" if table.blocks else ""
        yield f"{name}, {labels[at]}{block}"
        given = [(table.columns[place].header, origins[at][place]) for place in places]
        behind = {run.key: run for _, origin in given if origin for run in origin.runs}
        for header, origin in given:
            if origin or column:
                yield from _number(header, origin)
        own = world.rows.get(table.names[at])
        yield from _runs(behind.values(), [own] if own else [])


def _matching(table: str, word: str, names: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Lines of a table by a row's name, by its label, or by a part of the label of only one."""
    if word in names and word:
        return [names.index(word)]
    wanted = word.casefold()
    exact = [at for at, label in enumerate(labels) if label.casefold() == wanted]
    found = exact or [at for at, label in enumerate(labels) if wanted in label.casefold()]
    several = list(dict.fromkeys(labels[at] for at in found))
    if len(several) > 1:
        rows = [", ".join(filter(None, (names[at] for at in found if labels[at] == one))) for one in several]
        told = [f'"{one}" ({own})' if own else f'"{one}"' for one, own in zip(several, rows, strict=True)]
        raise UserError(f"trace {table}: {word} may be {' or '.join(told)}; say which")
    if not found:
        known = [*filter(None, names), *labels]
        told = list(dict.fromkeys(known))
        raise UserError(f"trace {table}: there is no row {word}{did_you_mean(word, known)}; known are {told}")
    return found


def _column(table: str, word: str | None, keys: Sequence[str], columns: Sequence[Any]) -> list[int]:
    """The columns to print: that one, or all that hold numbers."""
    from m2clip.report.tables import ticks

    if word is None:
        return [at for at, column in enumerate(columns) if not column.text and keys[at] not in ticks.HEADERS]
    for at, (key, column) in enumerate(zip(keys, columns, strict=True)):
        if word.casefold() in (key, column.key, column.header.casefold()):
            return [at]
    raise UserError(
        f"trace {table}: there is no column {word}{did_you_mean(word, keys)}; known are {list(keys)}"
    )


def _claim(world: World, name: str) -> Iterator[str]:
    from m2clip.report.conclusions.verdicts import judge
    from m2clip.report.provenance import of_claim, of_printed

    one = judge({name: world.claims[name]}, world.rows.values(), world.context)[0]
    origin = of_claim(one, world.rows.values(), world.context, world.made)
    yield f"{name}: {one.claim.says} ({one.claim.section})"
    yield f"  {one.told()}"
    yield from _number("difference", origin)
    if printed := of_printed(one, world.rows.values(), world.context):
        yield from _number("the paper's", printed)
    interval = one.difference.interval if one.difference else None
    if interval:
        yield f"  95 % interval: [{interval.low:+.1f}, {interval.high:+.1f}]"
    yield from _runs(origin.runs if origin else (), [world.rows[row] for row in one.claim.rows])


def _figure(world: World, name: str, parts: "Sequence[Part]", row: str | None) -> Iterator[str]:
    """A figure that is drawn from files of the runs, or from the paper's tables."""
    labels = [part.label for part in parts]
    chosen = range(len(parts)) if row is None else _matching(name, row, [part.name for part in parts], labels)
    shown = [parts[at] for at in chosen]
    for part in shown:
        yield f"{name}, {part.label}{f' ({part.name})' if part.name else ''}"
        yield from (f"    from {source}" for source in part.sources)
    keys = dict.fromkeys(source.run for part in shown for source in part.sources if source.run)
    yield from _runs([world.made[key] for key in keys], [part.row for part in shown if part.row])


def _row(world: World, name: str) -> Iterator[str]:
    row = world.rows[name]
    yield f"{name}: {row.label}"
    for run in row.measured:
        yield f"  {run.key.metrics}"
    yield from _runs([world.made[run.key] for run in row.measured], [row])


def _number(header: str, origin: "Origin | None") -> Iterator[str]:
    """A number as the table prints it, and what it is made of."""
    if origin is None:
        yield f"  {header}: — (not run yet)"
        return
    how = f"  ({origin.how})" if origin.how else ""
    yield f"  {header}: {origin.value}{how}"
    yield from (f"    from {source}" for source in origin.sources)


def _runs(behind: "Iterable[Made]", wanted: "Sequence[Row]") -> Iterator[str]:
    """Each run in full, and those that are missing."""
    from m2clip.tracking.store import run_id

    for run in behind:
        yield f"run {run.key}"
        for name, value in (*run.facts(), ("mlflow", run_id(run.key, run.config_sha))):
            yield f"  {name:<10} {value}"
    for row in wanted:
        for one in row.runs:
            if not one.metrics:
                stale = "made with another config" if one.key in row.stale else "not run yet"
                yield f"run {one.key}: {stale}; dvc repro evaluate@{one.key.row}-{one.key.seed}"
