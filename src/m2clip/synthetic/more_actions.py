"""The verbs of motion that the larger world has besides: how they move an object, and their comic lines."""

from collections.abc import Callable

import numpy as np

from m2clip.synthetic.canvas import Array, Canvas
from m2clip.synthetic.effects import bar, ring

Pose = tuple[Array, Array, Array, Array]
Move = Callable[[Array, Array, float, float, int, Pose], Pose]
"""From time and wave `(T,)`, travel, phase, side and the pose without a verb to the pose with it."""


def _circling(t: Array, wave: Array, travel: float, phase: float, side: int, at: Pose) -> Pose:
    x, y, scale, angle = at
    turn = side * 0.6 * wave + phase
    return x + 0.35 * np.cos(turn), y + 0.35 * np.sin(turn), scale, angle


def _zigzagging(t: Array, wave: Array, travel: float, phase: float, side: int, at: Pose) -> Pose:
    x, y, scale, angle = at
    return x + side * travel * (t - 0.5), y + 0.2 * np.arcsin(np.sin(1.5 * wave + phase)), scale, angle


def _growing(t: Array, wave: Array, travel: float, phase: float, side: int, at: Pose) -> Pose:
    x, y, scale, angle = at
    return x, y, scale * (1 + 1.2 * travel * (t - 0.5)), angle


def _shrinking(t: Array, wave: Array, travel: float, phase: float, side: int, at: Pose) -> Pose:
    return _growing(t, wave, -travel, phase, side, at)


def _wobbling(t: Array, wave: Array, travel: float, phase: float, side: int, at: Pose) -> Pose:
    x, y, scale, angle = at
    return x, y, scale, angle + 0.6 * np.sin(wave + phase)


def _sliding(t: Array, wave: Array, travel: float, phase: float, side: int, at: Pose) -> Pose:
    x, y, scale, angle = at
    return x + side * travel * (t - 0.5), y, scale, angle


MOVES: dict[str, Move] = {
    "circling": _circling,
    "zigzagging": _zigzagging,
    "growing": _growing,
    "shrinking": _shrinking,
    "wobbling": _wobbling,
    "sliding": _sliding,
}


def more_lines(canvas: Canvas, verb: str, x: Array, y: Array, scale: Array, side: int) -> None:
    """What a comic would draw to say `verb`."""
    thin = np.full_like(scale, 0.025)
    if verb == "circling":
        for radius in (1.2, 1.45):
            ring(canvas, x, y, scale * radius, broken=True)
    elif verb == "zigzagging":
        for behind, above in ((1.35, -0.25), (1.7, 0.25), (2.05, -0.25)):
            bar(canvas, x - side * scale * behind, y + above * scale, thin, scale * 0.25)
    elif verb == "growing":
        for away in (-1.4, 1.4):
            bar(canvas, x + away * scale, y, scale * 0.25, thin)
            bar(canvas, x, y + away * scale, thin, scale * 0.25)
    elif verb == "shrinking":
        for radius in (1.35, 1.6):
            ring(canvas, x, y, scale * radius, broken=False)
    elif verb == "wobbling":
        for beside in (-0.7, 0.7):
            bar(canvas, x + beside * scale, y - 1.3 * scale, scale * 0.3, thin)
    else:
        bar(canvas, x - side * scale * 1.7, y + 0.9 * scale, scale * 0.6, thin)
