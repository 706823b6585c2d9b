"""What DVC compares between experiments: flat metrics, curves and confusions of the row `main`."""

import json

import pandas as pd

from m2clip.report.accuracy import zero_shot
from m2clip.report.figures.confusion import counts
from m2clip.report.names import DATASETS, HEADS
from m2clip.report.row import Row


def metrics(row: Row) -> str:
    """`{"k400_top1": ...}`, means over seeds; what was not measured is left out."""
    values = {}
    if row.dataset:
        values = {f"{row.dataset}_{name}": row.number("supervised", name) for name in ("top1", "top5")}
    values |= {f"{name}_top1": zero_shot(row, name) for name in DATASETS if name != row.dataset}
    flat = {name: round(number.value, 4) for name, number in values.items() if number}
    return json.dumps(flat, indent=2) + "\n"


def curves(row: Row) -> str:
    """step, loss and every head, means over seeds; a head that was not trained is an empty column."""
    logged = [{"step": line.step, **line.values} for run in row.runs for line in run.history or ()]
    means = pd.DataFrame(logged, columns=["step", "loss", *HEADS]).groupby("step").mean()
    return means.to_csv(float_format="%.6g", lineterminator="\n")


def predictions(row: Row) -> str:
    """actual, predicted: a line for each test video and seed, in the order of the confusion matrix."""
    matrix = counts(row)
    if matrix is None:
        return "actual,predicted\n"
    cells = matrix.astype(int).rename_axis(index="actual", columns="predicted").stack(future_stack=True)
    lines = cells.index.repeat(cells.to_numpy()).to_frame(index=False)
    return lines.to_csv(index=False, lineterminator="\n")
