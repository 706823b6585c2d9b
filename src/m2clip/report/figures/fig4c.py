"""Figure 4c: the multi-task decoder, head by head."""

import pandas as pd

from m2clip.report.figures import steps
from m2clip.report.figures.steps import CAPTION, alt, draw
from m2clip.report.results import Results

TABLE, NEEDS = "fig4c", ["step"]

__all__ = ["CAPTION", "NEEDS", "TABLE", "alt", "draw", "frame"]


def frame(results: Results) -> pd.DataFrame:
    """A line for each panel and row."""
    return steps.frame(results, TABLE)
