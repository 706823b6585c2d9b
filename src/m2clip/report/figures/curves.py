"""Figure `curves`: what each head's loss did, one panel for each trained row."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from m2clip.report.figures import style
from m2clip.report.figures.style import COLUMN, HEADS, MM
from m2clip.report.names import HEADS as HEAD_NAMES
from m2clip.report.numbers import Source
from m2clip.report.results import Results
from m2clip.report.row import Row

TABLE = "main"
CAPTION = (
    "Loss of each head while training, before its weight: thin as logged (one batch), thick a running mean. "
    "The learning rate falls to zero, which levels any curve at its end."
)
SMOOTH = 0.1  # share of the log lines in a running mean
ACROSS = 2


def frame(results: Results) -> pd.DataFrame:
    """A line for each trained row, seed, log line and head; one without numbers for a row without a run."""
    return history(results, [row for row in results.places[TABLE].rows if row.trained])


def history(results: Results, rows: Sequence[Row]) -> pd.DataFrame:
    """What the training of rows logged: title, seed, step, head and its loss before the weight."""
    lines = []
    for row in rows:
        of: dict[str, Any] = {"row": row.name, "label": row.label, "title": results.title(row)}
        runs = [run for run in row.runs if run.history]
        if not runs:
            lines.append(of | {"sources": (), "seed": 0, "step": 0, "head": "", "loss": math.nan})
        for run in runs:
            of |= {"sources": (Source(run.key.history, "", run.key),), "seed": run.key.seed}
            lines += [
                of | {"step": line.step, "head": HEAD_NAMES[head], "loss": line.values[head]}
                for line in run.history or ()
                for head in HEAD_NAMES
                if head in line.values
            ]
    found = pd.DataFrame(lines)
    return found[:0] if found.empty or found["loss"].isna().all() else found


def alt(frame: pd.DataFrame) -> str:
    """Where each head's loss ends."""
    told = []
    for title, part in frame.groupby("title", sort=False):
        last = part[part["step"] >= 0.9 * part["step"].max()].groupby("head", sort=False)["loss"].mean()
        ends = ", ".join(f"{head} {loss:.2f}" for head, loss in last.items() if head)
        told.append(f"{title}: {ends or style.NO_RUN}")
    return f"Mean loss of each head over the last tenth of training. {'; '.join(told)}."


def draw(frame: pd.DataFrame) -> Figure:
    """Two panels a line; the names of the heads stand above."""
    titles = list(dict.fromkeys(frame["title"]))
    down, across = -(-len(titles) // ACROSS), min(ACROSS, len(titles))
    size = (COLUMN, (10 + 46 * down) * MM)
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False, sharey=True, layout="constrained")
    for ax, title in zip(axes.flat, titles, strict=False):
        part = frame[frame["title"] == title].dropna(subset=["loss"])
        _panel(ax, part)
        ax.set_title(style.wrapped(title, 26), loc="left")
        ax.tick_params(labelleft=True)
        if part.empty:
            style.say(ax, style.NO_RUN)
    for ax in axes.flat[len(titles) :]:
        ax.set_visible(False)
    axes[0, 0].set_ylim(bottom=0)
    figure.supxlabel("step")
    figure.supylabel("loss")
    heads = [head for head in HEADS if head in set(frame["head"])]
    lines = [Line2D([], [], color=HEADS[head], label=head) for head in heads]
    figure.legend(
        handles=lines, loc="outside upper center", ncols=len(lines) or 1, handlelength=1.2, columnspacing=1.2
    )
    return figure


def _panel(ax: Axes, part: pd.DataFrame) -> None:
    """One thin line for each seed, one thick running mean over all."""
    for head, lines in part.groupby("head", sort=False):
        for _, seed in lines.groupby("seed"):
            ax.plot(seed["step"], seed["loss"], color=HEADS[str(head)], linewidth=0.4, alpha=0.35)
        smooth = smoothed(lines)
        ax.plot(smooth.index, smooth, color=HEADS[str(head)], linewidth=1.2)
    ax.locator_params(axis="x", nbins=4)


def smoothed(lines: pd.DataFrame) -> "pd.Series[float]":
    """A running mean over the log lines of the mean over seeds, by step."""
    mean = lines.groupby("step")["loss"].mean()
    return mean.rolling(max(1, round(SMOOTH * len(mean))), center=True, min_periods=1).mean()
