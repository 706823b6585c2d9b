"""Figures `confusion-<row>`: which label is taken for which, of a trained row, over all its seeds."""

import math
from functools import reduce

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.correlation import MOST
from m2clip.report.figures import cells, style
from m2clip.report.figures.style import COLUMN, MM, SEQUENTIAL
from m2clip.report.numbers import Source
from m2clip.report.results import TableRows
from m2clip.report.row import Row

TABLE, NEEDS = "main", ["percent"]
CAPTION = (
    f"For what the videos of each label are taken; the diagonal is right. Where a set has more than {MOST} "
    "labels: those that are recognised least, and the rest as one column."
)
OTHERS = "(other labels)"
CELL, LETTER = 2.9 * MM, 1.45 * MM  # of a label, so that its name fits
HEAD, FOOT, RIGHT = 6 * MM, 9 * MM, 17 * MM  # title above, numbers below, scale beside


def frames(place: TableRows) -> dict[str, pd.DataFrame]:
    """For each trained row a frame: a line for each label and each label that it is ever taken for."""
    found = {}
    for row in place.rows:
        if row.trained and (matrix := counts(row)) is not None:
            found[f"confusion-{row.name}"] = _frame(row, matrix, place.results.title(row))
    return found


def _frame(row: Row, matrix: pd.DataFrame, title: str) -> pd.DataFrame:
    whole = matrix.to_numpy(float)
    percent = shares(matrix).rename_axis(index="true", columns="predicted").stack(future_stack=True)
    lines = pd.DataFrame({"percent": percent}).reset_index()
    runs = max(1, sum(run.confusion is not None for run in row.runs))
    return cells.each(
        lines[(lines["percent"] != 0) | (lines["true"] == lines["predicted"])], row=row.name, label=row.label,
        title=title, videos=round(whole.sum() / runs), runs=runs,
        right=100 * whole.trace() / max(1.0, whole.sum()), sources=sources(row),
    )  # fmt: skip


def sources(*rows: Row) -> tuple[Source, ...]:
    """The matrices of all seeds of rows."""
    return tuple(Source(run.key.confusion, "", run.key) for row in rows for run in row.measured)


def counts(row: Row) -> pd.DataFrame | None:
    """Counts summed over seeds, true label by predicted label; None where nothing was evaluated."""
    there = [run.confusion for run in row.runs if run.confusion is not None]
    return reduce(lambda total, matrix: total + matrix, there) if there else None


def shares(matrix: pd.DataFrame) -> pd.DataFrame:
    """Counts as percent of each true label; of more than MOST labels those with the lowest recall.

    The predictions of all other labels are then one column, OTHERS.
    """
    percent = matrix.div(matrix.sum(axis=1).clip(lower=1), axis=0) * 100
    recall = percent.to_numpy(float).diagonal()
    kept = sorted(sorted(range(len(recall)), key=lambda at: (recall[at], at))[:MOST])
    part = percent.iloc[kept, kept]
    if len(kept) == len(matrix):
        return part
    return part.assign(**{OTHERS: percent.iloc[kept].sum(axis=1) - part.sum(axis=1)})


def alt(frame: pd.DataFrame) -> str:
    """How much is right, and what is most often taken for what."""
    one = frame.iloc[0]
    seeds = f", the mean of {one['runs']} seeds" if one["runs"] > 1 else ""
    right = f"{one['right']:.1f} % of {one['videos']:,} videos are right{seeds}"
    text = f"{one['title']}. Confusion matrix: {right}."
    wrong = frame[(frame["true"] != frame["predicted"]) & (frame["predicted"] != OTHERS)]
    if wrong.empty:
        return text
    worst = wrong.sort_values("percent", kind="stable").iloc[-1]
    return (
        f"{text} Most frequent mistake: {worst['percent']:.0f} % of the videos of {worst['true']} taken for "
        f"{worst['predicted']}."
    )


def draw(frame: pd.DataFrame) -> Figure:
    """Labels down the side, the same labels by their number along the bottom; square cells."""
    down = frame["true"].drop_duplicates().tolist()
    across = [*down, OTHERS] if OTHERS in set(frame["predicted"]) else down
    percent = frame.pivot(index="true", columns="predicted", values="percent")
    percent = percent.reindex(index=down, columns=across).fillna(0)
    named = [f"{label}  {at}" for at, label in enumerate(down, 1)]
    side = LETTER * max(map(len, named))
    cell = max(CELL, min(4.5 * MM, (COLUMN - side - RIGHT) / len(across)))
    tall = cell * len(down)
    width, height = max(COLUMN, side + cell * len(across) + RIGHT), HEAD + tall + FOOT
    figure = plt.figure(figsize=(width, height))
    ax = style.place(figure, side, HEAD, cell * len(across), tall)
    bar = style.place(figure, side + cell * len(across) + 3 * MM, HEAD, 1.8 * MM, min(tall, 50 * MM))
    sns.heatmap(
        percent, ax=ax, cbar_ax=bar, cmap=SEQUENTIAL, vmin=0, vmax=100, linewidths=0.2, linecolor="#e8e8e8",
        cbar_kws={"label": "share of the label's videos, %"},
    )  # fmt: skip
    ax.set_yticks([at + 0.5 for at in range(len(down))], named)
    step = math.ceil(len(across) / 12)
    places = {at: str(at + 1) for at in range(0, len(down), step)}
    places |= dict.fromkeys(range(len(down), len(across)), "others")
    ax.set_xticks([at + 0.5 for at in places], list(places.values()))
    ax.tick_params(length=0, rotation=0)
    ax.set(xlabel="predicted label, numbered as at the side", ylabel="")
    ax.set_title(style.wrapped(frame["title"].iloc[0], 56), loc="left")
    return figure
