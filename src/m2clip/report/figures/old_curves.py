"""Figure `curves`: what each head's loss did, one panel for each trained row."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m2clip.report.figures.old_style import COLOURS, COLUMN, MM, paper, save, wrapped
from m2clip.report.names import HEADS, Names
from m2clip.report.results import Row

SMOOTH = 0.05  # share of the log lines in a running mean
ACROSS = 2


def history(row: Row) -> pd.DataFrame | None:
    """Columns step, seed, loss and each head that was trained; None where no run has a curve."""
    parts = [
        pd.DataFrame([{"step": line.step, **line.values} for line in run.history]).assign(seed=run.key.seed)
        for run in row.runs
        if run.history
    ]
    if not parts:
        return None
    lines = pd.concat(parts, ignore_index=True)
    told = [name for name in ("loss", *HEADS) if name in lines and lines[name].notna().any()]
    return lines[["step", "seed", *told]]


def draw(rows: Sequence[Row], names: Names, path: Path) -> None:
    """The losses of the heads before their weights; thin as logged, thick a running mean."""
    curves = [history(row) for row in rows]
    down = math.ceil(len(rows) / ACROSS)
    across = min(ACROSS, len(rows))
    with paper() as (plt, _):
        titles = [_title(row, names) for row in rows]
        height = 8 * MM + down * (42 + 3 * max(title.count("\n") for title in titles)) * MM
        figure, axes = plt.subplots(down, across, figsize=(COLUMN, height), squeeze=False, sharey=True)
        for at, ax in enumerate(axes.flat):
            if at >= len(rows):
                ax.set_visible(False)
                continue
            lines = curves[at]
            if lines is None:
                ax.text(0.5, 0.5, "no run yet", ha="center", va="center", transform=ax.transAxes)
            else:
                _panel(ax, lines)
            ax.set_title(titles[at], loc="left")
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelleft=True)
            if at + across >= len(rows):
                ax.set_xlabel("step")
            if at % across == 0:
                ax.set_ylabel("loss")
        axes[0, 0].set_ylim(bottom=0)
        _legend(figure, axes, height)
        save(figure, path)


def _panel(ax: Any, lines: pd.DataFrame) -> None:
    """One thin line for each seed, one thick running mean over all."""
    for head in [name for name in HEADS if name in lines]:
        for _, seed in lines.groupby("seed"):
            ax.plot(seed["step"], seed[head], color=COLOURS[head], linewidth=0.4, alpha=0.35)
        mean = lines.groupby("step")[head].mean()
        window = max(1, round(SMOOTH * len(mean)))
        smooth = mean.rolling(window, center=True, min_periods=1).mean()
        ax.plot(smooth.index, smooth, color=COLOURS[head], linewidth=1.2, label=HEADS[head])
    ax.locator_params(axis="x", nbins=4)


def _title(row: Row, names: Names) -> str:
    dataset = names.dataset(row.dataset) if row.dataset else "no config"
    return f"{wrapped(row.label, 26)}\n{dataset}"


def _legend(figure: Any, axes: Any, height: float) -> None:
    """One for all panels, above them."""
    found = [ax.get_legend_handles_labels() for ax in axes.flat]
    handles = {name: line for lines, names in found for line, name in zip(lines, names, strict=True)}
    order = [name for name in HEADS.values() if name in handles]
    figure.tight_layout(rect=(0, 0, 1, 1 - 6 * MM / height), pad=0.3, w_pad=0.8, h_pad=0.8)
    if order:
        figure.legend(
            [handles[name] for name in order], order, loc="upper center", ncols=len(order), frameon=False,
            handlelength=1.2, columnspacing=1.2, borderaxespad=0.2,
        )  # fmt: skip
