"""Figure 2a: a bar for each method, supervised on two datasets and zero-shot on two others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.report import outcomes
from m2clip.report.figures.old_style import COLUMN, MM, NO_RUN, Empty, colours, paper, save, wrapped
from m2clip.report.results import Row
from m2clip.report.tables import ticks
from m2clip.report.tables.columns import Context, zero_shot

GROUPS = (("k400", False), ("ssv2", False), ("ucf101", True), ("hmdb51", True))
WIDTH = 0.8  # of all bars of a group
COUNTED = "Trainable parameters, in the table, are counted with the 400 labels of K400 on SSv2 too."


@dataclass(frozen=True)
class Bar:
    """Percent, and how far its error bar reaches below and above."""

    height: float
    error: outcomes.Reach | None


def bar(rows: Sequence[Row], label: str, dataset: str, unseen: bool) -> Bar | str:
    """Of the method under a label: its row on the dataset, or zero-shot from K400; or why there is none."""
    own = "k400" if unseen else dataset
    row = next((row for row in rows if row.label == label and row.dataset == own), None)
    if row is None or (unseen and ticks.cell("reads_text", row) == ticks.NO):
        return "none"
    value = zero_shot(row, dataset) if unseen else row.value("supervised", "top1")
    return "not run" if value is None else Bar(value.mean, outcomes.spread(row, dataset))


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """Empty where there is no bar; where a method has no number, a word says why."""
    labels = list(dict.fromkeys(row.label for row in rows))
    palette = colours({row.label: row.name for row in reversed(rows)})
    found = {(label, group): bar(rows, label, *group) for label in labels for group in GROUPS}
    if not any(isinstance(one, Bar) for one in found.values()):
        return NO_RUN
    with paper() as (plt, _):
        figure, ax = plt.subplots(figsize=(COLUMN, 62 * MM), layout="constrained")
        width = WIDTH / len(labels)
        for at, label in enumerate(labels):
            for place, group in enumerate(GROUPS):
                x = place + (at - (len(labels) - 1) / 2) * width
                _bar(ax, x, width, found[label, group], palette[label])
            ax.bar(0, 0, color=palette[label], label=wrapped(label, 36))
        words = ["zero-shot" if unseen else "supervised" for _, unseen in GROUPS]
        sets = [context.names.dataset(dataset).replace(" ", "\n") for dataset, _ in GROUPS]
        ax.set_xticks(range(len(GROUPS)), [f"{word}\n{name}" for word, name in zip(words, sets, strict=True)])
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel("top-1, %")
        ax.set_ylim(0)
        ax.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=2, frameon=False, handlelength=1.0, columnspacing=1.2)
        save(figure, path)
    told = "Zero-shot is of the model trained on K400; a method that reads no text has none."
    return f"{told} {COUNTED}" if any(row.dataset == "ssv2" for row in rows) else told


def _bar(ax: Any, x: float, width: float, found: Bar | str, colour: str) -> None:
    if isinstance(found, str):
        ax.text(x, 1, found, ha="center", va="bottom", rotation=90, color=colour)
        return
    ax.bar(x, found.height, width * 0.92, color=colour, linewidth=0)
    if found.error is not None:
        ax.errorbar(x, found.height, yerr=outcomes.bars([found.error]), color="#1a1a1a", elinewidth=0.7)
