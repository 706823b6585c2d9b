"""The twenty objects: each a few coloured parts, given by signed distances in its own coordinates.

Six hues serve all of them, and one specimen in four has any hue: colour alone tells no object. All stand on
v = 0.9.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from m2clip.synthetic.second.film import EXTENT, GRID, Array, colour

Part = tuple[str, Array]
"""Which colour (base, dark, light, mark), and the signed distance where it shows, `(GRID, GRID)`."""

_AT = ((np.arange(GRID, dtype=np.float32) + 0.5) / GRID * 2 - 1) * np.float32(EXTENT)
U, V = _AT[None, :] + 0 * _AT[:, None], _AT[:, None] + 0 * _AT[None, :]


def disc(u: float, v: float, radius: float) -> Array:
    """A full circle."""
    return np.hypot(U - u, V - v) - radius


def ring(u: float, v: float, radius: float, half: float) -> Array:
    """A circle's line, `half` as thick on either side."""
    return np.abs(np.hypot(U - u, V - v) - radius) - half


def block(u: float, v: float, broad: float, high: float) -> Array:
    """A rectangle, half as broad and high as said."""
    return np.maximum(np.abs(U - u) - broad, np.abs(V - v) - high)


def taper(above: float, below: float, top: float, bottom: float, u: float = 0.0) -> Array:
    """A body from v = top to v = bottom whose half breadth goes from `above` to `below`."""
    share = np.clip((V - top) / (bottom - top), 0, 1)
    return np.maximum(np.abs(U - u) - (above + (below - above) * share), np.maximum(top - V, V - bottom))


def bar(u0: float, v0: float, u1: float, v1: float, half: float) -> Array:
    """A line with round ends."""
    au, av = u1 - u0, v1 - v0
    at = np.clip(((U - u0) * au + (V - v0) * av) / (au * au + av * av), 0, 1)
    return np.hypot(U - u0 - at * au, V - v0 - at * av) - half


def _inside(*fields: Array) -> Array:
    return np.maximum.reduce(fields)


def _petals(count: int, radius: float, depth: float) -> Array:
    return (np.hypot(U, V) - (radius + depth * np.cos(count * np.arctan2(U, -V)))) * 0.7


def _leaf() -> list[Part]:
    blade = np.hypot(np.abs(U) + 0.5, V * 1.05 - 0.05) - 1.08
    return [("base", blade), ("dark", _inside(blade, np.abs(U) - 0.06)), ("dark", bar(0, 0.7, 0, 0.9, 0.08))]


def _kite() -> list[Part]:
    whole = (np.abs(U) * 1.3 + np.abs(V + 0.15) * np.where(V < -0.15, 1.25, 0.9) - 0.92) * 0.7
    return [
        ("base", whole),
        ("mark", _inside(whole, -U * (V + 0.15))),
        ("dark", _inside(whole, np.abs(U) - 0.05)),
    ]


def _fish() -> list[Part]:
    low = V - 0.4
    body = np.hypot(U - 0.12, low / 0.62) * 0.85 - 0.66
    tail = _inside(np.abs(low) + (U + 0.4) * 0.95, np.abs(U + 0.68) - 0.32)
    return [
        ("mark", tail), ("base", body), ("mark", _inside(body, np.abs(U + 0.05) - 0.08)),
        ("dark", disc(0.5, 0.25, 0.11)),
    ]  # fmt: skip


def _round(marks: list[Part]) -> list[Part]:
    return [("base", disc(0, 0, 0.9)), *marks]


def _handled(body: Array, handle: Array, marks: list[Part]) -> list[Part]:
    return [("base", handle), ("base", body), *marks]


THINGS: dict[str, Callable[[], list[Part]]] = {
    "ball": lambda: _round([
        ("mark", _inside(disc(0, 0, 0.9), np.abs(U * 0.4 + V) - 0.22)), ("light", disc(-0.35, -0.5, 0.14))]),
    "wheel": lambda: [
        ("dark", ring(0, 0, 0.76, 0.15)),
        ("base", _inside(np.minimum(block(0, 0, 0.1, 0.7), block(0, 0, 0.7, 0.1)))),
        ("mark", disc(0, 0, 0.22))],
    "clock": lambda: _round([
        ("light", disc(0, 0, 0.7)), ("dark", bar(0, 0, 0, -0.55, 0.07)),
        ("dark", bar(0, 0, 0.38, 0.1, 0.07))]),
    "coin": lambda: _round([("dark", ring(0, 0, 0.68, 0.05)), ("mark", block(0, 0, 0.14, 0.4))]),
    "donut": lambda: [
        ("base", ring(0, 0, 0.6, 0.3)), ("mark", _inside(ring(0, 0, 0.58, 0.18), -V - 0.1)),
        ("light", disc(-0.45, -0.35, 0.08)), ("light", disc(0.4, -0.4, 0.08))],
    "cup": lambda: _handled(
        taper(0.68, 0.5, -0.55, 0.9, -0.15), ring(0.55, 0.1, 0.32, 0.1),
        [("mark", block(-0.15, 0.15, 0.57, 0.16))]),
    "jug": lambda: _handled(
        taper(0.42, 0.62, -0.85, 0.9, -0.12), ring(0.5, 0.0, 0.42, 0.1),
        [("base", bar(-0.45, -0.72, -0.72, -0.85, 0.12)), ("mark", block(-0.12, 0.45, 0.55, 0.14))]),
    "teapot": lambda: _handled(
        np.hypot(U * 0.95, (V - 0.3)) - 0.6, ring(0.62, 0.25, 0.28, 0.09),
        [("base", bar(-0.5, 0.4, -0.98, -0.1, 0.12)), ("mark", taper(0.15, 0.4, -0.5, -0.25)),
         ("dark", disc(0, -0.55, 0.12))]),
    "bucket": lambda: _handled(
        taper(0.72, 0.5, -0.25, 0.9), _inside(ring(0, -0.25, 0.62, 0.07), V + 0.2),
        [("mark", block(0, -0.15, 0.72, 0.1))]),
    "bottle": lambda: [
        ("base", block(0, 0.35, 0.42, 0.55)), ("base", taper(0.16, 0.42, -0.45, -0.18)),
        ("base", block(0, -0.6, 0.16, 0.3)),
        ("dark", block(0, -0.88, 0.2, 0.1)), ("light", block(0, 0.4, 0.42, 0.22))],
    "vase": lambda: [
        ("base", np.abs(U) - (0.36 + 0.26 * np.sin(V * 2.6 + 0.4)) + np.maximum(np.abs(V) - 0.9, 0) * 5),
        ("mark", _inside(np.abs(V - 0.1) - 0.1, np.abs(U) - 0.5)), ("dark", block(0, -0.84, 0.36, 0.07))],
    "lamp": lambda: [
        ("dark", block(0, 0.3, 0.08, 0.55)), ("dark", block(0, 0.82, 0.4, 0.09)),
        ("base", taper(0.3, 0.72, -0.9, -0.05)),
        ("mark", block(0, -0.12, 0.68, 0.08))],
    "lantern": lambda: [
        ("dark", ring(0, -0.75, 0.18, 0.06)), ("base", block(0, 0.15, 0.56, 0.75)),
        ("light", block(0, 0.15, 0.36, 0.5)),
        ("dark", block(0, 0.15, 0.05, 0.75)), ("dark", block(0, -0.55, 0.5, 0.08))],
    "box": lambda: [
        ("base", block(0, 0.05, 0.8, 0.85)), ("mark", block(0, 0.05, 0.13, 0.85)),
        ("dark", block(0, -0.45, 0.8, 0.07))],
    "drum": lambda: [
        ("base", block(0, 0.15, 0.75, 0.7)), ("light", np.hypot(U / 0.75, (V + 0.5) / 0.28) * 0.3 - 0.3),
        ("mark", _inside(np.abs(np.abs((U * 2.7) % 2 - 1) * 0.9 - 0.25 - V) - 0.1, block(0, 0.2, 0.75, 0.5))),
        ("dark", block(0, 0.82, 0.75, 0.08))],
    "star": lambda: [
        ("base", (np.hypot(U, V) - (0.66 + 0.3 * np.cos(5 * np.arctan2(U, -V)))) * 0.7),
        ("mark", disc(0.1, 0.1, 0.25))],
    "flower": lambda: [
        ("base", _petals(6, 0.68, 0.24)), ("mark", disc(0, 0, 0.34)), ("dark", disc(0.45, -0.4, 0.12))],
    "fish": _fish,
    "leaf": _leaf,
    "kite": _kite,
}  # fmt: skip

THINGS_AND_HAND = THINGS | {
    "hand": lambda: [
        ("base", bar(0.15, -0.45, 0.8, -1.2, 0.34)), ("base", np.hypot(U, (V + 0.15) * 0.9) - 0.5),
        ("base", bar(-0.35, 0.0, -0.5, 0.62, 0.17)), ("base", bar(0.0, 0.1, -0.08, 0.8, 0.17)),
        ("base", bar(0.33, 0.0, 0.36, 0.66, 0.17)), ("dark", bar(-0.2, 0.12, -0.25, 0.5, 0.04)),
        ("dark", bar(0.17, 0.12, 0.15, 0.5, 0.04)),
    ]
}  # fmt: skip


def colours(thing: str, rng: np.random.Generator, pale: bool) -> dict[str, Array]:
    """A specimen's four colours: for three in four of those that its object mostly has."""
    place, usual = tuple(THINGS).index(thing), rng.random() > PAINTED
    shift = rng.normal(size=2) * 0.035
    hue = HUES[place % 6] + shift[0] if usual else rng.random()
    other = HUES[(place + place // 6 + 2) % 6] + shift[1] if usual else rng.random()
    value, saturation = rng.uniform(0.5, 0.95), rng.uniform(0.45, 0.95) * (0.7 if pale else 1)
    return {
        "base": colour(hue, saturation, value),
        "dark": colour(hue + rng.normal() * 0.05, saturation, 0.35 * value),
        "light": colour(hue, 0.25 * saturation, min(1.0, 1.25 * value)),
        "mark": colour(other, saturation, rng.uniform(0.5, 1.0)),
    }


HUES, PAINTED = (0.0, 0.1, 0.22, 0.38, 0.58, 0.82), 0.25
TINTS = ("base", "dark", "light", "mark", "outline")


@cache
def _coverage(thing: str, outlined: bool) -> Array:
    """How much of each tint a texel shows, and its coverage: `(GRID * GRID, TINTS + 1)`."""
    unit = np.float32(GRID / (2 * EXTENT))
    shown = np.zeros((GRID, GRID, len(TINTS) + 1), np.float32)
    parts = THINGS_AND_HAND[thing]()
    if outlined:
        parts = [("outline", np.minimum.reduce([distance for _, distance in parts]) - 0.12), *parts]
    light = (1 - 0.16 * (U + V))[..., None]
    for name, distance in parts:
        cover = np.clip(0.5 - distance * unit, 0, 1)[..., None]
        shown *= 1 - cover
        shown[..., TINTS.index(name), None] += cover * light
        shown[..., -1:] += cover
    shown[[0, -1]] = 0
    shown[:, [0, -1]] = 0
    return shown.reshape(GRID * GRID, -1).astype(np.float32)


def specimen(thing: str, tints: dict[str, Array], outlined: bool) -> Array:
    """Texels of an object, or of a hand, in these tints: `(GRID * GRID, 4)`."""
    black = np.full(3, 0.08, np.float32)
    mixed = np.zeros((len(TINTS) + 1, 4), np.float32)
    for place, name in enumerate(TINTS):
        mixed[place, :3] = tints.get(name, black)
    mixed[-1, 3] = 1
    return _coverage(thing, outlined) @ mixed
