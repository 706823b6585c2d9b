"""Figure 2b, drawn: one map for each row, the same labels in the same order, one scale of colours."""

import math
from collections.abc import Sequence
from pathlib import Path

from m2clip.report.correlation import MOST, compare
from m2clip.report.figures.old_style import COLUMN, CORRELATION, MM, NO_RUN, Empty, paper, save, wrapped
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context


def draw(rows: Sequence[Row], context: Context, path: Path) -> str | Empty:
    """Empty where the first row, which chooses the labels, has no features."""
    found = compare(rows)
    if found is None:
        return NO_RUN
    count = len(found.labels)
    low = min(0.0, math.floor(10 * min(float(one.min()) for one in found.maps.values())) / 10)
    ticks = [at for at in range(count) if at == 0 or (at + 1) % (1 if count <= 12 else 5) == 0]
    places, numbers = [at + 0.5 for at in ticks], [str(at + 1) for at in ticks]
    with paper() as (plt, sns):
        size = (COLUMN, 54 * MM)
        figure, axes = plt.subplots(1, len(rows), figsize=size, squeeze=False, layout="constrained")
        bar = figure.colorbar(
            plt.cm.ScalarMappable(plt.Normalize(low, 1), CORRELATION), ax=axes, location="bottom",
            shrink=0.6, aspect=40, pad=0.03, label="Pearson's correlation",
        )  # fmt: skip
        bar.outline.set_visible(False)
        for ax, row in zip(axes.flat, rows, strict=True):
            one, mean = found.maps.get(row.name), found.mean(row)
            ax.set_title(wrapped(row.label, 22))
            if one is None or mean is None:
                ax.text(0.5, 0.5, "no run yet", ha="center", va="center", transform=ax.transAxes)
                ax.set(xticks=[], yticks=[])
                continue
            sns.heatmap(one, ax=ax, cmap=CORRELATION, vmin=low, vmax=1, square=True, cbar=False)
            ax.set_xticks(places, numbers, rotation=0)
            ax.set_yticks(places, numbers, rotation=0)
            ax.tick_params(length=0)
            ax.set_xlabel(f"mean off the diagonal {mean:.3f}")
        save(figure, path)
    chosen = "All" if count < MOST else f"The {count}"
    listed = "; ".join(f"{at} {label}" for at, label in enumerate(found.labels, 1))
    where = context.names.dataset(rows[0].dataset or "")
    return (
        f"{chosen} labels of {where} in the order of their mean correlation with the others under "
        f"{rows[0].label}, the highest first, in all maps the same: {listed}."
    )
