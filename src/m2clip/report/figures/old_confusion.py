"""Figures `confusion-<row>`: which label is taken for which, of a trained row, over all its seeds."""

import math
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pandas as pd

from m2clip.report.figures.old_style import COLUMN, MM, SEQUENTIAL, paper, save, wrapped
from m2clip.report.results import Row

MOST = 40  # labels that stay readable in a column
TICKS = (0, 5, 20, 50, 100)
OTHERS = "(other labels)"


@dataclass(frozen=True)
class Shares:
    """Percent of a true label's videos by predicted label, and how many labels are left out."""

    percent: pd.DataFrame
    left_out: int


def counts(row: Row) -> pd.DataFrame | None:
    """Counts summed over seeds, or None where nothing was evaluated."""
    matrices = [run.confusion for run in row.runs]
    there = [matrix for matrix in matrices if matrix is not None]
    return reduce(lambda total, matrix: total + matrix, there) if there else None


def shares(matrix: pd.DataFrame) -> Shares:
    """Rows in percent; of more than MOST labels those recognised least, and the rest as one column."""
    labels = list(matrix.index)
    values = matrix.to_numpy(float)
    recall = values.diagonal() / values.sum(axis=1).clip(1)
    worst = sorted(sorted(range(len(labels)), key=lambda at: (recall[at], at))[:MOST])
    percent = matrix.div(matrix.sum(axis=1).clip(lower=1), axis=0) * 100
    part = percent.iloc[worst, worst]
    left_out = len(labels) - len(worst)
    if left_out:
        part = part.assign(**{OTHERS: percent.iloc[worst].sum(axis=1) - part.sum(axis=1)})
    return Shares(part, left_out)


def draw(matrix: pd.DataFrame, title: str, path: Path) -> None:
    """Labels down the side, the same labels by their number along the bottom; shades by the square root."""
    part = shares(matrix).percent
    down, across = part.shape
    from matplotlib.colors import PowerNorm

    with paper() as (plt, sns):
        height = 12 * MM + max(28 * MM, down * 2.9 * MM)
        figure, ax = plt.subplots(figsize=(COLUMN, height), layout="constrained")
        sns.heatmap(
            part, ax=ax, cmap=SEQUENTIAL, norm=PowerNorm(0.5, 0, 100), linewidths=0.2, linecolor="#e8e8e8",
            cbar_kws={"label": "share of the label's videos, %", "aspect": 40, "pad": 0.02, "ticks": TICKS},
        )  # fmt: skip
        ax.set_yticks([at + 0.5 for at in range(down)])
        ax.set_yticklabels([f"{label}  {at + 1}" for at, label in enumerate(part.index)], rotation=0)
        step = math.ceil(across / 10)
        ticks = list(range(0, down, step))
        names = [str(at + 1) for at in ticks]
        if across > down:
            ticks, names = [*ticks, across - 1], [*names, "others"]
        ax.set_xticks([at + 0.5 for at in ticks])
        ax.set_xticklabels(names, rotation=0)
        ax.tick_params(length=0)
        ax.set_xlabel("predicted label, numbered as at the side")
        ax.set_ylabel("")
        ax.set_title(wrapped(title, 56), loc="right")
        save(figure, path)
