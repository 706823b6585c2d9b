"""A contact sheet: some videos of a dataset as a few frames each, and one line of facts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from m2clip.report.figures import style
from m2clip.report.figures.style import MM, PAGE

SIDE = 34 * MM  # for the labels
TOP, FOOT, GAP = 5 * MM, 5 * MM, 0.6 * MM


@dataclass(frozen=True)
class Strip:
    """One video: its label and its frames, (T, H, W, 3)."""

    label: str
    frames: NDArray[np.uint8]


def draw(shown: Sequence[Strip], caption: str) -> Figure:
    """Time runs to the right; one video a line, its label at the left."""
    across = max(len(strip.frames) for strip in shown)
    side = (PAGE - SIDE) / across
    heights = [side * strip.frames.shape[1] / strip.frames.shape[2] for strip in shown]
    height = TOP + sum(heights) + GAP * len(shown) + FOOT
    figure = plt.figure(figsize=(PAGE, height))
    y = height - TOP
    for strip, tall in zip(shown, heights, strict=True):
        y -= tall
        beside(figure, strip.label, y + tall / 2, SIDE)
        for at, frame in enumerate(strip.frames):
            ax = style.place(figure, SIDE + at * side, height - y - tall + GAP, side - GAP, tall - GAP)
            ax.imshow(frame, interpolation="antialiased", aspect="auto")
            ax.set_axis_off()
        y -= GAP
    ends(figure, across, SIDE)
    figure.text(2 * MM / PAGE, 1.6 * MM / height, caption)
    return figure


def beside(figure: Figure, label: str, middle: float, side: float) -> None:
    """A label in the `side` inches at the left, its middle so many inches from the bottom."""
    place, text = (side - 2 * MM) / PAGE, style.wrapped(label, 17)
    figure.text(place, middle / figure.get_figheight(), text, ha="right", va="center", fontsize=8)


def ends(figure: Figure, across: int, side: float) -> None:
    """`first frame` and `last frame` above the columns, which begin `side` inches from the left."""
    step = (PAGE - side) / across
    for at, text in ((0, "first frame"), (across - 1, "last frame")):
        x = (side + (at + 0.5) * step) / PAGE
        figure.text(x, 1 - 3.6 * MM / figure.get_figheight(), text, ha="center")
