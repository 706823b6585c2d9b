"""Training of Figure 4c's rows: the loss of each head in a panel of its own, a line for each row with it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from m2clip.report.figures import cells, style
from m2clip.report.figures.curves import SMOOTH, finished, history, panels
from m2clip.report.figures.style import HEADS
from m2clip.report.results import TableRows

TABLE, NEEDS = "fig4c", ["loss"]
CAPTION = (
    f"The loss of each head before its weight, a running mean over {SMOOTH:.0%} of the log lines, of the "
    "rows that train the head. A row that trains more heads is a thinner line, so that it hides no other. "
    "Each panel has its own scale."
)
WIDTHS = (2.4, 0.6)  # points, of the first row of the table and of the last


def frame(place: TableRows) -> pd.DataFrame:
    """The frame of `curves.history` for the trained rows on the dataset of the first of them."""
    trained = [row for row in place.rows if row.trained]
    return history([row for row in trained if row.dataset == trained[0].dataset], place.results)


def alt(frame: pd.DataFrame) -> str:
    """Where each row's loss ends, head by head."""
    last = frame.groupby(["head", "label"], sort=False).tail(1)
    return f"Loss at the end of training by head. {cells.listed(last, '{label} {smooth:.2f}', by='head')}"


def draw(frame: pd.DataFrame) -> Figure:
    """Two by two panels."""
    labels = frame["label"].unique().tolist()
    sizes = dict(zip(labels, np.linspace(*WIDTHS, len(labels)), strict=True))
    grid = panels(
        frame, col="head", col_order=[*HEADS], hue="label", palette=style.colours(labels), hue_order=labels,
        size="label", sizes=sizes, size_order=labels, facet_kws={"sharey": False},
    )  # fmt: skip
    for ax in grid.axes.flat:
        if not len(ax.lines):
            style.say(ax, "trained by no row")
    return finished(grid, columns=2)
