"""Figure 1: zero-shot against supervised top-1, a circle's area by the number of trainable parameters."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from m2clip.report.figures import cells, style
from m2clip.report.figures.labels import label_points
from m2clip.report.figures.style import COLUMN, GREY, MM
from m2clip.report.results import Results
from m2clip.report.row import Row

TABLE = "fig1"
CAPTION = (
    "Up and to the right is better. A circle's area is the number of trainable parameters at full size; CLIP "
    "itself has none and is a small circle. Zero-shot is over all labels of a set; where verbs of some are "
    "trained on, the table of zero-shot by verb tells both kinds apart."
)
SETS = ("ucf101", "hmdb51")
NEEDS = ["supervised", "zero_shot", "parameters_m"]
SMALLEST = 10.0  # square points of a circle
LARGE = 60.0  # millions of parameters from which circles are drawn smaller


def frame(results: Results) -> pd.DataFrame:
    """A line for each zero-shot set and row on the dataset of the first row."""
    shown = results.places[TABLE].rows
    lines = []
    for dataset in SETS:
        for row in (row for row in shown if row.dataset == shown[0].dataset and _reads_text(row)):
            x, y, count = results.top1(row), results.top1(row, dataset), results.parameters(row)
            lines.append(
                {
                    "zero_shot_set": results.names.dataset(dataset),
                    "trained_on": results.names.dataset(row.dataset or ""),
                    **cells.of(row, x, y, count),
                    **cells.top1(x, row, row.dataset, "supervised"),
                    **cells.top1(y, row, dataset, "zero_shot"),
                    "parameters_m": cells.value(count),
                }
            )
    return pd.DataFrame(lines)


def _reads_text(row: Row) -> bool:
    """Whether it can do zero-shot; the table says why the others cannot."""
    return row.config is None or row.config.options.zero_shot


def alt(frame: pd.DataFrame) -> str:
    """Both coordinates of every circle."""
    words = (
        "{label} {supervised:.1f} % supervised, {zero_shot:.1f} % zero-shot, {parameters_m:.3g} M parameters"
    )
    return f"Zero-shot against supervised top-1. {cells.listed(frame, words, by='zero_shot_set')}"


def draw(frame: pd.DataFrame) -> Figure:
    """A panel for each zero-shot set, one below the other; the names stand at the circles."""
    sets = list(dict.fromkeys(frame["zero_shot_set"]))
    large = frame["parameters_m"].max() > LARGE
    scale, sizes = (1.0, (15, 150)) if large else (3.0, (5, 15))  # square points for a million; in the legend
    room = 54 + 2 * max(0, len(set(frame["label"])) - 8)  # mm of a panel, for so many names
    palette = style.colours(frame["label"].tolist())
    frame = frame.assign(area=(scale * frame["parameters_m"]).clip(lower=SMALLEST))
    size = (COLUMN, (16 + room * len(sets)) * MM)
    figure, axes = plt.subplots(len(sets), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    parts = [frame[frame["zero_shot_set"] == name] for name in sets]
    for ax, part in zip(axes.flat, parts, strict=True):
        _circles(ax, part.dropna(subset=NEEDS), palette)
        missing = part.loc[part[NEEDS].isna().any(axis=1), "label"]
        ax.set_title(f"zero-shot {part['zero_shot_set'].iloc[0]}", loc="left")
        words = style.wrapped(f"{style.NO_RUN}: {', '.join(missing)}", 44) if len(missing) else ""
        ax.text(0.02, 0.02, words, transform=ax.transAxes)
        ax.set_ylabel("zero-shot top-1, %")
        ax.margins(0.12, 0.15)
    axes[-1, 0].set_xlabel(f"supervised top-1 on {frame['trained_on'].iloc[0]}, %")
    handles = [
        Line2D(
            [], [], marker="o", linestyle="", color=GREY, markersize=(scale * one) ** 0.5, label=f"{one} M"
        )
        for one in sizes
    ]
    figure.legend(
        handles=handles, title="trainable parameters", loc="outside upper right", ncols=len(sizes),
        handletextpad=0.4, columnspacing=1.2, alignment="right", borderaxespad=0.1,
    )  # fmt: skip
    figure.canvas.draw()  # labels need the final layout
    for ax, part in zip(axes.flat, parts, strict=True):
        there = part.dropna(subset=NEEDS)
        points = there[["supervised", "zero_shot"]].to_numpy(float)
        names = there["label"].tolist()
        label_points(ax, points, names, there["area"].to_numpy(float), _bars(there))
    return figure


def _circles(ax: Axes, part: pd.DataFrame, palette: dict[str, str]) -> None:
    """The largest first, so that none is hidden."""
    part = part.sort_values("area", ascending=False)
    colours, ground = [palette[label] for label in part["label"]], str(plt.rcParams["axes.facecolor"])
    for (start, end), colour in zip(_bars(part), colours * 2, strict=True):
        ax.plot(*zip(start, end, strict=True), color=colour, linewidth=0.5, zorder=1)
    ax.scatter(
        part["supervised"], part["zero_shot"], s=part["area"], color=colours, edgecolor=ground, linewidth=0.5,
        zorder=2,
    )  # fmt: skip


def _bars(part: pd.DataFrame) -> NDArray[np.float64]:
    """(2 N, 2, 2): both ends of the error bars along x, then along y; of no length where there is none."""
    x, y = (part[name].to_numpy(float) for name in ("supervised", "zero_shot"))
    ends = {
        f"{name}_{end}": part[f"{name}_{end}"].fillna(part[name]).to_numpy(float)
        for name in ("supervised", "zero_shot")
        for end in ("low", "high")
    }
    along_x = [np.stack([ends[f"supervised_{end}"], y], axis=1) for end in ("low", "high")]
    along_y = [np.stack([x, ends[f"zero_shot_{end}"]], axis=1) for end in ("low", "high")]
    return np.concatenate([np.stack(along_x, axis=1), np.stack(along_y, axis=1)])
