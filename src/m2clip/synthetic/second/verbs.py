"""What one thing does: how each verb moves it. A verb is a manner: a path, a speed, a turning, a contact."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from m2clip.synthetic.second.film import Array, Pose
from m2clip.synthetic.second.words import AIR, GROUND

TURN = 2 * np.pi
FOOT = 0.9
"""Every object stands so far below its centre, in units of its size."""


@dataclass(frozen=True)
class Actor:
    """How a thing stands and moves, drawn whatever the verb; a verb uses its part of it."""

    x: float
    y: float
    ground: float
    size: float
    angle: float
    drift: float
    travel: float
    cycles: float
    phase: float
    turns: float
    side: int
    tempo: float
    shutter: float
    seed: int


def draw_actor(rng: np.random.Generator, horizon: float) -> Actor:
    """Draw one, for a place with this horizon."""
    return Actor(
        x=rng.uniform(-0.4, 0.4),
        y=rng.uniform(-0.4, 0.2),
        ground=rng.uniform(max(0.45, horizon + 0.3), 0.9),
        size=rng.uniform(0.26, 0.42),
        angle=rng.normal() * 0.2,
        drift=rng.normal() * 0.06,
        travel=rng.uniform(0.6, 1.4),
        cycles=rng.uniform(2.0, 3.5),
        phase=rng.uniform(0, TURN),
        turns=rng.uniform(5, 10),
        side=1 if rng.random() < 0.5 else -1,
        tempo=float(np.exp(rng.uniform(-0.2, 0.2))),
        shutter=rng.uniform(0.005, 0.06),
        seed=int(rng.integers(2**62)),
    )


@dataclass
class Still:
    """A pose while a verb changes it: at rest in its setting, all `(T, S)`."""

    t: Array
    wave: Array
    x: Array
    y: Array
    broad: Array
    high: Array
    angle: Array
    rope: Array | None = None

    def lean(self, angle: Array, about: float) -> None:
        """Turn about a point so far below the centre: the foot of what stands, the knot of what hangs."""
        self.x, self.y = self.x + about * np.sin(angle), self.y + about * (1 - np.cos(angle))
        self.angle = self.angle + angle


Move = Callable[[Actor, Still], None]


def _roll(a: Actor, p: Still) -> None:
    far = a.side * a.travel * (p.t - 0.5)
    p.x, p.angle = p.x + far, p.angle + far / (FOOT * a.size)


def _slide(a: Actor, p: Still) -> None:
    p.x = p.x + a.side * a.travel * (p.t - 0.5)


def _hop(a: Actor, p: Still) -> None:
    p.x = p.x + a.side * a.travel * (p.t - 0.5)
    p.y = p.y - (0.2 + 0.12 * a.travel) * np.abs(np.sin(0.8 * p.wave + a.phase))


def _pace(a: Actor, p: Still) -> None:
    p.x = p.x + 0.5 * a.travel * np.sin(0.6 * p.wave + a.phase)


def _topple(a: Actor, p: Still) -> None:
    begun = 0.05 + 0.1 * (a.phase / TURN)
    done = np.clip((p.t - begun) / (0.5 + 0.2 * a.tempo), 0, 1) ** 2
    p.lean(a.side * (np.pi / 2) * done, FOOT * a.size)


def _bounce(a: Actor, p: Still) -> None:
    up = np.abs(np.sin(0.8 * p.wave + a.phase))
    p.y = p.y - (0.5 + 0.25 * a.travel) * up
    squash = 1 - 0.3 * np.clip(1 - 4 * up, 0, 1)
    p.y, p.high, p.broad = p.y + FOOT * a.size * (1 - squash), p.high * squash, p.broad / squash


def _dart(a: Actor, p: Still) -> None:
    at = (2 + np.floor(a.cycles - 1)) * p.t
    step = np.clip((at % 1) * 4 - 1.5, 0, 1)
    dashes = np.floor(at) + step * step * (3 - 2 * step)
    p.x = p.x + a.side * a.travel * (dashes / (2 + np.floor(a.cycles - 1)) - 0.5)


def _wobble(a: Actor, p: Still) -> None:
    p.lean(0.45 * np.sin(1.2 * p.wave + a.phase), FOOT * a.size)


def _twirl(a: Actor, p: Still) -> None:
    turned = np.cos(a.turns * 1.3 * p.t + a.phase)
    p.broad = p.broad * np.where(turned < 0, np.minimum(turned, -0.12), np.maximum(turned, 0.12))


def _rise(a: Actor, p: Still) -> None:
    p.y = p.y - a.travel * (p.t - 0.5)


def _fall(a: Actor, p: Still) -> None:
    p.y = p.y + a.travel * (p.t - 0.5)


def _circle(a: Actor, p: Still) -> None:
    turn = a.side * 0.7 * p.wave + a.phase
    p.x, p.y = p.x + 0.33 * np.cos(turn), p.y + 0.33 * np.sin(turn)


def _tumble(a: Actor, p: Still) -> None:
    p.y, p.angle = p.y + a.travel * (p.t - 0.5), p.angle + a.side * a.turns * p.t


def _shake(a: Actor, p: Still) -> None:
    p.x = p.x + 0.09 * np.sin(3 * p.wave + a.phase)


def _grow(a: Actor, p: Still) -> None:
    by = np.exp((0.4 + 0.6 * a.travel) * (p.t - 0.5))
    p.broad, p.high = p.broad * by, p.high * by


def _shrink(a: Actor, p: Still) -> None:
    by = np.exp(-(0.4 + 0.6 * a.travel) * (p.t - 0.5))
    p.broad, p.high = p.broad * by, p.high * by


def _drift(a: Actor, p: Still) -> None:
    p.x = p.x + 0.8 * a.side * a.travel * (p.t - 0.5)


def _zigzag(a: Actor, p: Still) -> None:
    p.x = p.x + 0.8 * a.side * a.travel * (p.t - 0.5)
    p.y = p.y + 0.18 * np.arcsin(np.sin(1.3 * p.wave + a.phase))


def _spin(a: Actor, p: Still) -> None:
    p.angle = p.angle + a.side * a.turns * p.t


def _soar(a: Actor, p: Still) -> None:
    p.x = p.x + 0.7 * a.side * a.travel * (p.t - 0.5)
    p.y = p.y - 0.9 * a.travel * (p.t**2 - 0.33)


def _swing(a: Actor, p: Still) -> None:
    p.lean(0.5 * np.sin(0.7 * p.wave + a.phase), -1.2)


def _twist(a: Actor, p: Still) -> None:
    _twirl(a, p)


def _lower(a: Actor, p: Still) -> None:
    p.y = p.y + 0.8 * a.travel * (p.t - 0.5)


def _climb(a: Actor, p: Still) -> None:
    p.y = p.y - 0.8 * a.travel * (p.t - 0.5)


MOVES: dict[str, Move] = {
    "rolling": _roll, "sliding": _slide, "hopping": _hop, "pacing": _pace, "toppling": _topple,
    "bouncing": _bounce, "darting": _dart, "wobbling": _wobble, "twirling": _twirl, "rising": _rise,
    "circling": _circle, "tumbling": _tumble, "shaking": _shake, "growing": _grow, "falling": _fall,
    "drifting": _drift, "zigzagging": _zigzag, "spinning": _spin, "shrinking": _shrink, "soaring": _soar,
    "swinging": _swing, "descending": _lower, "climbing": _climb, "twisting": _twist,
}  # fmt: skip


def pose(
    verb: str | None, actor: Actor, time: Array, camera: tuple[Array, Array]
) -> tuple[Pose, Array | None]:
    """Pose at the moments `(T, S)`, and `(T, 2)` the upper end of the rope of what hangs."""
    x, y = (part[:, None] for part in camera)
    clock = np.sign(time) * np.abs(time) ** np.float32(actor.tempo)
    at = Still(
        t=clock, wave=actor.cycles * TURN * clock,
        x=actor.x + actor.drift * (clock - 0.5) + x, y=actor.y + y + 0 * clock,
        broad=np.full_like(clock, actor.size), high=np.full_like(clock, actor.size),
        angle=np.full_like(clock, 0.0),
    )  # fmt: skip
    hangs = verb is not None and verb not in GROUND + AIR
    if verb is None or verb in GROUND:
        at.y = actor.ground - FOOT * actor.size + y + 0 * clock
    elif verb in AIR:
        at.angle = at.angle + actor.angle
    if verb is not None:
        MOVES[verb](actor, at)
    rope = None
    if hangs:
        top = np.array([actor.x, actor.y - 1.2], np.float32) + np.stack([x[:, 0], y[:, 0]], 1)
        rope = top if verb == "swinging" else np.stack([at.x.mean(1), top[:, 1] - 1], 1)
    parts = (at.x, at.y, at.broad, at.high, at.angle)
    return Pose(*(part.astype(np.float32) for part in parts)), rope
