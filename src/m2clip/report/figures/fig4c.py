"""Figure 4c: the multi-task decoder, head by head; drawn as Figure 4a."""

from m2clip.report.figures.fig4a import CAPTION, NEEDS, alt, draw, frame

TABLE = "fig4c"
__all__ = ["CAPTION", "NEEDS", "TABLE", "alt", "draw", "frame"]
