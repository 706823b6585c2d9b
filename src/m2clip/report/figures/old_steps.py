"""Figures 4a and 4c: each row's step from the reference row, the paper's in one panel and ours in another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from m2clip.report import outcomes
from m2clip.report.figures.old_style import (
    COLUMN,
    DATASETS,
    MM,
    NO_RUN,
    PUBLISHED,
    Empty,
    paper,
    save,
    wrapped,
)
from m2clip.report.names import MISSING
from m2clip.report.outcomes import Step
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context, published_step

LINE = 7 * MM  # height of a row
APART = 0.22  # of the datasets within a row
MARKERS = {"k400": "o", "ssv2": "s"}


@dataclass(frozen=True)
class Steps:
    """Labels from top to bottom; steps by label, the paper's, and ours by dataset."""

    labels: tuple[str, ...]
    published: dict[str, Step]
    measured: dict[str, dict[str, Step]]


def steps(rows: Sequence[Row], context: Context) -> Steps:
    """Every step that there is; a row that the paper does not have as it is configured has none of its."""
    published: dict[str, Step] = {}
    measured: dict[str, dict[str, Step]] = {}
    for row in rows:
        line = context.published.line(row.name, row.config, context.profile) if context.published else None
        if context.published and line and (theirs := published_step(context.published, line)):
            published[row.label] = theirs
        ours = outcomes.step(row, context.reference(row))
        if ours and row.dataset:
            measured.setdefault(row.dataset, {})[row.label] = ours
    return Steps(tuple(dict.fromkeys(row.label for row in rows)), published, measured)


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """Published steps at the left, ours at the right, never on one axis. Empty where there is none at all."""
    found = steps(rows, context)
    if not found.published and not found.measured:
        return NO_RUN
    labels = [wrapped(label, 22) for label in found.labels]
    places, total = heights(labels)
    at = dict(zip(found.labels, places, strict=True))
    with paper() as (plt, _):
        size = (COLUMN, 19 * MM + LINE * total)
        figure, axes = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
        _panel(axes[0], at, {"": found.published}, "Published, K400", context)
        _panel(axes[1], at, found.measured, "Measured here", context)
        axes[0].set_yticks(places, labels)
        axes[0].set_ylim(total, 0)
        handles, names = axes[1].get_legend_handles_labels()
        if handles:
            figure.legend(
                handles, names, loc="outside lower right", ncols=len(names), frameon=False,
                handletextpad=0.2, columnspacing=1.0, borderaxespad=0.1,
            )  # fmt: skip
        save(figure, path)
    label = next((row.label for row in context.references), MISSING)
    return (
        f"Steps in top-1 from {label}, at zero. Left as the paper prints them, right measured here on a "
        "scale of its own. Error bars: 95 % interval over the test videos, paired with the reference's. "
        "No mark: no number, or none yet."
    )


def heights(labels: Sequence[str]) -> tuple[list[float], float]:
    """Middles of the rows from the top, and their sum; a label of many lines takes more room."""
    tall = [max(1.0, 0.5 * (label.count("\n") + 1)) for label in labels]
    ends = list(accumulate(tall))
    return [end - own / 2 for end, own in zip(ends, tall, strict=True)], ends[-1]


def _apart(step: Step) -> list[list[float]] | None:
    """How far the interval reaches below and above the point."""
    if step.low is None or step.high is None:
        return None
    return [[step.points - step.low], [step.high - step.points]]


def _panel(
    ax: Any, at: Mapping[str, float], groups: dict[str, dict[str, Step]], head: str, context: Context
) -> None:
    """A dot for each step; groups of one row beside each other."""
    ax.axvline(0, color="#949494", linewidth=0.6, zorder=0)
    for number, (dataset, found) in enumerate(groups.items()):
        style = {
            "color": DATASETS[dataset] if dataset else PUBLISHED,
            "marker": MARKERS.get(dataset, "D"),
            "markersize": 3.2,
            "linestyle": "",
            "elinewidth": 0.9,
        }
        shift = (number - (len(groups) - 1) / 2) * 2 * APART
        for name, step in found.items():
            ax.errorbar(step.points, at[name] + shift, xerr=_apart(step), **style)
        ax.errorbar([], [], label=context.names.dataset(dataset) if dataset else None, **style)
    if not any(groups.values()):
        missing = "none" if "" in groups else "no run yet"
        ax.text(0.5, 0.5, missing, ha="center", va="center", transform=ax.transAxes)
    ax.set_title(head)
    ax.set_xlabel("step, points")
    ax.margins(x=0.12)
    ax.grid(axis="y", linewidth=0.3, color="#dddddd")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
