"""What DVC compares between experiments: flat metrics, curves and confusions of the row `main`."""

import csv
import io
import json

from m2clip.report.accuracy import zero_shot
from m2clip.report.figures.confusion import counts
from m2clip.report.figures.old_curves import history
from m2clip.report.names import DATASETS, HEADS
from m2clip.report.row import Row, is_number


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
    lines = history(row)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = ("loss", *HEADS)
    writer.writerow(("step", *names))
    if lines is not None:
        for step, group in lines.groupby("step"):
            means = {name: float(group[name].mean()) for name in names if name in group}
            writer.writerow((step, *map(_number, (means.get(name) for name in names))))
    return stream.getvalue()


def predictions(row: Row) -> str:
    """actual, predicted: a line for each test video and seed, in the order of the confusion matrix."""
    matrix = counts(row)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("actual", "predicted"))
    if matrix is not None:
        for actual, cells in zip(matrix.index, matrix.to_numpy(int), strict=True):
            for predicted, count in zip(matrix.columns, cells, strict=True):
                writer.writerows([(actual, predicted)] * int(count))
    return stream.getvalue()


def _number(value: float | None) -> str:
    return f"{value:.6g}" if is_number(value) else ""
