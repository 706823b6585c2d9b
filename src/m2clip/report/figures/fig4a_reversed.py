"""Time-reversed labels: how often a video is taken for the label that it would have played backwards.

The pairs are the synthetic worlds': the second label of each is the first one's clip in reverse.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.figures import cells, style
from m2clip.report.figures.confusion import counts, sources
from m2clip.report.figures.fig4a import heights
from m2clip.report.figures.style import BLUE, COLUMN, MM, ORANGE
from m2clip.report.results import TableRows
from m2clip.report.row import Row
from m2clip.synthetic.worlds import EVERY_PAIR

TABLE, NEEDS = "fig4a", ["right"]
CAPTION = (
    "What the test videos of labels are taken for that differ from one another by the direction of time "
    "alone: of all rows, and pair by pair of the row that steps are counted from. A model that sees no order "
    "is right as often as it takes a video for its reverse."
)
EMPTY = "is empty: no two of the labels that were run are known to be each other's reverse in time"
DATASET = "ssv2"
PARTS = {"right": BLUE, "reverse": ORANGE, "other": "#c8c8c8"}
WORDS = {"right": "right", "reverse": "taken for its reverse", "other": "taken for another"}


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each row on the dataset with pairs, then one for each pair of one row."""
    there = [row for row in place.rows if row.dataset == DATASET]
    lines = [_line(row, "by row", row.label, EVERY_PAIR) for row in there]
    found = [row for row, line in zip(there, lines, strict=True) if not math.isnan(line["right"])]
    references = [one for row in found if (one := place.reference(row)) in found]
    for one in [*references, *found[::-1]][:1]:
        pairs = [_line(one, f"{one.label}, by pair", f"{a} /\n{b}", [(a, b)]) for a, b in EVERY_PAIR]
        lines += [line for line in pairs if not math.isnan(line["right"])]
    return pd.DataFrame(lines)


def _line(row: Row, part: str, name: str, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    matrix = counts(row)
    of = {"part": part, "name": name, "row": row.name, "label": row.label, "sources": sources(row)}
    return of | (dict.fromkeys(PARTS, math.nan) if matrix is None else shares(matrix, pairs))


def shares(matrix: pd.DataFrame, pairs: Sequence[tuple[str, str]] = EVERY_PAIR) -> dict[str, float]:
    """Percent of the videos whose label is one of a pair: right, taken for the reverse, for another label.

    matrix: counts, true label by predicted label. pairs: of labels, each the other's reverse.
    """
    place = {str(label): at for at, label in enumerate(matrix.index)}
    there = [(place[one], place[other]) for one, other in pairs if one in place and other in place]
    ones, others = [at for pair in there for at in pair], [at for pair in there for at in pair[::-1]]
    counted = matrix.to_numpy(float)
    total = counted[ones].sum()
    if not total:
        return dict.fromkeys(PARTS, math.nan)
    right, reverse = (100 * float(counted[ones, at].sum() / total) for at in (ones, others))
    return {"right": right, "reverse": reverse, "other": 100 - right - reverse}


def alt(frame: pd.DataFrame) -> str:
    """The shares of each row."""
    words = "{name} {right:.0f} % right, {reverse:.0f} % taken for the reverse"
    told = cells.listed(frame[frame["part"] == "by row"], words)
    return f"Labels that are each other's reverse in time: {told}"


def draw(frame: pd.DataFrame) -> Figure:
    """Bars of 100 %, by row above and by pair below; a word where there is no run."""
    groups = [part for _, part in frame.groupby("part", sort=False)]
    names = [[name if "\n" in name else style.wrapped(name, 26) for name in part["name"]] for part in groups]
    sizes = [heights(part)[1] for part in names]
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(COLUMN, (26 + 5.6 * sum(sizes)) * MM), sharex=True, squeeze=False,
        layout="constrained", height_ratios=sizes,
    )  # fmt: skip
    for ax, part, shown in zip(axes.flat, groups, names, strict=True):
        places, total = heights(shown)
        left = 0 * part["right"]
        for kind, colour in PARTS.items():
            ax.barh(
                places, part[kind], 0.72, left=left, color=colour, label=WORDS[kind], linewidth=0,
                hatch="//////" if kind == "reverse" else None, edgecolor=style.ground(),
            )  # fmt: skip
            left = left + part[kind]
        for place, missing in zip(places, part["right"].isna(), strict=True):
            ax.text(1, place, style.NO_RUN if missing else "", va="center")
        ax.set_yticks(places, shown)
        ax.set(xlim=(0, 100), ylim=(total, 0))
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_title(style.wrapped(part["part"].iloc[0], 40), loc="left")
    axes[-1, 0].set_xlabel("share of the videos, %")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3, handlelength=1.0,
        columnspacing=1.0,
    )  # fmt: skip
    return figure
