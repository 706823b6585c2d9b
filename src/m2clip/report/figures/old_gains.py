"""Figures `gains-<row>`: of every label the share recognised by CLIP, and by a row trained on its dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from m2clip.report.figures.old_confusion import counts
from m2clip.report.figures.old_style import COLUMN, METHODS, MM, paper, save, wrapped
from m2clip.report.results import Row

MOST = 40  # labels that stay readable in a column
CLIP = "clip"  # the method that nothing is trained of


@dataclass(frozen=True)
class Gain:
    """Percent of a label's test videos that are right, under CLIP and under the row."""

    label: str
    clip: float
    row: float

    @property
    def points(self) -> float:
        """What the row is above CLIP."""
        return self.row - self.clip


def recalls(matrix: pd.DataFrame) -> dict[str, float]:
    """Percent right by true label; a label without a test video has none."""
    totals, right = matrix.sum(axis=1), matrix.to_numpy().diagonal()
    return {
        str(label): 100 * hits / total
        for label, total, hits in zip(matrix.index, totals, right, strict=True)
        if total
    }


def gains(row: Row, clip: Row) -> list[Gain] | None:
    """Labels from the largest gain to the smallest; None where one of the two was not evaluated."""
    ours, theirs = counts(row), counts(clip)
    if ours is None or theirs is None:
        return None
    after, before = recalls(ours), recalls(theirs)
    found = [Gain(label, before[label], after[label]) for label in after if label in before]
    return sorted(found, key=lambda gain: (-gain.points, gain.label))


def of_clip(rows: Sequence[Row], row: Row) -> Row | None:
    """The row of CLIP itself on the same dataset."""
    same = (other for other in rows if other.config and other.dataset == row.dataset)
    return next((other for other in same if other.config and other.config.method == CLIP), None)


def extremes(found: Sequence[Gain]) -> list[Gain]:
    """All labels, or of more than MOST the half with the largest and the half with the smallest gain."""
    half = MOST // 2
    return list(found) if len(found) <= MOST else [*found[:half], *found[-half:]]


def draw(found: Sequence[Gain], row: Row, clip: Row, title: str, path: Path) -> None:
    """A line from CLIP's share to the row's for each label."""
    part = extremes(found)
    places = range(len(part))
    with paper() as (plt, _):
        figure, ax = plt.subplots(figsize=(COLUMN, (20 + 2.9 * len(part)) * MM), layout="constrained")
        ax.hlines(
            places, [one.clip for one in part], [one.row for one in part], color="#bbbbbb", linewidth=1.2
        )
        for of, label, style in (
            ([one.clip for one in part], clip.label, {"marker": "s", "markersize": 4.6, "mfc": "white"}),
            ([one.row for one in part], row.label, {"marker": "o", "markersize": 2.8}),
        ):
            style |= {"color": METHODS["clip" if label == clip.label else "main"], "linestyle": ""}
            ax.plot(of, places, label=wrapped(label, 40), clip_on=False, zorder=3, **style)
        ax.set_yticks(places, [one.label for one in part])
        ax.set(xlim=(0, 100), ylim=(len(part) - 0.5, -0.5), xlabel="share of the label's videos, %")
        ax.tick_params(axis="y", length=0, pad=5)
        ax.grid(axis="x", linewidth=0.3, color="#dddddd")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_title(wrapped(title, 56), loc="right")
        figure.legend(loc="outside lower right", ncols=2, frameon=False, handletextpad=0.2)
        save(figure, path)
