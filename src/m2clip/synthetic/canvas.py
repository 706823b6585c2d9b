"""Pixels of a clip, and the windows through which things are drawn on them.

Lengths are in halves of a frame's height; the origin is the middle of the frame, x to the right, y down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Floats, 32 bits wherever there are many of them."""
Distance = Callable[[Array, Array], Array]


def column(values: Array | float) -> Array:
    """`(T,)` or a number, shaped to broadcast against `(T, K, K)`."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)


@dataclass(frozen=True)
class Window:
    """A square of K pixels that follows a point; `x (T, 1, K)` and `y (T, K, 1)` are offsets from it."""

    left: NDArray[np.int64]
    top: NDArray[np.int64]
    x: Array
    y: Array

    def turned(self, angle: Array, scale: Array) -> tuple[Array, Array]:
        """The window's pixels in the coordinates of a thing of this angle and scale, both `(T, K, K)`."""
        cos, sin = column(np.cos(angle) / scale), column(np.sin(angle) / scale)
        return self.x * cos + self.y * sin, self.y * cos - self.x * sin


def width_of(height: int) -> int:
    """A frame is five quarters as wide as it is high."""
    return height * 5 // 4


def cover(distance: Array, unit: float) -> Array:
    """How much of each pixel lies inside, from a signed distance in frame units of so many pixels."""
    return np.clip(0.5 - distance * np.float32(unit), 0, 1)


class Canvas:
    """Frames while they are drawn: `pixels (T, 3, H, W)` float32, 0 to 1; `unit` is half of H."""

    def __init__(self, pixels: Array) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[2:]
        self.unit = self.height / 2

    def around(self, x: Array, y: Array, reach: float) -> Window:
        """A window that holds everything nearer than `reach` to the point `(x, y)` of each frame."""
        half = int(np.ceil(reach * self.unit)) + 1
        column_at = x * self.unit + (self.width - 1) / 2
        row_at = y * self.unit + (self.height - 1) / 2
        left, top = np.floor(column_at).astype(int) - half, np.floor(row_at).astype(int) - half
        steps = np.arange(2 * half + 2)
        across = (left[:, None] + steps - column_at[:, None]) / self.unit
        down = (top[:, None] + steps - row_at[:, None]) / self.unit
        return Window(left, top, across[:, None, :].astype(np.float32), down[:, :, None].astype(np.float32))

    def blend(self, window: Window, colour: Array, alpha: Array) -> None:
        """Mix in `colour`, `(3, 1, 1)` or `(T, 3, K, K)`, by `alpha (T, K, K)`."""
        size = alpha.shape[-1]
        for t, (left, top) in enumerate(zip(window.left.tolist(), window.top.tolist(), strict=True)):
            x0, x1 = max(left, 0), min(left + size, self.width)
            y0, y1 = max(top, 0), min(top + size, self.height)
            if x0 >= x1 or y0 >= y1:
                continue
            inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            paint = colour if colour.ndim == 3 else colour[t][:, inside[0], inside[1]]
            under = self.pixels[t, :, y0:y1, x0:x1]
            under += (paint - under) * alpha[t][inside]

    def shape(
        self, x: Array, y: Array, reach: float, colour: Array, alpha: Array | float, form: Distance
    ) -> None:
        """Draw what `form(dx, dy)` (a signed distance) encloses, in one colour."""
        window = self.around(x, y, reach)
        self.blend(window, colour, cover(form(window.x, window.y), self.unit) * column(alpha))


def paint(red: float, green: float, blue: float) -> Array:
    """A colour as `Canvas.blend` takes it."""
    return np.array([red, green, blue], np.float32).reshape(3, 1, 1)


def hsv(hue: float, saturation: float, value: float) -> Array:
    """A colour from hue, saturation and value."""
    sector = np.abs((hue % 1) * 6 - np.array([3, 2, 4])) * np.array([1, -1, -1]) + np.array([-1, 2, 2])
    mixed = 1 - saturation * (1 - np.clip(sector, 0, 1))
    return (value * mixed).astype(np.float32).reshape(3, 1, 1)
