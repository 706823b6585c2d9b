"""Where things happen: background, clutter, camera, light and noise, in three rendering styles."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from m2clip.seeds import generator
from m2clip.synthetic.canvas import Array, Canvas, hsv, width_of
from m2clip.synthetic.more_scenes import MORE_PAINTERS
from m2clip.synthetic.worlds import BACKGROUNDS, SMALL, World

PLAIN, OUTLINED, DARK = 0, 1, 2
DETAIL = 64
"""The height, in pixels, for which lengths in pixels are given below; taller frames have them longer."""
MARGIN = 16
"""How far the camera may walk in each direction."""


@dataclass(frozen=True)
class Scene:
    """All that surrounds an action and says nothing about it."""

    background: str
    style: int
    length: int
    shake: float
    gain: float
    brightness: float
    noise: float
    clutter: int
    seed: int
    height: int


def draw_scene(
    rng: np.random.Generator, style: int, length: int, shake: float, world: World = SMALL
) -> Scene:
    """Draw a scene; `shake` is how far the camera has walked by the end, in pixels (standard deviation)."""
    return Scene(
        background=str(rng.choice(list(world.backgrounds))),
        style=style,
        length=length,
        shake=shake * rng.uniform(0.6, 1.4),
        gain=(0.72 if style == DARK else 1.0) + rng.normal() * 0.12,
        brightness=rng.normal() * 0.05,
        noise=(0.07 if style == DARK else 0.03) * rng.uniform(0.7, 1.3),
        clutter=int(rng.integers(1, 4)),
        seed=int(rng.integers(2**62)),
        height=world.height,
    )


def _soft(rng: np.random.Generator, height: int, width: int, cell: int) -> Array:
    """Value noise with bumps of about `cell` pixels, around zero."""
    grid = rng.random((height // cell + 2, width // cell + 2), np.float32) - np.float32(0.5)

    def stretch(size: int) -> tuple[NDArray[np.int64], Array]:
        at = np.arange(size) / cell
        return at.astype(int), (at % 1).astype(np.float32)

    row, down = stretch(height)
    column, across = stretch(width)
    tall = grid[row] * (1 - down)[:, None] + grid[row + 1] * down[:, None]
    return tall[:, column] * (1 - across) + tall[:, column + 1] * across


def _sky(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    cloud = np.clip(coarse * 3 + 0.2, 0, 1) * 0.8
    return hsv(0.55 + rng.normal() * 0.015, 0.5, 0.9) * (1 - cloud) + cloud


def _grass(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    blades = 0.75 + 0.14 * np.sin(x * 1.5 + fine * 6) + fine * 0.5
    return hsv(0.29 + rng.normal() * 0.015, 0.7, 0.65) * blades


def _sand(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    grain = rng.random(coarse.shape, np.float32) - 0.5
    return hsv(0.11 + rng.normal() * 0.01, 0.42, 0.85) * (0.9 + 0.35 * grain + 0.3 * coarse)


def _brick(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    high = int(rng.integers(8, 12))
    joint = (y % high < 1.5) | ((x + (y // high) * high) % (2 * high) < 1.5)
    return np.where(joint, np.float32(0.7), hsv(0.02, 0.6, 0.55) * (0.95 + 0.4 * fine))


def _water(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    waves = np.sin(y * 0.6 + 4 * coarse + rng.uniform(0, 6))
    return hsv(0.5 + rng.normal() * 0.015, 0.65, 0.6) * (0.85 + 0.35 * waves + 0.2 * fine)


def _night(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    dark = hsv(0.67, 0.6, 0.16) * (1 + coarse)
    dark[:, rng.integers(0, y.shape[0], 40), rng.integers(0, x.shape[1], 40)] = 0.9
    return dark


def _wood(rng: np.random.Generator, y: Array, x: Array, coarse: Array, fine: Array) -> Array:
    return hsv(0.07 + rng.normal() * 0.008, 0.5, 0.6) * (
        0.9 + 0.3 * np.sin(x * 0.5 + 5 * coarse) + 0.25 * fine
    )


_PAINTERS = MORE_PAINTERS | dict(
    zip(BACKGROUNDS, (_sky, _grass, _sand, _brick, _water, _night, _wood), strict=True)
)


def backdrop(scene: Scene) -> tuple[Canvas, Array, Array]:
    """The empty scene, and how far the camera's walk moves what stands in it: `x`, `y`, each `(T,)`."""
    rng = np.random.default_rng(scene.seed)
    long = scene.height / DETAIL
    margin, cells, most = (round(long * size) for size in (MARGIN, 4, 9))
    inner, broadest = scene.height, width_of(scene.height)
    height, width = inner + 2 * margin, broadest + 2 * margin
    y = (np.arange(height, dtype=np.float32) / np.float32(long))[:, None]
    x = (np.arange(width, dtype=np.float32) / np.float32(long))[None, :]
    coarse, fine = _soft(rng, height, width, 4 * cells), _soft(rng, height, width, cells)
    wide = _PAINTERS[scene.background](rng, y, x, coarse, fine).astype(np.float32)
    for _ in range(scene.clutter):
        high, broad = rng.integers(cells, most, 2)
        top, left = rng.integers(0, height - most), rng.integers(0, width - most)
        patch = wide[:, top : top + high, left : left + broad]
        patch *= 0.35
        patch += 0.65 * rng.random((3, 1, 1), np.float32)
    steps = rng.normal(size=(2, scene.length)) * scene.shake * long / np.sqrt(scene.length)
    walk = np.clip(np.round(np.cumsum(steps, axis=1)), 2 - margin, margin - 2).astype(int)
    down, across = walk + margin
    views = [
        wide[:, b : b + inner, a : a + broadest] for b, a in zip(down.tolist(), across.tolist(), strict=True)
    ]
    canvas = Canvas(np.stack(views))
    return canvas, (-walk[1] / canvas.unit).astype(np.float32), (-walk[0] / canvas.unit).astype(np.float32)


@cache
def _grain(height: int) -> Array:
    """Unit noise, `(64, 3, H + 16, W + 16)`, of which every clip takes its own sequence of crops."""
    rng = generator("standin", "grain")
    return rng.standard_normal((64, 3, height + 16, width_of(height) + 16), np.float32)


def develop(canvas: Canvas, scene: Scene) -> NDArray[np.uint8]:
    """Light, blur (dark style) and noise; then bytes, `(T, H, W, 3)`."""
    pixels = canvas.pixels
    pixels *= np.float32(scene.gain)
    pixels += np.float32(0.5 - 0.5 * scene.gain + scene.brightness)
    if scene.style == DARK:
        pixels = pixels + np.roll(pixels, 1, 2)
        pixels = (pixels + np.roll(pixels, 1, 3)) * np.float32(0.25)
    rng = np.random.default_rng(scene.seed + 1)
    which = rng.permutation(64)[: scene.length]
    top, left = rng.integers(0, 16, 2)
    pixels += _grain(canvas.height)[
        which, :, top : top + canvas.height, left : left + canvas.width
    ] * np.float32(scene.noise)
    np.clip(pixels, 0, 1, out=pixels)
    pixels *= 255
    return np.ascontiguousarray((pixels + np.float32(0.5)).astype(np.uint8).transpose(0, 2, 3, 1))
