"""Figure 4c, the training: the loss of each head in a panel of its own, a line for each row with it."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from m2clip.report.figures import style
from m2clip.report.figures.curves import SMOOTH, history, smoothed
from m2clip.report.figures.style import COLUMN, HEADS, MM
from m2clip.report.results import Results

TABLE = "fig4c"
CAPTION = (
    f"The loss of each head before its weight, a running mean over {SMOOTH:.0%} of the log lines, of the "
    "rows that train the head. A row that trains more heads is a thinner line, so that it hides no other. "
    "Each panel has its own scale."
)
THICK, THIN = 2.4, 0.6  # points


def frame(results: Results) -> pd.DataFrame:
    """As of `curves`, of the trained rows on the dataset of the first of them."""
    trained = [row for row in results.places[TABLE].rows if row.trained]
    return history(results, [row for row in trained if row.dataset == trained[0].dataset])


def alt(frame: pd.DataFrame) -> str:
    """Where each row's loss ends, head by head."""
    told = []
    for head, part in frame.dropna(subset=["loss"]).groupby("head", sort=False):
        ends = ", ".join(
            f"{label} {smoothed(one).iloc[-1]:.2f}" for label, one in part.groupby("label", sort=False)
        )
        told.append(f"{head}: {ends}")
    return f"Loss at the end of training by head. {'; '.join(told)}."


def draw(frame: pd.DataFrame) -> Figure:
    """Two by two panels; the first row of the table is the thickest line."""
    labels = list(dict.fromkeys(frame["label"]))
    palette = style.colours(labels)
    falls = (THICK - THIN) / max(1, len(labels) - 1)
    widths = {label: THICK - at * falls for at, label in enumerate(labels)}
    size = (COLUMN, (82 + 3 * len(labels)) * MM)
    figure, axes = plt.subplots(2, 2, figsize=size, sharex=True, layout="constrained")
    for ax, head in zip(axes.flat, HEADS, strict=True):
        part = frame[frame["head"] == head].dropna(subset=["loss"])
        for label, lines in part.groupby("label", sort=False):
            smooth = smoothed(lines)
            ax.plot(smooth.index, smooth, color=palette[str(label)], linewidth=widths[str(label)])
        if part.empty:
            style.say(ax, "trained by no row")
        ax.set_title(head, loc="left")
        ax.set_ylim(bottom=0)
        ax.locator_params(axis="x", nbins=4)
    figure.supxlabel("step")
    figure.supylabel("loss")
    handles = [
        Line2D([], [], color=palette[label], linewidth=widths[label], label=style.wrapped(label, 52))
        for label in labels
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=1.4)
    return figure
