"""Figure 1: zero-shot against supervised accuracy, a circle's area by trainable parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.report import outcomes
from m2clip.report.figures.old_style import COLUMN, MM, NO_RUN, Empty, colours, paper, save, wrapped
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context, zero_shot

SETS = ("ucf101", "hmdb51")
AREA = 3.0  # square points for a million parameters
SMALLEST = 10.0
SCALE = (5, 15)  # millions, in the legend
WIDE = 34  # letters of a label in the legend


@dataclass(frozen=True)
class Point:
    """Percent along and up, how far their error bars reach to both sides, and the circle's area."""

    label: str
    x: float
    y: float
    x_error: outcomes.Reach | None
    y_error: outcomes.Reach | None
    area: float


def area(millions: float) -> float:
    """Square points; CLIP itself, with nothing trained, is a small circle."""
    return max(SMALLEST, AREA * millions)


def points(rows: Sequence[Row], dataset: str, context: Context) -> list[Point]:
    """Those rows that were tested on both sets and whose parameters are counted."""
    found = []
    for row in rows:
        x, y = row.value("supervised", "top1"), zero_shot(row, dataset)
        count = context.parameters.trainable(row.name, row.config.data.frames if row.config else None)
        if x is None or y is None or count is None or row.dataset is None:
            continue
        errors = outcomes.spread(row, row.dataset), outcomes.spread(row, dataset)
        found.append(Point(row.label, x.mean, y.mean, *errors, area(count / 1e6)))
    return found


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """A panel for each zero-shot set; what circles are. Empty where there is no point."""
    rows = [row for row in rows if row.dataset == rows[0].dataset]
    found = {dataset: points(rows, dataset, context) for dataset in SETS}
    if not any(found.values()):
        return NO_RUN
    own = context.names.dataset(rows[0].dataset or "")
    palette = colours({row.label: row.name for row in rows})
    with paper() as (plt, _):
        size = (COLUMN, 74 * MM)
        figure, axes = plt.subplots(1, len(SETS), figsize=size, sharex=True, layout="constrained")
        for ax, dataset in zip(axes, SETS, strict=True):
            for point in found[dataset]:
                _circle(ax, point, palette[point.label])
            if not found[dataset]:
                ax.text(0.5, 0.5, "no run yet", ha="center", va="center", transform=ax.transAxes)
            ax.set_title(f"zero-shot\n{context.names.dataset(dataset)}")
            ax.set_xlabel(f"supervised top-1, %\n{own}")
            ax.margins(0.14)
            ax.spines[["top", "right"]].set_visible(False)
        axes[0].set_ylabel("zero-shot top-1, %")
        _legend(figure, {point.label: palette[point.label] for part in found.values() for point in part})
        save(figure, path)
    return (
        "Up and to the right is better. A circle's area is the number of trainable parameters at full size; "
        "CLIP has none."
    )


def _circle(ax: Any, point: Point, colour: str) -> None:
    errors = {"xerr": outcomes.bars([point.x_error]), "yerr": outcomes.bars([point.y_error])}
    ax.errorbar(point.x, point.y, **errors, color=colour, elinewidth=0.5, zorder=1)
    ax.scatter(point.x, point.y, s=point.area, color=colour, edgecolor="white", linewidth=0.5, zorder=2)


def _legend(figure: Any, palette: dict[str, str]) -> None:
    """Colours, then sizes, below the panels."""
    from matplotlib.lines import Line2D

    circles = [(colour, 36.0, wrapped(label, WIDE)) for label, colour in palette.items()]
    circles += [("#949494", area(size), f"{size} M trainable parameters") for size in SCALE]
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, markersize=size**0.5, label=label)
        for colour, size, label in circles
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=2, frameon=False, borderaxespad=0.2,
        handletextpad=0.3, columnspacing=1.2, labelspacing=0.4,
    )  # fmt: skip
