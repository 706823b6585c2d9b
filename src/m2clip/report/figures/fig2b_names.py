"""Figure 2b, large: the same maps with the names of the labels beside them."""

import pandas as pd
from matplotlib.figure import Figure

from m2clip.report.figures.fig2b import GAP, alt, frame, maps
from m2clip.report.figures.style import MM, PAGE

TABLE, NEEDS = "fig2b", ["correlation"]
CAPTION = "The maps of Figure 2b with the names of the labels, numbered along the bottom as at the side."
CELL, LETTER = 2.9 * MM, 1.5 * MM  # of a label, so that its name fits

__all__ = ["CAPTION", "NEEDS", "TABLE", "alt", "draw", "frame"]


def draw(frame: pd.DataFrame) -> Figure:
    """One map beside or below the other, names at the left."""
    there = frame.dropna(subset=["correlation"])
    labels = there["one"].drop_duplicates()
    side, left = max(CELL * len(labels), 44 * MM), LETTER * (labels.str.len().max() + 5)
    across = max(1, int((PAGE - left) // (side + GAP)))
    return maps(there, side, left, min(there["row"].nunique(), across), named=True)
