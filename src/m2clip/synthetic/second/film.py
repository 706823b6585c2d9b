"""Frames while they are drawn, and how a thing is put on them: turned, stretched, blurred by its own motion.

Lengths are in halves of a frame's height; the origin is the middle of the frame, x to the right, y down.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2clip.seeds import generator

Array = NDArray[Any]
"""Floats, 32 bits wherever there are many of them."""

GRID, EXTENT = 56, 1.2
"""Texels along a side of a sprite, and how far it reaches from its centre in its own coordinates."""
SHOTS = np.array([-0.375, -0.125, 0.125, 0.375], np.float32)
"""A frame is the mean of four exposures, at these shares of the shutter's time around its moment."""
JITTER = np.array([(0.125, -0.375), (-0.375, -0.125), (0.375, 0.125), (-0.125, 0.375)], np.float32)
"""By how much of a pixel each exposure is shifted, so that edges are smooth where nothing moves."""


@dataclass(frozen=True)
class Pose:
    """Where a thing is, how broad and high, and how it leans, at each exposure: all `(T, S)`."""

    x: Array
    y: Array
    broad: Array
    high: Array
    angle: Array


def width_of(height: int) -> int:
    """A frame is five quarters as wide as it is high."""
    return height * 5 // 4


def exposures(time: Array, shutter: float) -> Array:
    """The moments `(T, S)` that the frames at these times `(T,)` are made of."""
    return (time[:, None] + np.float32(shutter) * SHOTS).astype(np.float32)


class Film:
    """Frames `pixels (T, H, W, 3)` float32, 0 to 1."""

    def __init__(self, pixels: Array) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[1:3]
        self.unit = np.float32(self.height / 2)
        self.across = (np.arange(self.width, dtype=np.float32) - (self.width - 1) / 2)[None, None] / self.unit
        self.down = (np.arange(self.height, dtype=np.float32) - (self.height - 1) / 2)[
            None, :, None
        ] / self.unit

    def sprite(self, texels: Array, pose: Pose, haze: Array | None = None) -> None:
        """Draw `texels (GRID * GRID, 4)`, colour times coverage and coverage; haze is mixed in by half."""
        x, y = pose.x * self.unit + (self.width - 1) / 2, pose.y * self.unit + (self.height - 1) / 2
        size = float(max(np.abs(pose.broad).max(), np.abs(pose.high).max())) * EXTENT
        moved = float(max(np.ptp(x, axis=1).max(), np.ptp(y, axis=1).max())) / 2
        half = int(np.ceil(size * self.unit * 1.05 + moved)) + 1
        left = np.floor(x.mean(1)).astype(int) - half
        top = np.floor(y.mean(1)).astype(int) - half
        steps = np.arange(2 * half + 2, dtype=np.float32)
        total = np.zeros((len(x), len(steps) * len(steps), 4), np.float32)
        for shot in range(x.shape[1]):
            dx = (left - x[:, shot] + JITTER[shot, 0])[:, None] + steps
            dy = (top - y[:, shot] + JITTER[shot, 1])[:, None] + steps
            total += texels[self._texel(pose, shot, dx, dy)]
        total *= np.float32(1 / x.shape[1])
        if haze is not None:
            total[..., :3] += 0.5 * (total[..., 3:] * haze - total[..., :3])
        self._stamp(total.reshape(len(x), len(steps), len(steps), 4), left, top)

    def _texel(self, pose: Pose, shot: int, dx: Array, dy: Array) -> NDArray[np.int32]:
        """Which texel each pixel of the window shows, `(T, K * K)`."""
        scale = np.float32(GRID / (2 * EXTENT)) / self.unit
        cos, sin = np.cos(pose.angle[:, shot]) * scale, np.sin(pose.angle[:, shot]) * scale
        broad, high = pose.broad[:, shot], pose.high[:, shot]
        u = (dx * (cos / broad)[:, None])[:, None, :] + (dy * (sin / broad)[:, None])[:, :, None]
        v = (dy * (cos / high)[:, None])[:, :, None] - (dx * (sin / high)[:, None])[:, None, :]
        column = np.clip(u + np.float32(GRID / 2), 0, GRID - 1).astype(np.int32)
        row = np.clip(v + np.float32(GRID / 2), 0, GRID - 1).astype(np.int32)
        return (row * GRID + column).reshape(len(dx), -1)

    def _stamp(self, painted: Array, left: NDArray[np.int64], top: NDArray[np.int64]) -> None:
        size = painted.shape[1]
        for t, (x, y) in enumerate(zip(left.tolist(), top.tolist(), strict=True)):
            x0, x1, y0, y1 = max(x, 0), min(x + size, self.width), max(y, 0), min(y + size, self.height)
            if x0 < x1 and y0 < y1:
                part = painted[t, y0 - y : y1 - y, x0 - x : x1 - x]
                under = self.pixels[t, y0:y1, x0:x1]
                under *= 1 - part[..., 3:]
                under += part[..., :3]

    def fill(
        self, distance: Array, colour: Array | float, alpha: Array | float = 1.0, soft: float = 1.0
    ) -> None:
        """Paint where a signed distance `(T or 1, H, W)` is negative, with an edge `soft` pixels broad."""
        tint = np.asarray(colour, np.float32)
        cover = np.clip(np.float32(0.5) - distance * (self.unit / np.float32(soft)), 0, 1)
        cover = cover * np.asarray(alpha, np.float32).reshape(-1, 1, 1)
        rows = np.flatnonzero(cover.any(axis=(0, 2)))
        columns = np.flatnonzero(cover.any(axis=(0, 1)))
        if len(rows) and len(columns):
            inside = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            under = self.pixels[:, inside[0], inside[1]]
            under += (tint - under) * cover[:, inside[0], inside[1], None]

    def line(self, x0: Array, y0: Array, x1: Array, y1: Array, half: float, colour: Array) -> None:
        """A bar with round ends from one point of each frame to another, each `(T,)`; `half` as broad."""
        ax, ay, bx, by = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (x0, y0, x1, y1))
        along_x, along_y = bx - ax, by - ay
        dx, dy = self.across - ax, self.down - ay
        at = np.clip((dx * along_x + dy * along_y) / (along_x**2 + along_y**2 + 1e-6), 0, 1)
        self.fill(np.hypot(dx - at * along_x, dy - at * along_y) - np.float32(half), colour)

    def slab(self, x: Array | float, y: Array | float, broad: float, high: float, colour: Array) -> None:
        """A rectangle around a point of each frame, half as broad and high as said."""
        at_x, at_y = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (x, y))
        self.fill(np.maximum(np.abs(self.across - at_x) - broad, np.abs(self.down - at_y) - high), colour)

    def shadow(self, x: Array, y: Array, broad: Array) -> None:
        """What a thing above the ground darkens: a flat ellipse, soft at its edge."""
        at_x, at_y, size = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (x, y, broad))
        far = np.hypot((self.across - at_x) / size, (self.down - at_y) / (0.28 * size))
        self.fill((far - 1) * 0.3, 0.05, 0.45, soft=10)


def colour(hue: float, saturation: float, value: float) -> Array:
    """Red, green and blue `(3,)` from hue, saturation and value."""
    sector = np.abs((hue % 1) * 6 - np.array([3, 2, 4])) * np.array([1, -1, -1]) + np.array([-1, 2, 2])
    return (value * (1 - saturation * (1 - np.clip(sector, 0, 1)))).astype(np.float32)


@cache
def grain(height: int) -> Array:
    """Unit noise, `(64, H + 16, W + 16, 3)`, of which every video takes its own sequence of crops."""
    rng = generator("second", "grain")
    return rng.standard_normal((64, height + 16, width_of(height) + 16, 3), np.float32)
