"""A thing does what a verb says, among others that do something else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2clip.synthetic.second.film import Array, Film, Pose, colour, exposures
from m2clip.synthetic.second.places import HAZE, OUTLINED, Setting, begin, develop, in_front
from m2clip.synthetic.second.things import colours, specimen
from m2clip.synthetic.second.verbs import FOOT, Actor, pose
from m2clip.synthetic.second.words import AIR, OBJECTS


@dataclass(frozen=True)
class Extra:
    """A thing in the distance with a motion of its own, which no label tells: smaller, and in a haze."""

    thing: str
    x: float
    y: float
    size: float
    speed_x: float
    speed_y: float
    bob: float
    turn: float
    seed: int


def draw_extras(rng: np.random.Generator, horizon: float) -> tuple[Extra, ...]:
    """None, one or two."""
    return tuple(
        Extra(
            thing=str(rng.choice(OBJECTS)),
            x=rng.uniform(-1.0, 1.0),
            y=rng.uniform(-0.8, horizon + 0.3),
            size=rng.uniform(0.11, 0.17),
            speed_x=rng.normal() * 0.5,
            speed_y=rng.normal() * 0.15,
            bob=max(0.0, rng.normal() * 0.08),
            turn=rng.normal() * 2.5 if rng.random() < 0.5 else 0.0,
            seed=int(rng.integers(2**62)),
        )
        for _ in range(rng.choice(3, p=(0.35, 0.4, 0.25)))
    )


def art(thing: str, seed: int, setting: Setting) -> Array:
    """Texels of a specimen of an object."""
    outlined = setting.style == OUTLINED
    return specimen(thing, colours(thing, np.random.default_rng(seed), outlined), outlined)


def draw_others(
    film: Film, setting: Setting, extras: tuple[Extra, ...], t: Array, x: Array, y: Array
) -> None:
    """The things in the distance, at the moments `(T, S)`."""
    for extra in extras:
        size = np.full_like(t, extra.size)
        at = Pose(
            (extra.x + extra.speed_x * (t - 0.5) + 0.8 * x[:, None]).astype(np.float32),
            (extra.y + extra.speed_y * (t - 0.5) + extra.bob * np.sin(12 * t) + 0.8 * y[:, None]).astype(
                np.float32
            ),
            size, size, (extra.turn * t).astype(np.float32),
        )  # fmt: skip
        film.sprite(art(extra.thing, extra.seed, setting), at, haze=HAZE)


def act(
    thing: str, verb: str | None, actor: Actor, extras: tuple[Extra, ...], setting: Setting, time: Array
) -> NDArray[np.uint8]:
    """Frames of `thing` doing `verb` (or standing) at the given times: `(T, H, W, 3)`."""
    film, x, y = begin(setting)
    moments = exposures(time, actor.shutter)
    draw_others(film, setting, extras, moments, x, y)
    at, rope = pose(verb, actor, moments, (x, y))
    middle = tuple(part.mean(1) for part in (at.x, at.y, at.broad))
    if rope is not None:
        film.line(rope[:, 0], rope[:, 1], middle[0], middle[1], 0.022, colour(0.1, 0.4, 0.5))
    else:
        ground = actor.ground + y
        high = np.clip(ground - middle[1] - FOOT * np.abs(at.high).mean(1), 0, 1) if verb not in AIR else 0.6
        film.shadow(middle[0], ground, np.abs(middle[2]) * (1 - 0.45 * high) + 0.02)
    film.sprite(art(thing, actor.seed, setting), at)
    in_front(film, setting, x, y)
    return develop(film, setting)
