"""The ten objects of the small world: a signed distance field, two colours and a texture each."""

from dataclasses import dataclass

import numpy as np

from m2clip.synthetic.canvas import Array, Canvas, Window, column, hsv
from m2clip.synthetic.kinds import Kind
from m2clip.synthetic.more_objects import MORE_KINDS

EXTENT = 1.2
"""No object reaches further than this from its centre, in its own coordinates."""


def _star(u: Array, v: Array) -> Array:
    return (np.hypot(u, v) - (0.72 + 0.33 * np.cos(5 * np.arctan2(u, -v)))) * 0.75


def _leaf(u: Array, v: Array) -> Array:
    return np.hypot(np.abs(u) + 0.55, v) - 1.12


def _fish(u: Array, v: Array) -> Array:
    body = np.hypot(u - 0.15, v / 0.6) * 0.8 - 0.65
    tail = np.maximum(np.abs(v) + (u + 0.45) * 0.9, np.maximum(-u - 1.1, u + 0.3))
    return np.minimum(body, tail)


def _cup(u: Array, v: Array) -> Array:
    body = np.maximum(np.abs(u + 0.12) - (0.62 - 0.12 * v), np.abs(v) - 0.8)
    return np.minimum(body, np.abs(np.hypot(u - 0.6, v) - 0.32) - 0.11)


def _kite(u: Array, v: Array) -> Array:
    w = v + 0.1
    return (np.abs(u) * 1.25 + np.abs(w) * np.where(w < 0, 1.3, 0.85) - 0.95) * 0.7


def _wheel(u: Array, v: Array) -> Array:
    radius = np.hypot(u, v)
    spokes = np.maximum(np.minimum(np.abs(u), np.abs(v)) - 0.11, radius - 0.8)
    return np.minimum(np.abs(radius - 0.78) - 0.17, spokes)


def _heart(u: Array, v: Array) -> Array:
    x, y = np.abs(u) / 1.7, 0.55 - v / 1.7
    lobe = np.hypot(x - 0.25, y - 0.75) - 0.25 * np.sqrt(2)
    along = np.maximum(x + y, 0) / 2
    wedge = np.minimum(np.hypot(x, y - 1), np.hypot(x - along, y - along)) * np.sign(x - y)
    return np.where(x + y > 1, lobe, wedge) * np.float32(1.7)


KINDS: dict[str, Kind] = {
    "ball": Kind(
        lambda u, v: np.hypot(u, v) - 0.9,
        ((0.99, 0.85, 0.9), (0.0, 0.0, 0.97)),
        lambda u, v, _: np.abs(v) < 0.28,
    ),
    "box": Kind(
        lambda u, v: np.maximum(np.abs(u), np.abs(v)) - 0.8,
        ((0.08, 0.75, 0.55), (0.09, 0.5, 0.85)),
        lambda u, v, _: np.minimum(np.abs(u), np.abs(v)) < 0.15,
    ),
    "star": Kind(_star, ((0.15, 0.9, 1.0), (0.13, 0.95, 0.85)), lambda u, v, _: np.hypot(u, v) < 0.35),
    "leaf": Kind(
        _leaf,
        ((0.33, 0.85, 0.6), (0.28, 0.5, 0.9)),
        lambda u, v, _: 0.9 * (np.abs(u) < 0.07) + 0.4 * (np.sin(8 * (v + np.abs(u))) > 0.5),
    ),
    "fish": Kind(_fish, ((0.06, 0.95, 1.0), (0.0, 0.0, 0.15)), lambda u, v, _: np.sin(9 * u) > 0.55),
    "cup": Kind(
        _cup,
        ((0.61, 0.85, 0.85), (0.58, 0.15, 1.0)),
        lambda u, v, phase: np.sin(7 * u + phase) * np.sin(7 * v) > 0.35,
    ),
    "moon": Kind(
        lambda u, v: np.maximum(np.hypot(u, v) - 0.95, 0.78 - np.hypot(u - 0.45, v + 0.1)),
        ((0.16, 0.12, 0.95), (0.0, 0.0, 0.68)),
        lambda u, v, _: (np.hypot(u + 0.55, v - 0.2) < 0.18) | (np.hypot(u + 0.35, v + 0.55) < 0.14),
    ),
    "kite": Kind(_kite, ((0.78, 0.75, 0.75), (0.47, 0.8, 0.85)), lambda u, v, _: u * (v + 0.1) > 0),
    "wheel": Kind(_wheel, ((0.0, 0.0, 0.12), (0.0, 0.0, 0.6)), lambda u, v, _: np.hypot(u, v) < 0.25),
    "heart": Kind(
        _heart,
        ((0.92, 0.65, 1.0), (0.92, 0.35, 1.0)),
        lambda u, v, _: np.hypot(u + 0.4, v + 0.3) < 0.2,
    ),
    **MORE_KINDS,
}


@dataclass(frozen=True)
class Look:
    """One specimen of an object: its own tints, and whether it has a dark outline."""

    name: str
    base: Array
    mark: Array
    phase: float
    outlined: bool

    def distance(self, window: Window, angle: Array, scale: Array) -> Array:
        """Signed distance to the outline in the object's own coordinates."""
        return KINDS[self.name].outline(*window.turned(angle, scale))


def look(name: str, rng: np.random.Generator, outlined: bool) -> Look:
    """Draw a specimen; outlined ones have paler colours too."""
    tints = []
    for hue, saturation, value in KINDS[name].colours:
        shift = rng.normal(size=3) * (0.018, 0.08, 0.05)
        pale = 0.75 if outlined else 1.0
        strength = np.clip(saturation * (1 + shift[1]) * pale, 0, 1)
        tints.append(hsv(hue + shift[0], strength, np.clip(value + shift[2], 0.05, 1)))
    return Look(name, tints[0], tints[1], rng.uniform(0, 6.0), outlined)


def draw_object(
    canvas: Canvas,
    specimen: Look,
    x: Array,
    y: Array,
    scale: Array,
    angle: Array,
    *,
    alpha: Array | float = 1.0,
    squash: Array | float = 1.0,
    cracked: bool = False,
) -> None:
    """Draw a specimen at its place in each frame; `squash` flattens it, as folding does."""
    window = canvas.around(x, y, EXTENT * float(scale.max()))
    u, v = window.turned(angle, scale)
    v = v / column(squash)
    distance = KINDS[specimen.name].outline(u, v) * column(scale * np.float32(canvas.unit))
    shown = np.clip(0.5 - distance, 0, 1) * column(alpha)
    mark = KINDS[specimen.name].texture(u, v, specimen.phase).astype(np.float32)
    if specimen.outlined:
        shade = np.where(distance > -canvas.unit / 16, np.float32(0.15), np.float32(1))
    else:
        shade = np.ones((), np.float32)
    if cracked:
        zigzag = u + 0.3 * np.abs((v * 2.3 + specimen.phase) % 2 - 1) - 0.15
        shade = shade * np.where(np.abs(zigzag) < 0.13, np.float32(0.05), np.float32(1))
        shown = shown * (1 - 0.9 * (np.abs(v - 0.5 * u + 0.1) < 0.06))
    colours = specimen.base + (specimen.mark - specimen.base) * mark[:, None]
    canvas.blend(window, colours * (shade[:, None] if shade.ndim else shade), shown)
