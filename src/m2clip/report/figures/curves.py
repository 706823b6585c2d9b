"""Figure `curves`: the loss of each head during training, one panel for each trained row."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, HEADS, MM
from m2clip.report.names import HEADS as HEAD_NAMES
from m2clip.report.numbers import Source
from m2clip.report.results import Results, TableRows
from m2clip.report.row import Row

TABLE, NEEDS = "main", ["loss"]
CAPTION = (
    "Loss of each head while training, before its weight: thin as logged (one batch), thick a running mean. "
    "The learning rate falls to zero, which levels any curve at its end."
)
SMOOTH = 0.1  # share of the log lines in a running mean


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each trained row, seed, log line and head; one without numbers for a row without a run."""
    return history([row for row in place.rows if row.trained], place.results)


def history(rows: Sequence[Row], results: Results) -> pd.DataFrame:
    """What the training of rows logged: title, seed, step, head and its loss before the weight.

    smooth: a running mean over the log lines of the mean over seeds.
    """
    lines: list[dict[str, Any]] = []
    for row in rows:
        of: dict[str, Any] = {"row": row.name, "label": row.label, "title": results.title(row)}
        if not any(run.history for run in row.runs):
            of |= {"sources": tuple(Source(run.key.history, "", run.key) for run in row.measured)}
            lines.append({**of, "seed": 0, "step": 0, "head": "", "loss": math.nan})
        lines += [
            {
                **of, "sources": (Source(run.key.history, "", run.key),), "seed": run.key.seed,
                "step": line.step, "head": name, "loss": line.values[head],
            }
            for run in row.runs
            for line in run.history or ()
            for head, name in HEAD_NAMES.items()
            if head in line.values
        ]  # fmt: skip
    found = pd.DataFrame(lines)
    for _, curve in found.groupby(["row", "head"]) if lines else ():
        mean = curve.groupby("step")["loss"].mean()
        smooth = mean.rolling(max(1, round(SMOOTH * len(mean))), center=True, min_periods=1).mean()
        found.loc[curve.index, "smooth"] = curve["step"].map(smooth)
    return found


def alt(frame: pd.DataFrame) -> str:
    """Where each curve ends."""
    last = frame.groupby(["title", "head"], sort=False).tail(1)
    return f"Loss at the end of training. {cells.listed(last, '{head} {smooth:.2f}', by='title')}"


def draw(frame: pd.DataFrame) -> Figure:
    """Two panels a line, the heads in one legend."""
    grid = panels(
        frame, col="title", hue="head", palette=HEADS, hue_order=[*HEADS], linewidth=1.2,
        facet_kws={"sharex": False},
    )  # fmt: skip
    for title, ax in grid.axes_dict.items():
        seeds = frame[frame["title"] == title].dropna(subset=["loss"])
        sns.lineplot(
            seeds, x="step", y="loss", hue="head", palette=HEADS, units="seed", estimator=None, linewidth=0.4,
            alpha=0.35, legend=False, ax=ax,
        )  # fmt: skip
        if seeds.empty:
            style.say(ax, style.NO_RUN)
    return finished(grid, columns=4)


def panels(frame: pd.DataFrame, col: str, **given: Any) -> sns.FacetGrid:
    """Smoothed losses in two columns as wide as a paper's."""
    return sns.relplot(
        frame, x="step", y="smooth", col=col, col_wrap=2, kind="line", estimator=None, errorbar=None,
        height=44 * MM, aspect=COLUMN / 2 / (44 * MM), **given,
    )  # fmt: skip


def finished(grid: sns.FacetGrid, columns: int) -> Figure:
    """The grid's figure with its legend above the panels and the axes named."""
    figure, lines = grid.figure, -(-len(grid.legend.get_texts()) // columns)
    for title, ax in grid.axes_dict.items():
        ax.set_title("")
        ax.set_title(style.wrapped(title, 28), loc="left")
    grid.set(ylim=(0, None)).set_axis_labels("step", "loss")
    figure.set_size_inches(COLUMN, figure.get_figheight() + lines * 5 * MM)
    sns.move_legend(grid, "upper center", ncol=columns, title=None, columnspacing=1.2, handlelength=1.4)
    figure.tight_layout(rect=(0, 0, 1, 1 - lines * 5 * MM / figure.get_figheight()))
    return figure
