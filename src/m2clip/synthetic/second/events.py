"""The "something" templates: what a hand does to a thing; the second of a pair is the first one backwards."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2clip.synthetic.second.actions import Extra, art, draw_others
from m2clip.synthetic.second.film import Array, Film, Pose, colour, exposures
from m2clip.synthetic.second.places import Setting, begin, develop, in_front
from m2clip.synthetic.second.things import specimen
from m2clip.synthetic.second.verbs import FOOT
from m2clip.synthetic.second.words import LABELS, OBJECTS

TEMPLATES = LABELS["ssv2"]


@dataclass(frozen=True)
class Event:
    """One thing that happens between `begin` and `end`, drawn whatever the template."""

    thing: str
    other: str
    x: float
    y: float
    size: float
    drift: float
    begin: float
    end: float
    smooth: bool
    travel: float
    lift: float
    depth: float
    side: int
    hue: float
    shutter: float
    seed: int


def draw_event(rng: np.random.Generator, horizon: float) -> Event:
    """Draw one; begin and end lie as far from the middle on average, so that no order shows in them."""
    return Event(
        thing=str(rng.choice(OBJECTS)),
        other=str(rng.choice(OBJECTS)),
        x=rng.uniform(-0.35, 0.35),
        y=rng.uniform(max(0.45, horizon + 0.3), 0.9),
        size=rng.uniform(0.26, 0.38),
        drift=rng.normal() * 0.05,
        begin=rng.uniform(0, 0.3),
        end=rng.uniform(0.7, 1),
        smooth=bool(rng.random() < 0.5),
        travel=rng.uniform(0.6, 1.2),
        lift=rng.uniform(0, 0.35),
        depth=rng.random(),
        side=1 if rng.random() < 0.5 else -1,
        hue=rng.random(),
        shutter=rng.uniform(0.005, 0.05),
        seed=int(rng.integers(2**62)),
    )


class Stage:
    """A place while an event is drawn into it: `done (T, S)` goes from 0 to 1."""

    def __init__(
        self, film: Film, event: Event, setting: Setting, t: Array, camera: tuple[Array, Array]
    ) -> None:
        self.film, self.event, self.setting, self.t = film, event, setting, t
        even = np.clip((t - event.begin) / (event.end - event.begin), 0, 1)
        self.even = even.astype(np.float32)
        self.done = (even * even * (3 - 2 * even) if event.smooth else even).astype(np.float32)
        self.x = (event.x + event.drift * (t - 0.5) + camera[0][:, None]).astype(np.float32)
        self.floor = (event.y + camera[1][:, None] + 0 * t).astype(np.float32)
        self.y = self.floor - np.float32(FOOT * event.size)
        self.zero = np.zeros_like(self.done)
        self.rng = np.random.default_rng(event.seed)

    def thing(
        self,
        x: Array,
        y: Array,
        *,
        name: str | None = None,
        broad: Array | float = 1.0,
        high: Array | float = 1.0,
        angle: Array | float = 0.0,
    ) -> None:
        """The object, so far from where it stands, so many times its size."""
        size, event = np.float32(self.event.size), self.event
        at = Pose(
            self.x + x, self.y + y, (size * broad + self.zero).astype(np.float32),
            (size * high + self.zero).astype(np.float32), (angle + self.zero).astype(np.float32),
        )  # fmt: skip
        self.film.shadow(at.x.mean(1), self.floor.mean(1), np.abs(at.broad).mean(1))
        name = name or event.thing
        self.film.sprite(art(name, event.seed if name == event.thing else event.seed + 1, self.setting), at)

    def hand(self, x: Array, y: Array, *, mirrored: bool = False) -> None:
        """A hand whose fingers reach to so far from the middle of the object."""
        tint = np.random.default_rng(self.event.seed + 2)
        skin = colour(0.06 + tint.normal() * 0.01, tint.uniform(0.3, 0.6), tint.uniform(0.45, 0.95))
        texels = specimen("hand", {"base": skin, "dark": 0.6 * skin}, False)
        size = np.full_like(self.done, 0.3)
        side = np.float32(-1 if mirrored else 1)
        at = Pose(
            (self.x + x).astype(np.float32),
            (self.y + y - 0.12).astype(np.float32),
            side * size,
            size,
            self.zero,
        )
        end_x, end_y = at.x.mean(1) + side * 0.24, at.y.mean(1) - 0.36
        self.film.line(end_x, end_y, end_x + side * 1.2, end_y - 1.4, 0.105, skin)
        self.film.sprite(texels, at)

    def tint(self) -> Array:
        """Of a wall, a box or a cloth."""
        return colour(self.event.hue, 0.25 + 0.35 * self.event.depth, 0.35 + 0.4 * self.event.lift)


def _up(s: Stage) -> None:
    y = -(s.event.lift + 0.8 * s.event.travel * s.done)
    s.thing(s.zero, y)
    s.hand(s.zero, y - 0.6 * s.event.size)


def _right(s: Stage) -> None:
    x = 1.2 * s.event.travel * (s.done - 0.5)
    s.thing(x, s.zero - s.event.lift)
    s.hand(x, s.zero - s.event.lift - 0.6 * s.event.size)


def _closer(s: Stage) -> None:
    by = np.exp((0.5 + 0.5 * s.event.travel) * (s.done - 0.6))
    y = s.zero - s.event.lift - 0.3
    s.thing(s.zero, y, broad=by, high=by)
    s.hand(s.zero, y - 0.6 * s.event.size * by)


def _behind(s: Stage) -> None:
    x = s.event.side * (0.85 * (1 - s.done))
    s.thing(x, s.zero)
    s.hand(x, s.zero - 0.6 * s.event.size, mirrored=s.event.side < 0)
    s.film.slab(s.x.mean(1), (s.floor - 0.33).mean(1), 0.36, 0.42, s.tint())


def _into(s: Stage) -> None:
    up = -0.95 * np.clip(1.0 - s.done, 0, 1)
    s.film.slab(s.x.mean(1), (s.floor - 0.3).mean(1), 0.42, 0.34, 0.5 * s.tint())
    s.thing(s.zero, up)
    s.hand(s.zero, up - 0.6 * s.event.size)
    s.film.slab(s.x.mean(1), (s.floor - 0.2).mean(1), 0.42, 0.34, s.tint())


def _cover(s: Stage) -> None:
    s.thing(s.zero, s.zero)
    away = 1.1 * (1 - s.done)
    x, y = s.event.side * 0.6 * away, -0.9 * away
    s.film.slab((s.x + x).mean(1), (s.y + y).mean(1), 0.42, 0.4, s.tint())
    s.hand(x, y - 0.35, mirrored=s.event.side < 0)


def _press(s: Stage) -> None:
    high = 1 - np.float32(0.8) * s.done
    s.thing(s.zero, FOOT * s.event.size * (1 - high), high=high, broad=1 + 0.35 * s.done)
    s.hand(s.zero, s.event.size * (FOOT - (FOOT + 0.8) * high))


def _together(s: Stage) -> None:
    far = 0.3 + 0.45 * s.event.travel * (1 - s.done)
    s.thing(-far, s.zero, name=s.event.other)
    s.thing(far, s.zero)
    s.hand(-far, s.zero - 0.6 * s.event.size, mirrored=True)
    s.hand(far, s.zero - 0.6 * s.event.size)


def _turn(s: Stage) -> None:
    s.thing(s.zero, s.zero - s.event.lift - 0.2, angle=(2.0 + 2.0 * s.event.depth) * s.done)
    s.hand(s.zero, s.zero - s.event.lift - 0.2 - 0.8 * s.event.size)


def _tip(s: Stage) -> None:
    lean = s.event.side * np.float32(np.pi / 2) * s.done
    foot = FOOT * s.event.size
    s.thing(foot * np.sin(lean), foot * (1 - np.cos(lean)), angle=lean)
    top = 2 * foot
    s.hand(
        top * np.sin(lean) - 0.2 * s.event.side, foot - top * np.cos(lean) - 0.05, mirrored=s.event.side > 0
    )


def _drop(s: Stage) -> None:
    high = s.event.lift + 0.9
    s.thing(s.zero, high * (s.even**2 - 1))
    s.hand(s.zero, s.zero - high - 0.6 * s.event.size)


def _speed(s: Stage) -> None:
    s.thing(s.event.side * 1.6 * s.event.travel * (s.even**3 - 0.4), s.zero)


PERFORMERS: tuple[Callable[[Stage], None], ...] = (
    _up, _right, _closer, _behind, _into, _cover, _press, _together, _turn, _tip, _drop, _speed,
)  # fmt: skip
"""In the order of the pairs."""


def happen(
    template: str, event: Event, extras: tuple[Extra, ...], setting: Setting, time: Array
) -> NDArray[np.uint8]:
    """Frames of the event under a template: `(T, H, W, 3)`; a reversed template is played backwards."""
    pair, backwards = divmod(TEMPLATES.index(template), 2)
    film, x, y = begin(setting)
    moments = exposures(time, event.shutter)
    draw_others(film, setting, extras, moments, x, y)
    PERFORMERS[pair](Stage(film, event, setting, moments, (x, y)))
    in_front(film, setting, x, y)
    frames = develop(film, setting)
    return np.ascontiguousarray(frames[::-1]) if backwards else frames
