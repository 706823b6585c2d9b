"""Figure `<table>-reversed`: how often a video is taken for the label that it would have played backwards.

The pairs are the synthetic worlds': the second label of each is the first one's clip in reverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from m2clip.report.figures.old_confusion import counts
from m2clip.report.figures.old_steps import heights
from m2clip.report.figures.old_style import COLUMN, MM, NO_RUN, Empty, paper, save, wrapped
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context
from m2clip.synthetic.worlds import EVERY_PAIR

DATASET = "ssv2"
NO_PAIRS = Empty("is empty: no two of the labels are known to be each other's reverse in time")
PARTS = {"right": "#0173b2", "taken for its reverse": "#de8f05", "taken for another": "#c8c8c8"}


@dataclass(frozen=True)
class Shares:
    """Percent of videos, 100 in all."""

    right: float
    reverse: float
    other: float


def shares(matrix: pd.DataFrame, pairs: Sequence[tuple[str, str]] = EVERY_PAIR) -> Shares | None:
    """Of all videos whose label is one of a pair; None where no label is.

    Args:
        matrix: counts, true label by predicted label.
        pairs: of labels, each the other's reverse.
    """
    there = [pair for pair in pairs if set(pair) <= set(matrix.index)]
    place = {str(label): at for at, label in enumerate(matrix.index)}
    ones = [place[label] for pair in there for label in pair]
    others = [place[label] for pair in there for label in pair[::-1]]
    counted = matrix.to_numpy(float)
    total = counted[ones].sum()
    if not total:
        return None
    right, reverse = (100 * float(counted[ones, at].sum() / total) for at in (ones, others))
    return Shares(right, reverse, 100 - right - reverse)


def by_row(rows: Sequence[Row]) -> dict[str, Shares]:
    """Of the rows on the dataset with pairs, by label."""
    found = {}
    for row in rows:
        matrix = counts(row) if row.dataset == DATASET else None
        if matrix is not None and (part := shares(matrix)):
            found[row.label] = part
    return found


def by_pair(row: Row) -> dict[str, Shares]:
    """Of one row, by pair."""
    matrix = counts(row)
    if matrix is None:
        return {}
    found = {f"{one} / {other}": shares(matrix, [(one, other)]) for one, other in EVERY_PAIR}
    return {name: part for name, part in found.items() if part}


def model(rows: Sequence[Row], context: Context) -> Row | None:
    """The row whose pairs are shown: the table's reference, else the dataset's own, else the last."""
    there = [row for row in rows if by_row([row])]
    references = {row.name for row in context.references}
    first = [row for row in there if row.name in references]
    return next(iter([*first, *(row for row in there if row.name == DATASET), *there[::-1]]), None)


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """Bars by row above, by pair of the reference row below; Empty where no row has such labels."""
    rows = [row for row in rows if row.dataset == DATASET]
    found, one = by_row(rows), model(rows, context)
    if one is None:
        return NO_PAIRS if any(counts(row) is not None for row in rows) else NO_RUN
    groups = [found, by_pair(one)]
    labels = [[wrapped(label, 30) for label in found], [name.replace(" / ", " /\n") for name in groups[1]]]
    sizes = [heights(part)[1] for part in labels]
    with paper() as (plt, _):
        figure, axes = plt.subplots(
            2, 1, figsize=(COLUMN, (28 + 6.4 * sum(sizes)) * MM), sharex=True, layout="constrained",
            height_ratios=sizes,
        )  # fmt: skip
        for ax, group, names in zip(axes, groups, labels, strict=True):
            _bars(ax, list(group.values()), names)
        axes[0].set_title("by row", loc="left")
        axes[1].set_title(wrapped(f"{one.label}, by pair", 32), loc="left")
        axes[1].set_xlabel("share of the videos, %")
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside upper right", ncols=3, frameon=False, handlelength=1.0,
            columnspacing=1.0,
        )  # fmt: skip
        save(figure, path)
    return (
        f"{context.names.dataset(DATASET)}: what the test videos of labels are taken for that differ from "
        "one another by the direction of time alone. A model that sees no order is right as often as it "
        "takes a video for its reverse."
    )


def _bars(ax: Any, parts: Sequence[Shares], names: Sequence[str]) -> None:
    """A bar of 100 % for each name."""
    places, total = heights(names)
    values = {
        "right": [part.right for part in parts],
        "taken for its reverse": [part.reverse for part in parts],
        "taken for another": [part.other for part in parts],
    }
    left = [0.0] * len(parts)
    for name, widths in values.items():
        ax.barh(places, widths, 0.72, left=left, color=PARTS[name], label=name, linewidth=0)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    ax.set_yticks(places, names)
    ax.set(xlim=(0, 100), ylim=(total, 0))
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
