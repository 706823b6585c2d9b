"""Figure 2b, large: the same maps with the names of the labels beside them."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from m2clip.report.figures import style
from m2clip.report.figures.fig2b import alt, colour_bar, frame, heat, levels, number_axis
from m2clip.report.figures.style import MM, PAGE

TABLE, NEEDS = "fig2b", ["correlation"]
CAPTION = "The maps of Figure 2b with the names of the labels, numbered along the bottom as at the side."
CELL, LETTER = 2.9 * MM, 1.5 * MM  # of a label, so that its name fits
HEAD, FOOT, GAP, BAR = 15 * MM, 5 * MM, 4 * MM, 15 * MM  # title above, numbers below, room beside, colour bar

__all__ = ["CAPTION", "NEEDS", "TABLE", "alt", "draw", "frame"]


def draw(frame: pd.DataFrame) -> Figure:
    """One map beside or below the other, names at the left."""
    there = frame.dropna(subset=["correlation"])
    rows = list(dict.fromkeys(there["row"]))
    labels = there[there["row"] == rows[0]].drop_duplicates("at")["one"].tolist()
    side = max(CELL * len(labels), 44 * MM)
    names = LETTER * max(len(label) + 5 for label in labels)
    across = min(len(rows), max(1, int((PAGE - names) // (side + GAP))))
    down = -(-len(rows) // across)
    width, height = names + across * (side + GAP), down * (HEAD + side + FOOT) + BAR
    figure = plt.figure(figsize=(width, height))
    for at, row in enumerate(rows):
        part = there[there["row"] == row]
        line, column = divmod(at, across)
        left, top = names + column * (side + GAP), line * (HEAD + side + FOOT) + HEAD
        ax = style.place(figure, left, top, side)
        heat(ax, part)
        ax.set_title("\n".join([style.wrapped(part["label"].iloc[0], 40), *levels(part).split(", ")]))
        number_axis(ax, len(labels))
        named = [f"{label}  {number}" for number, label in enumerate(labels, 1)] if column == 0 else []
        ax.set_yticks([at + 0.5 for at in range(len(named))], named, rotation=0)
    colour_bar(figure, style.place(figure, names, height - 10 * MM, 40 * MM, 1.6 * MM))
    return figure
