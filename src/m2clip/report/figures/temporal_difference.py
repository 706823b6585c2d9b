"""Frames of some videos, and on top of them how much the temporal difference adds to every patch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2clip.errors import UserError
from m2clip.report.figures.style import MM, PAGE, paper, save_small, wrapped

NAME = "temporal_difference"
SIDE = 30 * MM  # for the labels
COLOURS, STRONGEST = "YlOrRd", 0.75  # opacity where the norm is the largest


@dataclass(frozen=True)
class Strip:
    """A video: its label, its frames (T, S, S, 3) and the norms on the grid of patches (T, H, W)."""

    label: str
    frames: NDArray[np.uint8]
    norms: NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """What stands below the picture, and what stands in for it; no caption where there is no picture."""

    caption: str | None
    alt: str


NONE = Picture(None, "No adapter of this row has a temporal difference.")


def folder(profile: str) -> Path:
    """Where the picture of a profile lies."""
    return Path("reports") / profile / "pictures"


def describe(strips: Sequence[Strip], about: str) -> Picture:
    """Caption and alternative text.

    Args:
        strips: what is drawn.
        about: the row, its dataset and split, as in `M2-CLIP on K400, test split`.
    """
    most = [1 + int(strip.norms.mean((1, 2)).argmax()) for strip in strips]
    told = "; ".join(
        f"{strip.label} {strip.norms.mean():.2f}, most in frame {at}"
        for strip, at in zip(strips, most, strict=True)
    )
    return Picture(
        f"What the TED-Adapters add of temporal difference, {about}: the norm of z_D (Eq. 7) of every patch, "
        "averaged over the adapted sites, on top of the frame in grey; redder and less transparent is more, "
        "on one scale. Above them the frames alone.",
        f"Frames of {len(strips)} videos with the norm of their temporal difference. Mean norm: {told}.",
    )


def draw(strips: Sequence[Strip], path: Path) -> None:
    """Of each video two lines of frames, the second with the norms; time runs to the right."""
    count = max(len(strip.frames) for strip in strips)
    top, gap, bar = 5 * MM, 1.6 * MM, 14 * MM
    side = (PAGE - SIDE) / count
    height = top + len(strips) * (2 * side + gap) + bar
    largest = max(float(strip.norms.max()) for strip in strips) or 1.0
    with paper() as (plt, _):
        figure = plt.figure(figsize=(PAGE, height))
        scale, shades = plt.Normalize(0, largest), plt.get_cmap(COLOURS)
        for line, strip in enumerate(strips):
            y = height - top - line * (2 * side + gap)
            where = ((SIDE - 2 * MM) / PAGE, (y - side) / height)
            figure.text(*where, wrapped(strip.label, 17), ha="right", va="center", fontsize=8)
            for at, (frame, norms) in enumerate(zip(strip.frames, strip.norms, strict=True)):
                for below, shown in ((1, None), (2, norms)):
                    left, bottom = (SIDE + at * side) / PAGE, (y - below * side) / height
                    size = (0.97 * side / PAGE, 0.97 * side / height)
                    ax = figure.add_axes((left, bottom, *size))
                    if shown is None:
                        ax.imshow(frame, extent=(0, 1, 0, 1))
                    else:
                        grey = frame.mean(axis=-1)
                        ax.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=(0, 1, 0, 1))
                        opacity = STRONGEST * shown / largest
                        ax.imshow(shades(scale(shown)), extent=(0, 1, 0, 1), alpha=opacity)
                    ax.set_axis_off()
        for at, text in ((0, "first frame"), (count - 1, "last frame")):
            figure.text((SIDE + (at + 0.5) * side) / PAGE, 1 - 3.6 * MM / height, text, ha="center")
        ax = figure.add_axes((SIDE / PAGE, 9 * MM / height, 50 * MM / PAGE, 1.6 * MM / height))
        mappable = plt.cm.ScalarMappable(scale, COLOURS)
        legend = figure.colorbar(mappable, cax=ax, orientation="horizontal", label="norm of z_D")
        legend.outline.set_visible(False)
        save_small(figure, path)


def write(picture: Picture, path: Path) -> None:
    """As JSON, for the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"caption": picture.caption, "alt": picture.alt}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read(profile: str) -> Picture | None:
    """What the stage `pictures` wrote; None where it has not run.

    Raises:
        UserError: when the file is not what it writes.
    """
    path = folder(profile) / f"{NAME}.json"
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Picture(content["caption"], content["alt"])
    except (json.JSONDecodeError, KeyError, TypeError):
        raise UserError(f"{path}: expected caption and alt; run `dvc repro -f pictures`") from None
