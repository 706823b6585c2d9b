"""Figures `gains-<row>`: each label's recall in percent by CLIP, and by a row trained on its dataset."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.correlation import MOST
from m2clip.report.figures import cells, style
from m2clip.report.figures.confusion import counts, sources
from m2clip.report.figures.style import COLUMN, MM
from m2clip.report.results import TableRows

TABLE, NEEDS = "main", ["trained"]
CAPTION = (
    "Of each label the share of its test videos that is right, under CLIP and after training. Where a "
    f"set has more than {MOST} labels: the {MOST // 2} with the largest gain and the {MOST // 2} with the "
    "smallest."
)
CLIP = "clip"  # the method that trains nothing


def frames(place: TableRows) -> dict[str, pd.DataFrame]:
    """For each trained row with CLIP on its dataset a frame: a line for each label, largest gain first."""
    results, found = place.results, {}
    for row in place.rows:
        there = (one for one in results.rows.values() if one.dataset == row.dataset)
        clip = next((one for one in there if one.config and one.config.method == CLIP), None)
        after, before = (counts(one) if one else None for one in (row, clip))
        if not row.trained or clip is None or after is None or before is None:
            continue
        both = pd.DataFrame({"clip": recalls(before), "trained": recalls(after)}).dropna().sort_index()
        both = both.assign(points=both["trained"] - both["clip"]).rename_axis("class").reset_index()
        gains = both.sort_values("points", ascending=False, kind="stable", ignore_index=True)
        found[f"gains-{row.name}"] = cells.each(
            gains, row=row.name, label=row.label, title=results.title(row), clip_label=clip.label,
            sources=sources(row, clip),
        )  # fmt: skip
    return found


def recalls(matrix: pd.DataFrame) -> pd.Series:
    """Recall of each label in percent; NaN for a label without a test video."""
    values = matrix.to_numpy(float)
    return 100 * pd.Series(values.diagonal(), matrix.index.astype(str)) / values.sum(axis=1)


def alt(frame: pd.DataFrame) -> str:
    """How many labels gain and lose, and the largest and the smallest gain."""
    best, worst = frame.iloc[0], frame.iloc[-1]
    more, fewer = (frame["points"] > 0).sum(), (frame["points"] < 0).sum()
    ends = [f"{one['class']}, {one['clip']:.0f} to {one['trained']:.0f} %" for one in (best, worst)]
    return (
        f"{best['title']}: {more} of {len(frame)} labels are recognised more often than by CLIP, {fewer} "
        f"less often. Largest gain {ends[0]}; smallest {ends[1]}."
    )


def draw(frame: pd.DataFrame) -> Figure:
    """A line from CLIP's share to the row's for each label, the largest gain above."""
    part = frame if len(frame) <= MOST else pd.concat([frame[: MOST // 2], frame[-(MOST // 2) :]])
    places = range(len(part))
    clip, row = part["clip_label"].iloc[0], part["label"].iloc[0]
    palette, ground = style.colours([clip, row]), style.ground()
    figure, ax = plt.subplots(figsize=(COLUMN, (20 + 2.9 * len(part)) * MM), layout="constrained")
    ax.hlines(places, part["clip"], part["trained"], color=style.GREY, linewidth=0.8, alpha=0.6)
    common: dict[str, Any] = {"linestyle": "", "clip_on": False, "zorder": 3}
    ax.plot(part["clip"], places, "s", color=palette[clip], mfc=ground, markersize=4.6, label=clip, **common)
    name = style.wrapped(row, 40)
    ax.plot(part["trained"], places, "o", color=palette[row], markersize=3.2, label=name, **common)
    ax.set_yticks(places, part["class"])
    ax.set(xlim=(0, 100), ylim=(len(part) - 0.5, -0.5), xlabel="share of the label's videos, %")
    ax.tick_params(axis="y", length=0, pad=5)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(False)
    ax.set_title(style.wrapped(part["title"].iloc[0], 56), loc="right")
    figure.legend(loc="outside lower right", ncols=2, handletextpad=0.2)
    return figure
