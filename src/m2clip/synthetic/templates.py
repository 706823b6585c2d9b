"""The "something" templates: pairs, the second of each being the first one's clip played backwards.

The seven pairs of the small world are drawn here, the others in more_templates.py.
"""

from dataclasses import dataclass

import numpy as np

from m2clip.synthetic.canvas import Array, Canvas, hsv
from m2clip.synthetic.more_templates import MORE_TEMPLATES, Act
from m2clip.synthetic.objects import Look, draw_object, look
from m2clip.synthetic.scenes import OUTLINED, Scene, backdrop, develop
from m2clip.synthetic.worlds import EVERY_PAIR, OBJECTS, PAIRS

EVERY_TEMPLATE = tuple(template for pair in EVERY_PAIR for template in pair)


@dataclass(frozen=True)
class Event:
    """One thing that happens to an object between `begin` and `end`, drawn whatever the template."""

    thing: str
    other: str
    x: float
    y: float
    drift_x: float
    drift_y: float
    size: float
    angle: float
    begin: float
    end: float
    smooth: bool
    travel: float
    quarter: int
    depth: float
    bearing: float
    seed: int


def draw_event(rng: np.random.Generator, drift: float, objects: tuple[str, ...] = OBJECTS) -> Event:
    """Draw one event; begin and end lie as far from the middle on average, so no order shows in them."""
    return Event(
        thing=str(rng.choice(objects)),
        other=str(rng.choice(objects)),
        x=rng.uniform(-0.35, 0.35),
        y=rng.uniform(-0.35, 0.35),
        drift_x=rng.normal() * drift,
        drift_y=rng.normal() * drift,
        size=rng.uniform(0.28, 0.42),
        angle=rng.normal() * 0.25,
        begin=rng.uniform(0, 0.3),
        end=rng.uniform(0.7, 1),
        smooth=bool(rng.random() < 0.5),
        travel=rng.uniform(0.5, 1),
        quarter=int(rng.integers(4)),
        depth=rng.random(),
        bearing=rng.uniform(-0.6, 0.6) + (np.pi if rng.random() < 0.5 else 0),
        seed=int(rng.integers(2**62)),
    )


def _progress(event: Event, time: Array) -> tuple[Array, Array]:
    """How far it has come, slowly at both ends where it is smooth, and at a steady pace."""
    even = np.clip((time - event.begin) / (event.end - event.begin), 0, 1)
    done = even * even * (3 - 2 * even) if event.smooth else even
    return done.astype(np.float32), even.astype(np.float32)


def _cloth(canvas: Canvas, event: Event, x: Array, y: Array, done: Array, rng: np.random.Generator) -> None:
    """A square that comes from one of four sides and ends over the object."""
    colour = hsv(rng.random(), 0.3 * rng.random(), rng.uniform(0.3, 0.8))
    away = 1.3 * (1 - done)
    side_x, side_y = ((1, 0), (0, 1), (-1, 0), (0, -1))[event.quarter]
    canvas.shape(
        x + away * side_x,
        y + away * side_y,
        0.55,
        colour,
        1.0,
        lambda dx, dy: np.maximum(np.abs(dx), np.abs(dy)) - 0.5,
    )


def _perform(
    canvas: Canvas,
    pair: int,
    event: Event,
    specimens: tuple[Look, Look],
    at: tuple[Array, Array],
    done: Array,
) -> None:
    x, y = at
    scale, angle = np.full_like(done, event.size), np.full_like(done, event.angle)
    alpha, squash = np.ones_like(done), np.ones_like(done)
    if pair == 0:
        y = y - event.travel * (done - 0.5)
    elif pair == 1:
        x = x - event.travel * (done - 0.5)
    elif pair == 3:
        alpha = 1 - done * np.float32(0.8 + 0.2 * event.depth)
    elif pair == 4:
        squash = 1 - np.float32(0.85) * done
    elif pair == 5:
        scale = scale * np.float32(0.85)
        apart = 0.75 * (0.3 + 0.55 * (1 - done))
        across, down = np.float32(np.cos(event.bearing)) * apart, np.float32(np.sin(event.bearing)) * apart
        draw_object(canvas, specimens[1], x - across, y - down, scale, angle)
        x, y = x + across, y + down
    elif pair == 6:
        scale = np.float32(0.2) + done * np.float32(0.2 + 0.15 * event.depth)
    draw_object(canvas, specimens[0], x, y, scale, angle, alpha=alpha, squash=squash)


def happen(template: str, event: Event, scene: Scene, time: Array) -> np.ndarray:
    """Frames of the event under a template: `(T, H, W, 3)` bytes; a reversed template is played backwards."""
    pair, backwards = divmod(EVERY_TEMPLATE.index(template), 2)
    canvas, camera_x, camera_y = backdrop(scene)
    rng = np.random.default_rng(event.seed)
    outlined = scene.style == OUTLINED
    specimens = (look(event.thing, rng, outlined), look(event.other, rng, outlined))
    done, even = _progress(event, time)
    x = (event.x + event.drift_x * (time - 0.5) + camera_x).astype(np.float32)
    y = (event.y + event.drift_y * (time - 0.5) + camera_y).astype(np.float32)
    if pair < len(PAIRS):
        _perform(canvas, pair, event, specimens, (x, y), done)
    else:
        side = 1 if np.cos(event.bearing) > 0 else -1
        MORE_TEMPLATES[EVERY_PAIR[pair][0]](
            Act(
                canvas=canvas, thing=specimens[0], x=x, y=y, size=event.size, angle=event.angle,
                travel=event.travel, side=side, tint=event.depth, done=done, even=even,
            )
        )  # fmt: skip
    if pair == 2:
        _cloth(canvas, event, x, y, done, rng)
    frames = develop(canvas, scene)
    return np.ascontiguousarray(frames[::-1]) if backwards else frames
