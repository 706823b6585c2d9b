"""Figure `<table>-published`: Figure 1 from the paper's tables, with nothing measured here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.report.figures.old_style import COLUMN, METHODS, MM, OTHERS, Empty, paper, save
from m2clip.report.figures.scatter import SCALE, SETS, area
from m2clip.report.names import DATASETS
from m2clip.report.results import Row
from m2clip.report.tables import published
from m2clip.report.tables.columns import Context


@dataclass(frozen=True)
class Point:
    """A method: percent on K400 (Table 1) and zero-shot by set (Table 3), millions of tunable parameters.

    first, third: the lines of the two tables.
    """

    method: str
    frames: str
    supervised: float
    zero_shot: dict[str, float]
    millions: float
    first: published.Line
    third: published.Line


def points() -> list[Point]:
    """The methods that stand in both tables, each with its first line of Table 1."""
    first: dict[str, published.Line] = {}
    for line in published.read("table1_k400").lines:
        first.setdefault(line.cells["method"], line)
    found = []
    for line in published.read("table3_zero_shot").lines:
        own = first.get(line.cells["method"])
        top1, millions = (own.number("top1"), own.number("tunable_params_m")) if own else (None, None)
        sets = {name: number for name in SETS if (number := line.number(name)) is not None}
        if own and sets and top1 is not None and millions is not None:
            point = Point(line.cells["method"], own.cells["frames"], top1, sets, millions, own, line)
            found.append(point)
    return found


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """A panel for each zero-shot set, as in Figure 1."""
    found = points()
    others = iter(OTHERS)
    palette = {
        point.method: METHODS["main"] if point.method == published.OURS else next(others) for point in found
    }
    with paper() as (plt, _):
        from matplotlib.lines import Line2D

        size = (COLUMN, 68 * MM)
        figure, axes = plt.subplots(1, len(SETS), figsize=size, sharex=True, layout="constrained")
        for ax, dataset in zip(axes, SETS, strict=True):
            for one in found:
                if dataset in one.zero_shot:
                    ax.scatter(
                        one.supervised, one.zero_shot[dataset], s=area(one.millions),
                        color=palette[one.method], edgecolor="white", linewidth=0.5,
                    )  # fmt: skip
            ax.set_title(f"published: zero-shot\n{DATASETS[dataset]}")
            ax.set_xlabel("published: supervised\ntop-1 on K400, %")
            ax.margins(0.25)
            ax.spines[["top", "right"]].set_visible(False)
        axes[0].set_ylabel("zero-shot top-1, %")
        circles = [(palette[one.method], 36.0, f"{one.method}, {one.frames} frames") for one in found]
        circles += [("#949494", area(SCALE[-1]), f"{SCALE[-1]} M tunable parameters")]
        handles = [
            Line2D([], [], marker="o", linestyle="", color=colour, markersize=size**0.5, label=label)
            for colour, size, label in circles
        ]
        figure.legend(
            handles=handles, loc="outside lower center", ncols=2, frameon=False, handletextpad=0.3,
            columnspacing=1.2, labelspacing=0.4,
        )  # fmt: skip
        save(figure, path)
    return (
        "Published by the paper, drawn from its Tables 1 and 3: the methods that stand in both, each with "
        "the frames of its first line in Table 1. Nothing in it is measured here."
    )
