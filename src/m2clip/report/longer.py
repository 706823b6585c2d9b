"""Would more steps give more: what benchmarks/longer.py measured on the validation draw, as a table."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from m2clip.report import grid
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.numbers import Number, Source
from m2clip.report.results import Results
from m2clip.report.row import Row

FOLDER = Path("experiments/longer")  # a file for each profile
FACTORS = {1 / 3: "A third of the steps", 1: "All steps", 3: "Three times the steps"}
POINTS = 2.0  # three times the steps are to add less than this
COLUMNS = (
    Column("label", "Row", text=True),
    Column("steps", "Steps"),
    *(Column(f"top1_{at}", f"{name}, top-1, %") for at, name in enumerate(FACTORS.values())),
    Column("gain", "Three times the steps add, points"),
    Column("verdict", "Finished", text=True),
)
HOW = (
    "Each is a training of its own with one seed, whose learning rate falls to zero at its end. It is scored "
    "on the validation draw by the classifier where there is one, else by texts. A row is called finished "
    f"where three times the steps add less than {POINTS:g} points."
)


def table(results: Results, rows: Sequence[Row]) -> Grid | None:
    """The rows that were tried with their present steps and rate; None where none was."""
    path = FOLDER / f"{results.profile.name}.csv"
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        tried = {
            (one["row"], int(one["steps"]), float(one["lr"])): (at, one)
            for at, one in enumerate(csv.DictReader(file), 2)
        }
    lines = []
    for row in rows:
        if not row.config or not row.config.train.steps:
            continue
        train = row.config.train
        found = [tried.get((row.name, round(train.steps * factor), train.lr)) for factor in FACTORS]
        if any(found):
            lines.append(grid.Line(_cells(results.title(row), train.steps, found, path), row.name))
    title = "Would more steps give more: on the validation draw"
    return grid.plain("longer", title, COLUMNS, lines, [HOW]) if lines else None


def _cells(
    title: str, steps: int, found: Sequence[tuple[int, Mapping[str, str]] | None], path: Path
) -> tuple[Cell, ...]:
    numbers: list[Number | None] = []
    for one in found:
        head = "validation_vc" if one and one[1]["validation_vc"] else "validation_eq11"
        source = (Source(path, f"line {one[0]}, {head}"),) if one else ()
        numbers.append(Number(value=float(one[1][head]), sources=source) if one else None)
    _, own, longer = numbers
    gain = verdict = None
    if own and longer:
        added = longer.value - own.value
        gain = Number(value=added, signed=True, sources=own.sources + longer.sources)
        verdict = "yes" if added < POINTS else "no"
    return (title, f"{steps:,}", *numbers, gain, verdict)
