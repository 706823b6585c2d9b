"""Does longer training raise top-1: what benchmarks/longer.py measured on the validation draw, as a table."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from m2clip.report import facts, grid
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
    lines = []
    for row in rows:
        numbers = _tried(results, row)
        if row.config and any(numbers):
            gain = _gain(numbers)
            finished = None if gain is None else "yes" if gain.value < POINTS else "no"
            steps = f"{row.config.train.steps:,}"
            cells: tuple[Cell, ...] = (results.title(row), steps, *numbers, gain, finished)
            lines.append(grid.Line(cells, row.name))
    title = "Would more steps give more: on the validation draw"
    return grid.plain("longer", title, COLUMNS, lines, [HOW]) if lines else None


def gains(results: Results, rows: Iterable[Row]) -> list[tuple[Row, float | None]]:
    """Each trained row with the points that three times the steps add; None where that was not tried."""
    found = [(row, _gain(_tried(results, row))) for row in rows if row.trained]
    return [(row, gain.value if gain else None) for row, gain in found]


def _gain(numbers: Sequence[Number | None]) -> Number | None:
    _, own, longer = numbers
    if own is None or longer is None:
        return None
    sources = own.sources + longer.sources
    return Number(value=longer.value - own.value, signed=True, sources=sources)


def _tried(results: Results, row: Row) -> list[Number | None]:
    """For each of FACTORS top-1 on the validation draw; None where it was not run with the present recipe."""
    path, train = FOLDER / f"{results.profile.name}.csv", row.config.train if row.config else None
    if train is None or not train.steps:
        return [None] * len(FACTORS)
    recorded = _read(path)
    numbers: list[Number | None] = []
    for factor in FACTORS:
        at, one = recorded.get((row.name, round(train.steps * factor), train.lr), (0, {}))
        head = "validation_vc" if one.get("validation_vc") else "validation_eq11"
        source = Source(path, f"line {at}, {head}")
        numbers.append(Number(value=float(one[head]), sources=(source,)) if one else None)
    return numbers


def _read(path: Path) -> dict[tuple[str, int, float], tuple[int, dict[str, str]]]:
    """The lines of a file with their numbers, by row, steps and rate; nothing where there is no file."""
    lines = enumerate(facts.lines(path), start=2)
    return {(one["row"], int(one["steps"]), float(one["lr"])): (at, one) for at, one in lines}
