"""What one object does: six verbs that a still picture shows, eight that only motion shows."""

from dataclasses import dataclass

import numpy as np

from m2clip.synthetic.canvas import Array
from m2clip.synthetic.effects import SPRAYS, glow, motion_lines
from m2clip.synthetic.more_actions import MOVES, more_lines
from m2clip.synthetic.objects import draw_object, look
from m2clip.synthetic.scenes import OUTLINED, Scene, backdrop, develop
from m2clip.synthetic.worlds import STILL

TURN = 2 * np.pi


@dataclass(frozen=True)
class Actor:
    """How an object stands and moves, drawn whatever the verb; a verb uses its part of it."""

    x: float
    y: float
    drift_x: float
    drift_y: float
    size: float
    angle: float
    travel: float
    shiver: float
    cycles: float
    phase: float
    turns: float
    side: int
    tempo: float
    lines: bool
    trail: bool
    seed: int


@dataclass(frozen=True)
class Range:
    """What differs between the sets in how their actors are drawn."""

    travel: tuple[float, float]
    drift: float
    shake: float
    lines: float
    trail: float


def draw_actor(rng: np.random.Generator, limits: Range) -> Actor:
    """Draw one actor."""
    side = 1 if rng.random() < 0.5 else -1
    return Actor(
        x=rng.uniform(-0.4, 0.4),
        y=rng.uniform(-0.35, 0.35),
        drift_x=rng.normal() * limits.drift,
        drift_y=rng.normal() * limits.drift * 0.6,
        size=rng.uniform(0.28, 0.42),
        angle=rng.normal() * 0.25,
        travel=rng.uniform(*limits.travel),
        shiver=rng.uniform(0.08, 0.2),
        cycles=rng.uniform(1.5, 3),
        phase=rng.uniform(0, TURN),
        turns=rng.uniform(2, 6) * (1 if rng.random() < 0.5 else -1),
        side=side,
        tempo=float(np.exp(rng.uniform(-0.25, 0.25))),
        lines=bool(rng.random() < limits.lines),
        trail=bool(rng.random() < limits.trail),
        seed=int(rng.integers(2**62)),
    )


def clock_of(actor: Actor, time: Array) -> Array:
    """Time as the actor lives it: some begin fast and slow down, others the reverse."""
    return np.sign(time) * np.abs(time) ** np.float32(actor.tempo)


def pose(verb: str | None, actor: Actor, time: Array) -> tuple[Array, Array, Array, Array]:
    """`x`, `y`, scale and angle at each time (0 to 1), each `(T,)`."""
    t = clock_of(actor, time)
    wave = actor.cycles * TURN * t
    x, y = actor.x + actor.drift_x * (t - 0.5), actor.y + actor.drift_y * (t - 0.5)
    scale, angle = np.full_like(t, actor.size), np.full_like(t, actor.angle)
    if verb == "rising":
        y = y - actor.travel * (t - 0.5)
    elif verb == "falling":
        y = y + actor.travel * (t - 0.5)
    elif verb == "shaking":
        x = x + actor.shiver * np.sin(wave + actor.phase)
    elif verb == "spinning":
        angle = angle + actor.turns * t
    elif verb == "bouncing":
        y = y + 0.35 - 0.9 * actor.travel * np.abs(np.sin(0.5 * wave + actor.phase))
    elif verb == "swinging":
        lean = 0.8 * np.sin(0.45 * wave + actor.phase)
        x, y, angle = x + 0.6 * np.sin(lean), y + 0.6 * np.cos(lean) - 0.66, angle - lean
    elif verb == "rolling":
        x, angle = x + actor.side * actor.travel * (t - 0.5), angle + actor.side * 4 * actor.travel * t
    elif verb == "pulsing":
        scale = scale * (1 + 0.35 * np.sin(0.6 * wave + actor.phase))
    elif verb in MOVES:
        at = (x, y, scale, angle)
        x, y, scale, angle = MOVES[verb](t, wave, actor.travel, actor.phase, actor.side, at)
    return x.astype(np.float32), y.astype(np.float32), scale.astype(np.float32), angle.astype(np.float32)


def act(name: str, verb: str | None, actor: Actor, scene: Scene, time: Array) -> np.ndarray:
    """Frames of the object `name` doing `verb` (or nothing) at the given times: `(T, H, W, 3)` bytes."""
    canvas, camera_x, camera_y = backdrop(scene)
    specimen = look(name, np.random.default_rng(actor.seed), scene.style == OUTLINED)
    moving = verb is not None and verb not in STILL
    if actor.trail and moving:
        for delay, alpha in ((0.16, 0.3), (0.08, 0.5)):
            x, y, scale, angle = pose(verb, actor, time - np.float32(delay))
            draw_object(canvas, specimen, x + camera_x, y + camera_y, scale, angle, alpha=alpha)
    x, y, scale, angle = pose(verb, actor, time)
    x, y = x + camera_x, y + camera_y
    if actor.lines and verb is not None and moving:
        draw_lines = more_lines if verb in MOVES else motion_lines
        draw_lines(canvas, verb, x, y, scale, actor.side)
    clock = clock_of(actor, time)
    if verb == "glowing":
        glow(canvas, specimen, x, y, scale, angle, clock, actor.seed + 1)
    draw_object(canvas, specimen, x, y, scale, angle, cracked=verb == "cracking")
    if verb in SPRAYS:
        SPRAYS[verb](canvas, x, y, scale, clock, np.random.default_rng(actor.seed + 1))
    return develop(canvas, scene)
