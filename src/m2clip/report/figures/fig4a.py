"""Figures 4a and 4c: each row's step from the reference, the paper's and ours in panels apart."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, MM
from m2clip.report.numbers import Number, signed
from m2clip.report.results import TableRows
from m2clip.report.row import Row

TABLE, NEEDS = "fig4a", ["step"]
CAPTION = (
    "Steps in top-1 from the row at zero: published ones as the paper prints them, the others measured here, "
    "each panel on a scale of its own; an arrow is a step far beyond all others, with its number. Error "
    "bars: 95 % interval over the test videos, paired with the reference's, for these seeds alone. No mark: "
    "no number, or none yet."
)
COLUMNS = ["label", "step", "low", "high", "reference", "published"]
LINE = 6.2 * MM  # height of a row
FAR = 2.0  # times the others that a step has to be to be left out of the scale


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each row on K400 in the panel of the paper, and one for each row that is measured here.

    In the paper's panel a row has no step where the paper has no number of its config.
    """
    results, ours, theirs = place.results, [], []
    for row in place.rows:
        if row.dataset == "k400":
            step = place.printed(place.line(row))
            theirs.append({"panel": "Published K400", **_line(row, step), "published": True})
        panel = f"Measured {results.names.dataset(row.dataset)}"
        step = results.step(row, place.reference(row))
        ours.append({"panel": panel, **_line(row, step), "published": False})
    return pd.DataFrame([*theirs, *ours])


def _line(row: Row, step: Number | None) -> dict[str, object]:
    low, high = step.interval if step and step.interval else (math.nan, math.nan)
    of = {key: value for key, value in cells.of(row, step).items() if key != "seeds"}
    reference = bool(step and step.is_reference)
    return {**of, "step": cells.value(step), "low": low, "high": high, "reference": reference}


def alt(frame: pd.DataFrame) -> str:
    """The paper's steps, then ours."""
    words = cells.listed(frame, "{label} {step:+.1f}", by="panel")
    return f"Steps in top-1 from the reference, in points. {words}"


def draw(frame: pd.DataFrame) -> Figure:
    """A panel for what is published and one for each dataset, a dot and its interval for each row."""
    panels, labels = frame["panel"].unique(), frame["label"].unique()
    shown = [style.wrapped(label, 21) for label in labels]
    places, total = heights(shown)
    at = dict(zip(labels, places, strict=True))
    size, across = (COLUMN, 17 * MM + LINE * total), len(panels)
    figure, axes = plt.subplots(1, across, figsize=size, sharey=True, squeeze=False, layout="constrained")
    for ax, panel in zip(axes.flat, panels, strict=True):
        _panel(ax, frame[frame["panel"] == panel], at)
        ax.set_title(panel.replace(" ", "\n", 1))
    axes[0, 0].set_yticks(places, shown)
    axes[0, 0].set_ylim(total, 0)
    figure.supxlabel("step in top-1, points")
    return figure


def heights(labels: Sequence[str]) -> tuple[list[float], float]:
    """Middles of the rows from the top, and their sum; a label of many lines takes more room."""
    tall = [max(1.0, 0.55 * (label.count("\n") + 1)) for label in labels]
    ends = list(accumulate(tall))
    return [end - own / 2 for end, own in zip(ends, tall, strict=True)], ends[-1]


def _panel(ax: Axes, part: pd.DataFrame, at: dict[str, float]) -> None:
    """Diamonds are published, dots measured; the reference is hollow."""
    there = part.dropna(subset=["step"])
    for name, step, low, high, reference, published in there[COLUMNS].to_numpy():
        colour, marker = (style.GREY, "D") if published else (style.BLUE, "o")
        ax.errorbar(
            step, at[name], xerr=style.whiskers(step, low, high), linestyle="", marker=marker,
            markersize=3.2, elinewidth=0.9, markeredgewidth=0.8, color=colour,
            markerfacecolor=style.ground() if reference else colour,
        )  # fmt: skip
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if there["reference"].astype(bool).all():  # nothing but the row that steps are from
        style.say(ax, style.NO_RUN)
        ax.set_xticks([])
        return
    ax.axvline(0, color=style.GREY, linewidth=0.6, zorder=0)
    ax.grid(axis="y")
    ax.margins(x=0.12)
    ends = there[["low", "high"]].T.fillna(there["step"]).T
    reach = ends.abs().max(axis=1).sort_values()
    if len(reach) > 1 and reach.iloc[-1] > FAR * reach.iloc[-2] > 0:
        _leave_out(ax, there.loc[reach.index[-1]], ends.drop(index=reach.index[-1]), at)
    ax.locator_params(axis="x", nbins=3, steps=[1, 2, 5, 10])


def _leave_out(ax: Axes, far: Any, others: pd.DataFrame, at: dict[str, float]) -> None:
    """Draw a step that would squash all others as an arrow with its number at the edge of the panel."""
    low, high = min(0.0, others["low"].min()), max(0.0, others["high"].max())
    ax.set_xlim(low - 0.15 * (high - low), high + 0.15 * (high - low))
    x, marker, side = (0, "<", "left") if far["step"] < 0 else (1, ">", "right")
    where, y = ax.get_yaxis_transform(), at[far["label"]]
    ax.plot(x, y, marker, transform=where, color=style.BLUE, markersize=4, clip_on=False)
    ax.text(x, y - 0.1, signed(far["step"]), transform=where, va="bottom", ha=side)
