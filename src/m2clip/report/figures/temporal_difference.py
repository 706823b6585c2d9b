"""Frames of some videos, and on top of them how much the temporal difference adds to every patch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from m2clip.errors import UserError
from m2clip.report.figures import style
from m2clip.report.figures.contact_sheet import Strip, beside, ends
from m2clip.report.figures.style import MM, PAGE

NAME = "temporal_difference"
SIDE = 30 * MM  # for the labels
TOP, GAP, FOOT = 5 * MM, 1.6 * MM, 14 * MM  # above the strips, between two, for the scale below
STEPS = 6  # of the scale, about
MAP, OPACITY = "YlOrRd", 0.75  # of the highest step; nothing is laid over the lowest


@dataclass(frozen=True)
class MotionStrip(Strip):
    """A video of square frames (T, S, S, 3) with the norms on their grid of patches (T, H, W)."""

    norms: NDArray[np.float32]


@dataclass(frozen=True)
class Words:
    """The picture's caption, None where there is no picture, and its alternative text."""

    caption: str | None
    alt: str


NONE = Words(None, "No adapter of this row has a temporal difference.")


def folder(profile: str) -> Path:
    """Where the picture of a profile lies."""
    return Path("reports") / profile / "pictures"


def describe(strips: Sequence[MotionStrip], about: str) -> Words:
    """Caption and alternative text; about: the row, as in `M2-CLIP on K400, test split`."""
    told = "; ".join(
        f"{strip.label} {strip.norms.mean():.2f}, most in frame {1 + strip.norms.mean((1, 2)).argmax()}"
        for strip in strips
    )
    return Words(
        f"Where the TED-Adapters see change from frame to frame, {about}: the length of what the temporal "
        "difference (Eq. 7) adds to each patch, averaged over the adapted sites, laid over the frame in "
        "grey; redder is more, on one scale of even steps. Above them the frames alone.",
        f"Frames of {len(strips)} videos with how much the temporal difference adds. Mean length: {told}.",
    )


def draw(strips: Sequence[MotionStrip]) -> Figure:
    """Of each video two lines of frames, the second with the norms; time runs to the right."""
    count = max(len(strip.frames) for strip in strips)
    side = (PAGE - SIDE) / count
    height = TOP + len(strips) * (2 * side + GAP) + FOOT
    largest = max(float(strip.norms.max()) for strip in strips) or 1.0
    bounds = MaxNLocator(STEPS, steps=[1, 2, 5, 10]).tick_values(0, largest)
    shades = plt.get_cmap(MAP)(np.linspace(0.2, 1, len(bounds) - 1))
    colours, scale = ListedColormap(shades[:, :3]), BoundaryNorm(bounds, len(shades))
    shades[:, 3] = np.linspace(0, OPACITY, len(shades))
    overlay = ListedColormap(shades)
    figure = plt.figure(figsize=(PAGE, height))
    for line, strip in enumerate(strips):
        y = height - TOP - line * (2 * side + GAP)
        beside(figure, strip.label, y - side, SIDE)
        for at, (frame, norms) in enumerate(zip(strip.frames, strip.norms, strict=True)):
            grey = frame.mean(axis=-1, keepdims=True).repeat(3, axis=-1) / 255
            for below, pictures in enumerate(((frame,), (grey, overlay(scale(norms))))):
                ax = style.place(figure, SIDE + at * side, height - y + below * side, 0.97 * side)
                ax.set_axis_off()
                for picture in pictures:
                    ax.imshow(picture, extent=(0, 1, 0, 1))
    ends(figure, count, SIDE)
    ax = style.place(figure, SIDE, height - 10.6 * MM, 50 * MM, 1.6 * MM)
    bar = figure.colorbar(plt.cm.ScalarMappable(scale, colours), cax=ax, orientation="horizontal")
    bar.set_label("what the temporal difference adds to a patch (length of the vector)", loc="left")
    bar.outline.set_visible(False)
    return figure


def write(words: Words, path: Path) -> None:
    """Write caption and alternative text as JSON, for the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(words), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read(profile: str) -> Words | None:
    """What the stage `pictures` wrote; None where it has not run.

    Raises:
        UserError: when the file is not what it writes.
    """
    path = folder(profile) / f"{NAME}.json"
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Words(content["caption"], content["alt"])
    except (json.JSONDecodeError, KeyError, TypeError):
        raise UserError(f"{path}: expected caption and alt; run `dvc repro -f pictures`") from None
