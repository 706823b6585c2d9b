"""The backgrounds that the larger world has besides."""

import numpy as np

from m2clip.synthetic.canvas import Array, hsv


def _snow(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    return hsv(0.58, 0.06 + 0.03 * rng.random(), 0.95) * (0.95 + 0.25 * coarse + 0.1 * fine)


def _tiles(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    side = int(rng.integers(10, 15))
    light = ((y // side + x // side) % 2).astype(np.float32)
    return hsv(0.4 + rng.normal() * 0.01, 0.25, 0.8) * (0.65 + 0.35 * light + 0.15 * fine)


def _stripes(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    broad = int(rng.integers(6, 10))
    dark = ((x + 0 * y) // broad % 2).astype(np.float32)
    return hsv(0.88 + rng.normal() * 0.01, 0.35, 0.85) * (1 - 0.35 * dark + 0.15 * fine)


MORE_PAINTERS = {"snow": _snow, "tiles": _tiles, "stripes": _stripes}
