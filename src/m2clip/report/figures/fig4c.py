"""Figure 4c: the multi-task decoder, head by head; drawn as Figure 4a."""

import pandas as pd

from m2clip.report.figures import fig4a
from m2clip.report.figures.fig4a import CAPTION, NEEDS, alt, draw
from m2clip.report.results import Results

TABLE = "fig4c"

__all__ = ["CAPTION", "NEEDS", "TABLE", "alt", "draw"]


def frame(results: Results) -> pd.DataFrame:
    """As of Figure 4a."""
    return fig4a.frame(results, TABLE)
