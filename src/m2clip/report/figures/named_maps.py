"""Figure `<table>-names`: the maps of Figure 2b, large, with the labels' names beside them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from m2clip.report.correlation import compare
from m2clip.report.figures.old_style import CORRELATION, MM, NO_RUN, PAGE, Empty, paper, save, wrapped
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context

CELL = 2.9 * MM  # of a label, so that its name fits
LETTER = 1.5 * MM
HEAD, FOOT, GAP = 6 * MM, 5 * MM, 4 * MM  # of a map: title above, numbers below, room beside
BAR = 15 * MM


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """One map beside or below the other, names at the left; Empty where the first row has no features."""
    found = compare(rows)
    if found is None:
        return NO_RUN
    there = [row for row in rows if row.name in found.maps]
    low = min(0.0, math.floor(10 * min(float(one.min()) for one in found.maps.values())) / 10)
    side = max(CELL * len(found.labels), 44 * MM)
    names = LETTER * max(len(label) + 5 for label in found.labels)
    across = min(len(there), max(1, int((PAGE - names) // (side + GAP))))
    down = math.ceil(len(there) / across)
    width, height = names + across * (side + GAP), down * (HEAD + side + FOOT) + BAR
    with paper() as (plt, sns):
        figure = plt.figure(figsize=(width, height))
        for at, row in enumerate(there):
            line, column = divmod(at, across)
            left, bottom = names + column * (side + GAP), height - (line + 1) * (HEAD + side + FOOT) + FOOT
            ax = figure.add_axes((left / width, bottom / height, side / width, side / height))
            sns.heatmap(found.maps[row.name], ax=ax, cmap=CORRELATION, vmin=low, vmax=1, cbar=False)
            ax.set_title(wrapped(f"{row.label}: mean {found.mean(row):.3f}", 60))
            _ticks(ax, found.labels, named=column == 0)
        ax = figure.add_axes((names / width, 9 * MM / height, 40 * MM / width, 1.6 * MM / height))
        scale = plt.cm.ScalarMappable(plt.Normalize(low, 1), CORRELATION)
        bar = figure.colorbar(scale, cax=ax, orientation="horizontal", label="Pearson's correlation")
        bar.outline.set_visible(False)
        save(figure, path)
    where = context.names.dataset(rows[0].dataset or "")
    return (
        f"The same maps with the names of the labels of {where}, numbered along the bottom as at the side; "
        "the mean is that off the diagonal."
    )


def _ticks(ax: Any, labels: Sequence[str], *, named: bool) -> None:
    """Names and numbers at the side, numbers along the bottom."""
    count = len(labels)
    numbered = [f"{label}  {at}" for at, label in enumerate(labels, 1)]
    ax.set_yticks([at + 0.5 for at in range(count)] if named else [], numbered if named else [], rotation=0)
    shown = [at for at in range(count) if at == 0 or (at + 1) % (1 if count <= 12 else 5) == 0]
    ax.set_xticks([at + 0.5 for at in shown], [str(at + 1) for at in shown], rotation=0)
    ax.tick_params(length=0)
