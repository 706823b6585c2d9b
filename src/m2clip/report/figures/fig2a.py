"""Figure 2a: a bar for each method, supervised on two datasets and zero-shot on two others."""

import re
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, MM
from m2clip.report.results import TableRows

TABLE, NEEDS = "fig2a", ["top1"]
CAPTION = (
    "Zero-shot is of the model trained on K400; a method that reads no text has none. Trainable parameters, "
    "in the table, are counted with the 400 labels of K400 on SSv2 too."
)
GROUPS = (("k400", False), ("ssv2", False), ("ucf101", True), ("hmdb51", True))
HATCHES = ("", "////", "....", "xxxx", "----", "||||")  # read in grey


def frame(place: TableRows) -> pd.DataFrame:
    """A line for each bar: a method's row on the dataset, or its row on K400 tested zero-shot.

    missing: `none` where the method has no such number, `no run yet`, or nothing.
    """
    shown, results = place.rows, place.results
    lines: list[dict[str, Any]] = []
    for label in dict.fromkeys(row.label for row in shown):
        for dataset, unseen in GROUPS:
            own = "k400" if unseen else dataset
            row = next((row for row in shown if (row.label, row.dataset) == (label, own)), None)
            name = f"{'zero-shot' if unseen else 'supervised'} {results.names.dataset(dataset)}"
            if row is None:
                lines.append({"group": name, "row": "", "label": label, "sources": (), "missing": "none"})
                continue
            number = results.top1(row, dataset)
            reads_text = bool(row.config and row.config.options.zero_shot)
            missing = "" if number else style.NO_RUN if reads_text or not unseen else "none"
            numbers = cells.top1(number, row, dataset)
            lines.append({"group": name, **cells.of(row, number), **numbers, "missing": missing})
    return pd.DataFrame(lines)


def alt(frame: pd.DataFrame) -> str:
    """Every bar."""
    return f"Top-1. {cells.listed(frame, '{label} {top1:.1f} %', by='group')}"


def draw(frame: pd.DataFrame) -> Figure:
    """Where a method has no number, a word says why."""
    labels, groups = frame["label"].unique().tolist(), frame["group"].unique().tolist()
    palette, width = style.colours(labels), 0.84 / len(labels)
    figure, ax = plt.subplots(figsize=(COLUMN, 62 * MM), layout="constrained")
    for at, label in enumerate(labels):
        part = frame[frame["label"] == label].set_index("group").loc[groups]
        x = np.arange(len(groups)) + (at - (len(labels) - 1) / 2) * width
        ax.bar(
            x, part["top1"], width, yerr=style.reach(part, "top1"), color=palette[label], linewidth=0.6,
            hatch=HATCHES[at % len(HATCHES)], edgecolor=style.ground(), label=style.wrapped(label, 36),
            error_kw={"ecolor": style.ink(), "elinewidth": 0.7},
        )  # fmt: skip
        for place, word in zip(x, part["missing"], strict=True):
            ax.text(place, 1.5, word, ha="center", va="bottom", rotation=90)
    ax.set(ylabel="top-1, %", ylim=(0, 100))
    ax.set_xticks(range(len(groups)), [re.sub(r" |(?<=Synth-)", "\n", name) for name in groups])
    ax.tick_params(axis="x", length=0)
    figure.legend(
        loc="outside upper left", ncols=min(3, len(labels)), handlelength=1.4, handleheight=0.9,
        columnspacing=1.2, borderaxespad=0.1,
    )  # fmt: skip
    return figure
