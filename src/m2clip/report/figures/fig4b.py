"""Figure 4b: top-1, supervised and zero-shot on UCF101, against the number of text adapters."""

from itertools import product

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2clip.experiment import MAIN
from m2clip.report.figures import cells, style
from m2clip.report.figures.style import BLUE, COLUMN, GREEN, MM
from m2clip.report.results import TableRows
from m2clip.report.ticks import text_adapters

TABLE, NEEDS = "fig4b", ["top1"]
CAPTION = "The two panels have scales of their own, neither of which begins at zero."
UNSEEN = "ucf101"


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each of the two sets and row on the dataset of the first row."""
    shown, results = place.rows, place.results
    own = next((row.dataset for row in shown if row.dataset), None)
    lines = []
    panels = ((own, "supervised"), (UNSEEN, "zero-shot"))
    for (dataset, kind), row in product(panels, (row for row in shown if row.dataset == own)):
        number, count = results.top1(row, dataset), text_adapters(row)
        lines.append(
            {
                "panel": f"{kind} {results.names.dataset(dataset)}",
                **cells.of(row, number, count),
                "text_adapters": cells.value(count),
                **cells.top1(number, row, dataset),
                "explored": row.name == MAIN and place.reference(row) is None,
            }
        )
    return pd.DataFrame(lines)


def alt(frame: pd.DataFrame) -> str:
    """Both panels."""
    words, ordered = "{top1:.1f} % with {text_adapters:.0f}", frame.sort_values("text_adapters")
    return f"Top-1 by the number of text adapters. {cells.listed(ordered, words, by='panel')}"


def draw(frame: pd.DataFrame) -> Figure:
    """A panel for each set; a row that is explored on `main` is a diamond off the line."""
    panels = frame["panel"].unique()
    figure, axes = plt.subplots(1, len(panels), figsize=(COLUMN, 54 * MM), layout="constrained")
    for ax, panel, colour in zip(axes.flat, panels, (BLUE, GREEN), strict=True):
        part = frame[frame["panel"] == panel].sort_values("text_adapters")
        there = part.dropna(subset=["top1"])
        _line(ax, there[~there["explored"]], "o-", colour)
        for label, one in there[there["explored"]].groupby("label"):
            _line(ax, one, "D", style.ink(), style.wrapped(str(label), 52))
        if there.empty:
            style.say(ax, style.NO_RUN)
        ax.set_title(panel.replace(" ", "\n", 1))
        ax.set_xticks(sorted(set(part["text_adapters"])))
        ax.margins(0.1)
    axes[0].set_ylabel("top-1, %")
    figure.supxlabel("text adapters")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center")
    return figure


def _line(ax: Axes, part: pd.DataFrame, fmt: str, colour: str, label: str | None = None) -> None:
    ax.errorbar(
        part["text_adapters"], part["top1"], yerr=style.reach(part, "top1"), fmt=fmt, color=colour,
        markersize=3.2, linewidth=0.9, elinewidth=0.7, label=label,
    )  # fmt: skip
