"""The ten objects that the larger world has besides: signed distance field, two colours, texture."""

import numpy as np

from m2clip.synthetic.canvas import Array
from m2clip.synthetic.kinds import Kind


def _block(u: Array, v: Array, broad: float, high: float) -> Array:
    return np.maximum(np.abs(u) - broad, np.abs(v) - high)


def _cross(u: Array, v: Array) -> Array:
    return np.minimum(_block(u, v, 0.27, 0.9), _block(u, v, 0.9, 0.27))


def _tree(u: Array, v: Array) -> Array:
    crown = np.maximum(np.abs(u) * 0.9 - (v + 1.0) * 0.5, v - 0.45)
    return np.minimum(crown, _block(u, v - 0.7, 0.16, 0.3))


def _house(u: Array, v: Array) -> Array:
    roof = np.maximum(np.abs(u) * 0.7 - (v + 0.95) * 0.75, v + 0.1)
    return np.minimum(roof, _block(u, v - 0.4, 0.62, 0.52))


def _flower(u: Array, v: Array) -> Array:
    return (np.hypot(u, v) - (0.68 + 0.3 * np.cos(6 * np.arctan2(u, -v)))) * 0.6


def _mushroom(u: Array, v: Array) -> Array:
    cap = np.maximum(np.hypot(u, v) - 0.9, v)
    return np.minimum(cap, _block(u, v - 0.4, 0.26, 0.5))


def _boat(u: Array, v: Array) -> Array:
    hull = np.maximum(np.abs(v - 0.5) - 0.3, np.abs(u) * 0.9 - (0.95 - 0.6 * v))
    sail = np.maximum(np.maximum(-u - 0.05, u * 0.8 - (v + 1.0) * 0.5), v - 0.12)
    return np.minimum(hull, sail)


def _crown(u: Array, v: Array) -> Array:
    teeth = -0.75 + 1.1 * np.abs((u * 1.8 + 0.5) % 1 - 0.5)
    return np.maximum(_block(u, v - 0.05, 0.83, 0.8) * 0.9, (teeth - v) * 0.5)


def _flag(u: Array, v: Array) -> Array:
    return np.minimum(_block(u + 0.65, v, 0.1, 1.0), _block(u - 0.1, v + 0.4, 0.75, 0.5))


def _key(u: Array, v: Array) -> Array:
    bow = np.abs(np.hypot(u + 0.55, v) - 0.36) - 0.13
    teeth = np.minimum(_block(u - 0.82, v - 0.2, 0.1, 0.28), _block(u - 0.45, v - 0.2, 0.1, 0.22))
    return np.minimum(np.minimum(bow, _block(u - 0.38, v, 0.58, 0.11)), teeth)


MORE_KINDS: dict[str, Kind] = {
    "ring": Kind(
        lambda u, v: np.abs(np.hypot(u, v) - 0.66) - 0.23,
        ((0.12, 0.85, 0.95), (0.0, 0.75, 0.8)),
        lambda u, v, _: (u < 0) & (v < 0),
    ),
    "cross": Kind(_cross, ((0.98, 0.9, 0.75), (0.0, 0.0, 1.0)), lambda u, v, _: np.hypot(u, v) < 0.2),
    "tree": Kind(_tree, ((0.36, 0.8, 0.45), (0.07, 0.7, 0.35)), lambda u, v, _: v > 0.42),
    "house": Kind(
        _house,
        ((0.12, 0.3, 0.95), (0.02, 0.8, 0.6)),
        lambda u, v, _: (v < -0.1) | ((np.abs(u) < 0.18) & (v > 0.4)),
    ),
    "flower": Kind(_flower, ((0.85, 0.5, 0.95), (0.14, 0.9, 1.0)), lambda u, v, _: np.hypot(u, v) < 0.32),
    "mushroom": Kind(
        _mushroom,
        ((0.0, 0.8, 0.7), (0.1, 0.15, 0.95)),
        lambda u, v, _: (v > 0) | (np.sin(7 * u) * np.sin(7 * v) > 0.45),
    ),
    "boat": Kind(_boat, ((0.06, 0.8, 0.4), (0.0, 0.0, 0.95)), lambda u, v, _: v < 0.15),
    "crown": Kind(
        _crown,
        ((0.13, 0.9, 0.9), (0.9, 0.8, 0.8)),
        lambda u, v, _: (np.abs(v - 0.45) < 0.15) & (np.abs(u % 0.4 - 0.2) < 0.1),
    ),
    "flag": Kind(
        _flag,
        ((0.6, 0.8, 0.75), (0.15, 0.8, 1.0)),
        lambda u, v, _: (np.abs(v + 0.4) < 0.18) & (u > -0.5),
    ),
    "key": Kind(_key, ((0.1, 0.2, 0.75), (0.1, 0.5, 0.5)), lambda u, v, _: u < -0.4),
}
