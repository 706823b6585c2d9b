"""Figure 2a: a bar for each method, supervised on two datasets and zero-shot on two others."""

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, MM
from m2clip.report.results import Results

TABLE, NEEDS = "fig2a", ["top1"]
CAPTION = (
    "Zero-shot is of the model trained on K400; a method that reads no text has none. Trainable parameters, "
    "in the table, are counted with the 400 labels of K400 on SSv2 too."
)
GROUPS = (("k400", False), ("ssv2", False), ("ucf101", True), ("hmdb51", True))
HATCHES = ("", "////", "....", "xxxx", "----", "||||")  # read in grey


def frame(results: Results) -> pd.DataFrame:
    """A line for each bar: of the method under a label its row on the dataset, or zero-shot from K400.

    missing: `none` where the method has no such number, `no run yet`, or nothing.
    """
    shown = results.places[TABLE].rows
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
    labels, groups = (list(dict.fromkeys(frame[name])) for name in ("label", "group"))
    palette = style.colours(labels)
    figure, ax = plt.subplots(figsize=(COLUMN, 62 * MM), layout="constrained")
    sns.barplot(
        frame, x="group", y="top1", hue="label", order=groups, hue_order=labels, palette=palette, ax=ax,
        errorbar=None, width=0.84, saturation=1, edgecolor=str(plt.rcParams["axes.facecolor"]), linewidth=0.6,
    )  # fmt: skip
    for at, label in enumerate(labels):
        hatch = HATCHES[at % len(HATCHES)]
        for bar in ax.containers[at]:
            bar.set_hatch(hatch)
        width = 0.84 / len(labels)
        for place, group in enumerate(groups):
            x = place + (at - (len(labels) - 1) / 2) * width
            one = frame[(frame["label"] == label) & (frame["group"] == group)].iloc[0]
            if one["missing"]:
                ax.text(x, 1.5, one["missing"], ha="center", va="bottom", rotation=90)
            else:
                reach = style.whiskers(one["top1"], one["top1_low"], one["top1_high"])
                ax.errorbar(x, one["top1"], yerr=reach, color=style.ink(), elinewidth=0.7)
    ax.legend_.remove()  # type: ignore[union-attr]
    ax.set(xlabel="", ylabel="top-1, %", ylim=(0, 100))
    named = [group.replace(" ", "\n").replace("Synth-", "Synth-\n") for group in groups]
    ax.set_xticks(range(len(groups)), named)
    ax.tick_params(axis="x", length=0)
    handles = [(ax.containers[at], style.wrapped(label, 36)) for at, label in enumerate(labels)]
    figure.legend(
        *zip(*handles, strict=True), loc="outside upper left", ncols=min(3, len(labels)),
        handlelength=1.4, handleheight=0.9, columnspacing=1.2, borderaxespad=0.1,
    )  # fmt: skip
    return figure
