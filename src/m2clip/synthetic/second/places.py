"""Where things happen: a place with a horizon, what stands in the way, camera, light and noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2clip.synthetic.second.film import Array, Film, colour, grain, width_of
from m2clip.synthetic.second.words import PLACES

PLAIN, OUTLINED, DUSK = 0, 1, 2
MARGIN = 12
"""How far the camera may walk in each direction, in pixels."""
HAZE = np.array([0.62, 0.65, 0.68], np.float32)


@dataclass(frozen=True)
class Setting:
    """All that surrounds an action and says nothing about it."""

    background: str
    style: int
    length: int
    horizon: float
    shake: float
    gain: float
    brightness: float
    warmth: float
    noise: float
    fog: float
    clutter: int
    post: float
    bush: float
    cord: float
    seed: int
    height: int


def draw_setting(rng: np.random.Generator, style: int, length: int, shake: float, height: int) -> Setting:
    """Draw one; `shake` is how far the camera has walked by the end, in pixels (standard deviation)."""
    return Setting(
        background=str(rng.choice(list(PLACES))),
        style=style,
        length=length,
        horizon=rng.uniform(-0.25, 0.3),
        shake=shake * rng.uniform(0.5, 1.5),
        gain=(0.62 if style == DUSK else 1.0) + rng.normal() * 0.12,
        brightness=rng.normal() * 0.06,
        warmth=rng.normal() * 0.08,
        noise=(0.06 if style == DUSK else 0.03) * rng.uniform(0.7, 1.3),
        fog=rng.uniform(0.8, 1.0) if rng.random() < 0.35 else rng.uniform(0, 0.5),
        clutter=int(rng.integers(0, 4)),
        post=rng.uniform(-1.2, 1.2) if rng.random() < 0.4 else 9.0,
        bush=rng.uniform(-1.2, 1.2) if rng.random() < 0.4 else 9.0,
        cord=rng.uniform(-1.1, 1.1) if rng.random() < 0.25 else 9.0,
        seed=int(rng.integers(2**62)),
        height=height,
    )


def _soft(rng: np.random.Generator, height: int, width: int, cell: int) -> Array:
    """Value noise with bumps of about `cell` pixels, around zero."""
    grid = rng.random((height // cell + 2, width // cell + 2), np.float32) - np.float32(0.5)
    rows, columns = np.arange(height) / cell, np.arange(width) / cell
    down, across = (rows % 1).astype(np.float32)[:, None], (columns % 1).astype(np.float32)
    row, column = rows.astype(int), columns.astype(int)
    tall = grid[row] * (1 - down) + grid[row + 1] * down
    return tall[:, column] * (1 - across) + tall[:, column + 1] * across


Painter = Callable[[np.random.Generator, Array, Array, Array, Array, Array], Array]
"""From row and column, coarse and fine bumps, how far below the horizon, all `(H, W)`, to `(H, W, 3)`."""


def _sky(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    cloud = np.clip(coarse * 3 + rng.uniform(-0.3, 0.5), 0, 1)[..., None] * 0.8
    return colour(0.57 + rng.normal() * 0.03, rng.uniform(0.15, 0.5), 0.9) * (1 - cloud) + cloud * 0.95


def _sand(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    ripple = 0.85 + 0.08 * np.sin(y * 1.1 + 6 * coarse) + 0.3 * fine
    return colour(0.11 + rng.normal() * 0.02, rng.uniform(0.2, 0.45), 0.9) * ripple[..., None]


def _beach(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    sea = (
        colour(0.53 + rng.normal() * 0.03, 0.5, 0.7) * (0.9 + 0.15 * np.sin(y * 1.7 + 3 * coarse))[..., None]
    )
    far = (low < rng.uniform(0.15, 0.35))[..., None]
    return np.where(
        low[..., None] < 0, _sky(rng, y, x, coarse, fine), np.where(far, sea, _sand(rng, y, x, coarse, fine))
    )


def _desert(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    dune = low + 0.12 * np.sin(x * 0.09 + rng.uniform(0, 6)) * (1 + coarse)
    return np.where(dune[..., None] < 0, _sky(rng, y, x, coarse, fine), _sand(rng, y, x, coarse, fine))


def _snow(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    white = colour(0.58, rng.uniform(0.02, 0.12), 0.95) * (0.9 + 0.25 * coarse + 0.1 * fine)[..., None]
    hill = low + 0.12 * np.sin(x * 0.07 + rng.uniform(0, 6))
    return np.where(hill[..., None] < 0, _sky(rng, y, x, coarse, fine) * 0.9, white)


def _grass(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    blades = 0.78 + 0.12 * np.sin(x * 1.5 + fine * 6) + 0.5 * fine
    return colour(0.28 + rng.normal() * 0.025, rng.uniform(0.4, 0.75), 0.65) * blades[..., None]


def _park(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    hedge = colour(0.33, 0.6, 0.35) * (0.9 + 0.8 * fine)[..., None]
    above = np.where(
        (low > -rng.uniform(0.1, 0.35) - 0.4 * coarse)[..., None], hedge, _sky(rng, y, x, coarse, fine)
    )
    return np.where(low[..., None] < 0, above, _grass(rng, y, x, coarse, fine))


def _forest(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    trunk = np.clip(np.sin(x * rng.uniform(0.35, 0.6) + 3 * coarse) * 3 - 1.2, 0, 1)[..., None]
    leaves = colour(0.32 + rng.normal() * 0.02, 0.55, 0.4) * (0.8 + 0.9 * fine)[..., None]
    wood = leaves * (1 - trunk) + colour(0.08, 0.45, 0.3) * trunk
    return np.where(low[..., None] < 0, wood, 0.75 * _grass(rng, y, x, coarse, fine))


def _street(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    high = int(rng.integers(5, 9))
    row = y[:, :1]
    joint = ((row % high < 1.2) | ((x[:1] + (row // high) * high) % (2 * high) < 1.2))[..., None]
    brick = colour(0.03 + rng.normal() * 0.02, rng.uniform(0.2, 0.6), 0.6) * (0.95 + 0.4 * fine)[..., None]
    wall = np.where(joint, np.float32(0.7), brick)
    return np.where(low[..., None] < 0, wall, np.float32(0.45) * (1 + 0.35 * fine + 0.2 * coarse)[..., None])


def _kitchen(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    side = int(rng.integers(6, 10))
    joint = ((y[:, :1] % side < 1.2) | (x[:1] % side < 1.2))[..., None]
    wall = np.where(
        joint,
        np.float32(0.6),
        colour(rng.random(), rng.uniform(0.02, 0.25), 0.85) * (1 + 0.1 * fine)[..., None],
    )
    dark = (((low[:, :1] * 9).astype(int) + (x[:1] / (1.5 * side)).astype(int)) % 2)[..., None]
    return np.where(low[..., None] < 0, wall, colour(0.09, 0.15, 0.75) * (0.7 + 0.3 * dark))


def _library(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array, low: Array) -> Array:
    high, broad = int(rng.integers(11, 16)), rng.uniform(2.5, 4.5)
    row, column = y[:, :1].astype(int), (x[:1] / broad).astype(int)
    books = (((column * 7 + (row // high) * 5) % 11) / 11).astype(np.float32)
    shelf = (row % high < 2)[..., None]
    hue = np.stack(
        [0.35 + 0.4 * books, 0.3 + 0.3 * np.abs(books - 0.5), 0.25 + 0.3 * (1 - books)], -1
    ).astype(np.float32)
    wall = np.where(shelf, colour(0.07, 0.5, 0.35), hue)
    planks = 0.85 + 0.12 * np.sin(y * 1.3) + 0.2 * fine
    return np.where(
        low[..., None] < 0, wall, colour(0.08 + rng.normal() * 0.01, 0.5, 0.6) * planks[..., None]
    )


PAINTERS: dict[str, Painter] = {
    "beach": _beach, "desert": _desert, "snow": _snow, "park": _park,
    "forest": _forest, "street": _street, "kitchen": _kitchen, "library": _library,
}  # fmt: skip


def _backdrop(setting: Setting, rng: np.random.Generator) -> Array:
    """The empty place with its margin, `(H + 2 m, W + 2 m, 3)`."""
    height, width = setting.height + 2 * MARGIN, width_of(setting.height) + 2 * MARGIN
    y = np.arange(height, dtype=np.float32)[:, None] + np.zeros((1, width), np.float32)
    x = np.arange(width, dtype=np.float32)[None, :] + np.zeros((height, 1), np.float32)
    low = (y - (height - 1) / 2) / (setting.height / 2) - setting.horizon
    coarse, fine = _soft(rng, height, width, 16), _soft(rng, height, width, 4)
    wide = PAINTERS[setting.background](rng, y, x, coarse, fine, low).astype(np.float32)
    mist = colour(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.35, 0.95))
    wide += (mist - wide) * np.float32(setting.fog)
    steps = np.arange(-7, 8, dtype=np.float32)
    for _ in range(setting.clutter):
        row, column = rng.integers(7, height - 7), rng.integers(7, width - 7)
        across, down = np.abs(steps) / rng.uniform(2, 6), np.abs(steps)[:, None] / rng.uniform(2, 6)
        far = np.hypot(across, down) if rng.random() < 0.5 else np.maximum(across, down)
        under = wide[row - 7 : row + 8, column - 7 : column + 8]
        under += (rng.random(3, np.float32) - under) * (0.7 * np.clip(3 - 3 * far, 0, 1))[..., None]
    return wide


def begin(setting: Setting) -> tuple[Film, Array, Array]:
    """The empty place, and how far the camera moves what stands in it: `x`, `y`, each `(T,)`."""
    rng = np.random.default_rng(setting.seed)
    wide = _backdrop(setting, rng)
    height, width = setting.height, width_of(setting.height)
    steps = rng.normal(size=(2, setting.length)) * setting.shake / np.sqrt(setting.length)
    walk = np.clip(np.round(np.cumsum(steps, axis=1)), 1 - MARGIN, MARGIN - 1).astype(int)
    rows, columns = (walk + MARGIN).tolist()
    film = Film(np.stack([wide[b : b + height, a : a + width] for b, a in zip(rows, columns, strict=True)]))
    x, y = (-walk[1] / film.unit).astype(np.float32), (-walk[0] / film.unit).astype(np.float32)
    if setting.cord < 9:
        film.line(
            setting.cord + x,
            y - 2,
            setting.cord + x,
            y + rng.uniform(-0.6, 0.1),
            0.022,
            colour(0.1, 0.4, 0.5),
        )
    return film, x, y


def in_front(film: Film, setting: Setting, x: Array, y: Array) -> None:
    """What stands between the camera and the action: a post, a bush."""
    rng = np.random.default_rng(setting.seed + 2)
    near = np.float32(1.3)
    if setting.post < 9:
        film.slab(
            setting.post + near * x,
            0.0,
            rng.uniform(0.07, 0.15),
            2.0,
            colour(0.09, 0.25, rng.uniform(0.15, 0.5)),
        )
    if setting.bush < 9:
        green = colour(0.3 + rng.normal() * 0.03, 0.5, rng.uniform(0.2, 0.4))
        far: Array = np.full((1, 1, 1), 9, np.float32)
        for _ in range(5):
            at_x = (setting.bush + rng.normal() * 0.25 + near * x).reshape(-1, 1, 1).astype(np.float32)
            at_y = (1.0 - rng.uniform(0, 0.3) + near * y).reshape(-1, 1, 1).astype(np.float32)
            far = np.minimum(
                far, np.hypot(film.across - at_x, film.down - at_y) - np.float32(rng.uniform(0.14, 0.26))
            )
        film.fill(far, green, 1.0, soft=2)


def develop(film: Film, setting: Setting) -> NDArray[np.uint8]:
    """Light, blur (dusk) and noise; then bytes, `(T, H, W, 3)`."""
    pixels = film.pixels
    cast = np.array([1 + setting.warmth, 1, 1 - setting.warmth], np.float32) * np.float32(setting.gain)
    pixels *= cast
    pixels += np.float32(
        0.5 - 0.5 * setting.gain + setting.brightness - (0.15 if setting.style == DUSK else 0)
    )
    if setting.style == DUSK:
        pixels = pixels + np.roll(pixels, 1, 1)
        pixels = (pixels + np.roll(pixels, 1, 2)) * np.float32(0.25)
    rng = np.random.default_rng(setting.seed + 1)
    which, (top, left) = rng.permutation(64)[: setting.length], rng.integers(0, 16, 2)
    pixels += grain(film.height)[which, top : top + film.height, left : left + film.width] * np.float32(
        setting.noise
    )
    np.clip(pixels, 0, 1, out=pixels)
    return (pixels * np.float32(255) + np.float32(0.5)).astype(np.uint8)
