"""Figure `<table>-heads`: the loss of each head in a panel of its own, a line for each row that trains it."""

from collections.abc import Sequence
from pathlib import Path

from m2clip.report.figures.old_curves import SMOOTH, history
from m2clip.report.figures.old_style import COLUMN, MM, NO_RUN, Empty, colours, paper, save, wrapped
from m2clip.report.names import HEADS
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context, title

Curve = tuple[list[float], list[float]]


def curves(rows: Sequence[Row]) -> dict[str, dict[str, Curve]]:
    """Of each head, by row name: steps, and the running mean over log lines of the mean over seeds."""
    found: dict[str, dict[str, Curve]] = {head: {} for head in HEADS}
    for row in rows:
        lines = history(row)
        for head in HEADS if lines is not None else ():
            if lines is None or head not in lines:
                continue
            mean = lines.groupby("step")[head].mean()
            smooth = mean.rolling(max(1, round(SMOOTH * len(mean))), center=True, min_periods=1).mean()
            found[head][row.name] = (mean.index.astype(float).tolist(), smooth.tolist())
    return found


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """Rows on the dataset of the first; Empty where none has a learning curve."""
    own = next((row.dataset for row in rows if row.trained), None)
    rows = [row for row in rows if row.trained and row.dataset == own]
    found = curves(rows)
    if not any(found.values()):
        return NO_RUN
    palette = colours({row.label: row.name for row in rows})
    with paper() as (plt, _):
        size = (COLUMN, (78 + 4 * len(rows)) * MM)
        figure, axes = plt.subplots(2, 2, figsize=size, sharex=True, layout="constrained")
        for ax, (head, lines) in zip(axes.flat, found.items(), strict=True):
            for row in rows:
                if row.name in lines:
                    ax.plot(*lines[row.name], color=palette[row.label], linewidth=1.0)
            if not lines:
                ax.text(0.5, 0.5, "trained by no row", ha="center", va="center", transform=ax.transAxes)
            ax.set_title(HEADS[head], loc="left")
            ax.set_ylim(bottom=0)
            ax.spines[["top", "right"]].set_visible(False)
            ax.locator_params(axis="x", nbins=4)
        figure.supxlabel("step", fontsize=7)
        figure.supylabel("loss before its weight", fontsize=7)
        for row in rows:
            axes[0, 0].plot([], [], color=palette[row.label], label=wrapped(row.label, 52))
        figure.legend(loc="outside upper center", ncols=1, frameon=False, handlelength=1.2)
        save(figure, path)
    where = title(rows[0], context).removeprefix(f"{rows[0].label} on ")
    return (
        f"Training on {where}: the loss of each head before its weight, a running mean over "
        f"{SMOOTH:.0%} of the log lines, of the rows that train the head. Each panel has its own scale."
    )
