"""Figure 4b: accuracy, supervised and zero-shot on UCF101, against the number of text adapters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from m2clip.report import outcomes
from m2clip.report.figures.old_style import (
    COLUMN,
    DATASETS,
    EXPLORED,
    MM,
    NO_RUN,
    Empty,
    paper,
    save,
    wrapped,
)
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context, zero_shot
from m2clip.report.tables.ticks import layers_of_text
from m2clip.rows import MAIN

UNSEEN = "ucf101"
Point = tuple[int, float, outcomes.Reach | None]


def point(row: Row, dataset: str) -> Point | None:
    """Number of adapters, percent, how far the error bar reaches below and above."""
    count = layers_of_text(row)
    value = row.value("supervised", "top1") if dataset == row.dataset else zero_shot(row, dataset)
    return None if count is None or value is None else (count, value.mean, outcomes.spread(row, dataset))


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """Two panels, each on its own scale; a row explored on `main` is a diamond off the line."""
    own = next((row.dataset for row in rows if row.dataset), "k400")
    rows = [row for row in rows if row.dataset == own]
    explored = [row for row in rows if row.name == MAIN and row not in context.references]
    line = [row for row in rows if row not in explored]
    sets = {own: "supervised", UNSEEN: "zero-shot"}
    if not any(point(row, dataset) for row in rows for dataset in sets):
        return NO_RUN
    with paper() as (plt, _):
        figure, axes = plt.subplots(1, 2, figsize=(COLUMN, 54 * MM), layout="constrained")
        for ax, (dataset, kind) in zip(axes, sets.items(), strict=True):
            _line(ax, [point(row, dataset) for row in line], DATASETS[dataset], "o-")
            for row in explored:
                _line(ax, [point(row, dataset)], EXPLORED, "D", wrapped(row.label, 52))
            ax.set_title(f"{kind}\n{context.names.dataset(dataset)}")
            ax.set_xlabel("text adapters")
            ax.set_xticks(sorted({count for row in rows if (count := layers_of_text(row)) is not None}))
            ax.margins(0.1)
            ax.spines[["top", "right"]].set_visible(False)
        axes[0].set_ylabel("top-1, %")
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", frameon=False)
        save(figure, path)
    return "The two panels have scales of their own, neither of which begins at zero."


def _line(ax: Any, points: Sequence[Point | None], colour: str, style: str, label: str | None = None) -> None:
    there = sorted(found for found in points if found)
    if not there:
        ax.text(0.5, 0.5, "no run yet", ha="center", va="center", transform=ax.transAxes)
        return
    x, y, errors = zip(*there, strict=True)
    ax.errorbar(
        x, y, yerr=outcomes.bars(errors), fmt=style, color=colour, markersize=3.2, linewidth=0.9, label=label
    )
