"""Figure 1: zero-shot against supervised top-1, a circle's area by the number of trainable parameters."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from m2clip.experiment import MAIN
from m2clip.report.columns import UNSEEN
from m2clip.report.figures import cells, style
from m2clip.report.figures.gains import CLIP
from m2clip.report.figures.labels import label_points
from m2clip.report.figures.style import COLUMN, GREY, MM, PAGE, PINK
from m2clip.report.results import TableRows

TABLE = "fig1"
CAPTION = (
    "Up and to the right is better. A circle's area is the number of trainable parameters at full size; CLIP "
    "itself has none and is a small circle; other methods are grey. An arrow is one far below all others."
    " Zero-shot is over all labels of a set; where verbs of some are trained on, the table "
    "of zero-shot by verb tells both kinds apart."
)
NEEDS = ["supervised", "zero_shot", "parameters_m"]
SMALLEST = 10.0  # square points of a circle; a million parameters is one, or three where all are small
WIDE = 64  # letters in a line below a panel
FEW = 8  # names that fit a column of a paper
FAR = 0.5  # of the height of all others, below which a circle is an arrow
LARGE = 60.0  # millions of parameters from which circles are drawn smaller


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each zero-shot set and row on the dataset of the first row."""
    results, lines = place.results, []
    there = [row for row in place.rows if row.dataset == place.rows[0].dataset]
    able = [row for row in there if row.config is None or row.config.options.zero_shot]
    for dataset, row in product(UNSEEN, able):  # the table says why the others cannot
        x, y, count = results.top1(row), results.top1(row, dataset), results.parameters(row)
        lines.append(
            {
                "zero_shot_set": results.names.dataset(dataset),
                "trained_on": results.names.dataset(row.dataset),
                **cells.of(row, x, y, count),
                **cells.top1(x, row, row.dataset, "supervised"),
                **cells.top1(y, row, dataset, "zero_shot"),
                "parameters_m": cells.value(count),
            }
        )
    return pd.DataFrame(lines)


def alt(frame: pd.DataFrame) -> str:
    """Both coordinates of every circle."""
    words = (
        "{label} {supervised:.1f} % supervised, {zero_shot:.1f} % zero-shot, {parameters_m:.3g} M parameters"
    )
    return f"Zero-shot against supervised top-1. {cells.listed(frame, words, by='zero_shot_set')}"


def draw(frame: pd.DataFrame) -> Figure:
    """A panel for each zero-shot set, one below the other; the names stand at the circles."""
    count = frame["zero_shot_set"].nunique()
    scale, sizes = (1.0, (15, 150)) if frame["parameters_m"].max() > LARGE else (3.0, (5, 15))
    frame = frame.assign(area=(scale * frame["parameters_m"]).clip(lower=SMALLEST))
    width, tall = (COLUMN, 54) if frame["label"].nunique() <= FEW else (PAGE, 74)
    size = (width, (14 + tall * count) * MM)
    figure, axes = plt.subplots(count, 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    panels = []
    for ax, (name, part) in zip(axes.flat, frame.groupby("zero_shot_set", sort=False), strict=True):
        missing = part.loc[part[NEEDS].isna().any(axis=1), "label"]
        words = style.wrapped(f"{style.NO_RUN}: {'; '.join(missing)}", WIDE) if len(missing) else ""
        across = f"supervised top-1 on {frame['trained_on'].iloc[0]}, %" if ax is axes[-1, 0] else ""
        # Below the panel, where no circle can be.
        ax.set_xlabel(f"{across}\n{words}".strip(), loc="left" if words else "center")
        ax.set_title(f"zero-shot {name}", loc="left")
        ax.set_ylabel("zero-shot top-1, %")
        ax.margins(0.06, 0.15)
        panels.append((ax, *_circles(ax, part.dropna(subset=NEEDS))))
    circle: dict[str, Any] = {"marker": "o", "linestyle": "", "color": GREY}
    handles = [Line2D([], [], markersize=(scale * one) ** 0.5, label=f"{one} M", **circle) for one in sizes]
    figure.legend(
        handles=handles, title="trainable parameters", loc="outside upper right", ncols=len(sizes),
        handletextpad=0.4, columnspacing=1.2, alignment="right", borderaxespad=0.1,
    )  # fmt: skip
    figure.canvas.draw()  # names need the final layout
    for ax, shown, bars in panels:
        points = shown[["supervised", "zero_shot"]].to_numpy(float)
        label_points(ax, points, shown["label"].tolist(), shown["area"].to_numpy(float), bars)
    return figure


def _circles(ax: Axes, part: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Circles and error bars, the largest circle first, so that none is hidden.

    Returns:
        The lines that are shown, and both ends of their error bars, (M, 2, 2).
    """
    part, far = _without_far(part.sort_values("area", ascending=False))
    own = {label: PINK for row, label in zip(part["row"], part["label"], strict=True) if row == MAIN}
    colours = [(own | style.LABELS).get(label, GREY) for label in part["label"]]
    rings = style.ground(), style.ink()
    x, y = part["supervised"], part["zero_shot"]
    bars = ax.errorbar(
        x, y, style.reach(part, "zero_shot"), style.reach(part, "supervised"), fmt="none", elinewidth=0.4,
        alpha=0.6, zorder=1, ecolor=colours,  # type: ignore[arg-type]
    )  # fmt: skip
    ax.scatter(
        x, y, s=part["area"], color=colours, linewidth=0.5, zorder=2,
        edgecolor=[rings[row == CLIP] for row in part["row"]],
    )  # fmt: skip
    for label, at, value in far[["label", "supervised", "zero_shot"]].to_numpy():
        where = ax.get_xaxis_transform()
        ax.plot(at, 0, "v", transform=where, color=GREY, markersize=4, clip_on=False)
        ax.text(at, 0.02, f"  {label}: {value:.1f} %", transform=where, va="bottom")
    return part, np.concatenate([np.array(lines.get_segments()) for lines in bars.lines[2]])


def _without_far(part: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The lines to draw as circles, and the lowest one apart where it would squash all others."""
    lowest, *others = part["zero_shot"].sort_values()
    far = len(others) >= FEW and others[0] - lowest > FAR * (others[-1] - others[0])
    off = part["zero_shot"] == lowest if far else part["zero_shot"].isna()
    return part[~off], part[off]
