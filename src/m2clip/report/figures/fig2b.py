"""Figure 2b: how alike the features of labels are, one map a row, the same labels in the same order."""

import math
from itertools import product
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.correlation import sources
from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, DIVERGING, MM
from m2clip.report.results import TableRows

TABLE, NEEDS = "fig2b", ["correlation"]
# Columns of the frame, and the key in correlation.STATISTICS of each.
MADE = {"mean": "correlation", "mean_size": "correlation_size", "largest_size": "correlation_largest"}
HEAD, FOOT, GAP, BAR = 15 * MM, 5 * MM, 4 * MM, 13 * MM  # title above, numbers below, room beside, colour bar
SCALE = {"orientation": "horizontal", "label": "Pearson's correlation r", "ticks": [-1, -0.5, 0, 0.5, 1]}
CAPTION = (
    "Pearson's correlation of the features of two labels, in the order of their mean correlation with the "
    "others under the first row, the highest first; white is none, red alike, blue opposite. Above: the "
    "mean, the mean of the sizes and the largest size off the diagonal; a mean of both signs hides them."
)


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each row and pair of labels, with the row's statistics over all pairs (MADE)."""
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
    """The statistics of each map, and its pair of labels with the highest correlation."""
    told = []
    for label, part in frame.groupby("label", sort=False):
        pairs = part[part["at"] < part["other_at"]].sort_values("correlation", na_position="first")
        highest = cells.listed(pairs[-1:], "highest {correlation:.2f} between {one} and {other}")
        told.append(f"{label}: {levels(part)}; {highest}")
    return f"Correlation of label features. {' '.join(told)}"


def draw(frame: pd.DataFrame) -> Figure:
    """The maps beside one another, numbered; the names are in `fig2b_names`."""
    count, numbers = frame["row"].nunique(), 7 * MM
    return maps(frame, side=(COLUMN - numbers) / count - GAP, left=numbers, across=count)


def maps(frame: pd.DataFrame, side: float, left: float, across: int, *, named: bool = False) -> Figure:
    """A map for each row, `across` of them in a line; at the left the labels by number, or `named`.

    A map is `side` inches wide; what stands at the left has `left` inches.
    """
    parts = [part for _, part in frame.groupby("row", sort=False)]
    down = -(-len(parts) // across)
    figure = plt.figure(figsize=(left + across * (side + GAP), down * (HEAD + side + FOOT) + BAR))
    places = [divmod(at, across) for at in range(len(parts))]
    axes = [
        style.place(figure, left + column * (side + GAP), line * (HEAD + side + FOOT) + HEAD, side)
        for line, column in places
    ]
    bar = style.place(figure, left, figure.get_figheight() - 10 * MM, 40 * MM, 1.6 * MM)
    for ax, part, (_, column) in zip(axes, parts, places, strict=True):
        title = [style.wrapped(part["label"].iloc[0], 40 if named else 26)]
        if part["correlation"].isna().all():
            style.say(ax, style.NO_RUN)
            ax.set(xticks=[], yticks=[], title=title[0])
            continue
        ax.set_title("\n".join([*title, *levels(part).split(", ")]))
        sns.heatmap(
            part.pivot(index="at", columns="other_at", values="correlation"), ax=ax, cmap=DIVERGING, vmin=-1,
            vmax=1, square=True, cbar_ax=bar, cbar_kws=SCALE,
        )  # fmt: skip
        labels = part.drop_duplicates("at")["one"]
        few = [one for one in range(1, len(labels) + 1) if one == 1 or len(labels) <= 8 or one % 5 == 0]
        numbers = {one - 0.5: str(one) for one in few}
        names = {at + 0.5: f"{label}  {at + 1}" for at, label in enumerate(labels)} if named else numbers
        ax.set_xticks([*numbers], [*numbers.values()], rotation=0)
        ax.set_yticks([*names] if column == 0 else [], [*names.values()] if column == 0 else [], rotation=0)
        ax.tick_params(length=0)
        ax.set(xlabel="", ylabel="")
    return figure


def levels(part: pd.DataFrame) -> str:
    """`mean r −0.062, mean |r| 0.247, largest |r| 0.70`, off the diagonal of one row's map."""
    words = "mean r {mean:.3f}, mean |r| {mean_size:.3f}, largest |r| {largest_size:.2f}"
    return cells.listed(part[:1], words).removesuffix(".")
