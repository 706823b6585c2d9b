"""Figure 2b: how alike the features of labels are, one map a row, the same labels in the same order."""

import math
from itertools import product
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from m2clip.report.correlation import sources
from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, DIVERGING, MM
from m2clip.report.results import Results

TABLE, NEEDS = "fig2b", ["correlation"]
MADE = {"mean": "correlation", "mean_size": "correlation_size", "largest_size": "correlation_largest"}
LEFT, HEAD, FOOT = 7 * MM, 8 * MM, 30 * MM  # room beside, above and below a map
CAPTION = (
    "Pearson's correlation of the features of two labels, in the order of their mean correlation with the "
    "others under the first row, the highest first; white is none, red alike, blue opposite. Below: the "
    "mean, the mean of the sizes and the largest size off the diagonal; a mean of both signs hides them."
)


def frame(results: Results) -> pd.DataFrame:
    """A line for each row and pair of labels, and of the row what is made of all pairs of two labels."""
    place = results.places[TABLE]
    found, lines = place.correlations, []
    for row in place.rows:
        whole = found.maps.get(row.name) if found else None
        of: dict[str, Any] = {"row": row.name, "label": row.label, "sources": tuple(sources([row]))}
        of |= {name: cells.value(found.number(row, key) if found else None) for name, key in MADE.items()}
        for (at, one), (other_at, other) in product(enumerate(found.labels if found else [""]), repeat=2):
            pair = {"at": at + 1, "one": one, "other_at": other_at + 1, "other": other}
            value = math.nan if whole is None else float(whole[at, other_at])
            lines.append({**of, **pair, "correlation": value})
    return pd.DataFrame(lines)


def alt(frame: pd.DataFrame) -> str:
    """What is made of each map, and its most alike pair."""
    told = []
    for label, part in frame.groupby("label", sort=False):
        pairs = part[part["at"] < part["other_at"]].sort_values("correlation", na_position="first")
        highest = cells.listed(pairs[-1:], "highest {correlation:.2f} between {one} and {other}")
        told.append(f"{label}: {levels(part)}; {highest}")
    return f"Correlation of label features. {' '.join(told)}"


def draw(frame: pd.DataFrame) -> Figure:
    """The maps beside one another, numbered; the names are in `fig2b_names`."""
    rows = list(dict.fromkeys(frame["row"]))
    side = (COLUMN - LEFT * len(rows)) / len(rows) - 1 * MM
    figure = plt.figure(figsize=(COLUMN, HEAD + side + FOOT))
    for at, row in enumerate(rows):
        part = frame[frame["row"] == row]
        ax = style.place(figure, LEFT + at * (LEFT + side), HEAD, side)
        ax.set_title(style.wrapped(part["label"].iloc[0], 26))
        if part["correlation"].isna().all():
            style.say(ax, style.NO_RUN)
            ax.set(xticks=[], yticks=[])
            continue
        heat(ax, part)
        number_axis(ax, int(part["at"].max()))
        ax.set_yticks(ax.get_xticks(), [text.get_text() for text in ax.get_xticklabels()], rotation=0)
        ax.set_xlabel(levels(part).replace(", ", "\n"), linespacing=1.3)
    below = HEAD + side + FOOT - 10.5 * MM
    colour_bar(figure, style.place(figure, COLUMN / 2 - 20 * MM, below, 40 * MM, 1.6 * MM))
    return figure


def colour_bar(figure: Figure, ax: Axes) -> None:
    """White is none, red alike, blue opposite."""
    scale = ScalarMappable(Normalize(-1, 1), DIVERGING)
    bar = figure.colorbar(scale, cax=ax, orientation="horizontal", label="Pearson's correlation r")
    bar.set_ticks([-1, -0.5, 0, 0.5, 1], labels=["−1", "−0.5", "0", "0.5", "1"])
    bar.outline.set_visible(False)


def heat(ax: Axes, part: pd.DataFrame) -> None:
    """The map of one row, from its lines of the frame."""
    matrix = part.pivot(index="at", columns="other_at", values="correlation")
    sns.heatmap(matrix, ax=ax, cmap=DIVERGING, vmin=-1, vmax=1, square=True, cbar=False)
    ax.tick_params(length=0)
    ax.set(xlabel="", ylabel="")


def number_axis(ax: Axes, count: int) -> None:
    """The numbers of the labels along the bottom, few enough to be read."""
    step = 1 if count <= 8 else 5
    shown = [at for at in range(1, count + 1) if at == 1 or at % step == 0]
    ax.set_xticks([at - 0.5 for at in shown], [str(at) for at in shown], rotation=0)


def levels(part: pd.DataFrame) -> str:
    """`mean r −0.062, mean |r| 0.247, largest |r| 0.70`, off the diagonal of one row's map."""
    words = "mean r {mean:.3f}, mean |r| {mean_size:.3f}, largest |r| {largest_size:.2f}"
    return cells.listed(part[:1], words).removesuffix(".").replace("-", "−")
