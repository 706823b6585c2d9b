"""The templates that the larger world has besides: fifteen things that happen, each also played backwards."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from m2clip.synthetic.canvas import Array, Canvas, column, cover, hsv, paint
from m2clip.synthetic.objects import EXTENT, Look, draw_object
from m2clip.synthetic.worlds import MORE_PAIRS


@dataclass(frozen=True)
class Act:
    """One thing that happens: to what, where in each frame (`x`, `y`), how far (`done`, `even`), each `(T,)`.

    even: 0 to 1 at a steady pace, while some `done` begin and end slowly; side: -1 or 1; tint: 0 to 1.
    """

    canvas: Canvas
    thing: Look
    x: Array
    y: Array
    size: float
    angle: float
    travel: float
    side: int
    tint: float
    done: Array
    even: Array

    def draw(
        self, x: Array | float = 0, y: Array | float = 0, angle: Array | float = 0, alpha: Array | float = 1
    ) -> None:
        """The object, moved and turned by so much, in units of its size."""
        scale = np.full_like(self.done, self.size)
        turned = np.full_like(self.done, self.angle) + angle
        at_x, at_y = self.x + self.size * x, self.y + self.size * y
        draw_object(
            self.canvas,
            self.thing,
            at_x.astype(np.float32),
            at_y.astype(np.float32),
            scale,
            turned.astype(np.float32),
            alpha=alpha,
        )

    def slab(
        self, x: Array | float, y: Array | float, broad: float, high: float, colour: Array, alpha: float = 1
    ) -> None:
        """A rectangle with its middle so far from the object's, half as broad and high as said."""

        def form(dx: Array, dy: Array) -> Array:
            return np.maximum(np.abs(dx) - broad * self.size, np.abs(dy) - high * self.size)

        reach = max(broad, high) * self.size
        self.canvas.shape(self.x + self.size * x, self.y + self.size * y, reach, colour, alpha, form)

    def disc(self, x: Array, y: Array, radius: float, colour: Array) -> None:
        """A disc so far from the object's middle."""
        size = radius * self.size
        at = (self.x + self.size * x, self.y + self.size * y)
        self.canvas.shape(*at, size, colour, 1.0, lambda dx, dy: np.hypot(dx, dy) - size)


def _turn(act: Act) -> None:
    act.draw(angle=(1.5 + 2 * act.tint) * act.done)


def _around(act: Act) -> None:
    turn = np.pi * 1.5 * act.done + 2 * np.pi * act.tint
    act.draw(x=1.1 * np.cos(turn), y=1.1 * np.sin(turn))


def _tip(act: Act) -> None:
    lean = act.side * np.pi / 2 * act.done
    act.draw(x=np.sin(lean), y=1 - np.cos(lean), angle=lean)


def _roll(act: Act) -> None:
    far = 3 * act.travel * (act.done - 0.5)
    act.draw(x=-far, angle=-1.2 * far)


def _speed(act: Act) -> None:
    act.draw(x=act.side * 3.5 * act.travel * (act.even**3 - 0.5))


def _enter_left(act: Act) -> None:
    act.draw(x=-6 * (1 - act.done))


def _enter_above(act: Act) -> None:
    act.draw(y=-5 * (1 - act.done))


def _split(act: Act) -> None:
    for side in (-1, 1):
        act.draw(x=side * (0.6 + 0.8 * act.travel) * act.done)


def _gather(act: Act) -> None:
    act.draw()
    far = 1.35 + 1.8 * (1 - act.done)
    for k in range(8):
        turn = np.pi / 4 * k + 6 * act.tint
        act.disc(far * np.cos(turn), far * np.sin(turn), 0.17, hsv(act.tint, 0.7, 0.9))


def _light(act: Act) -> None:
    window = act.canvas.around(act.x, act.y, 2.5 * act.size)
    far = np.hypot(window.x, window.y) / (1.4 * act.size)
    act.canvas.blend(window, paint(1, 0.95, 0.6), np.exp(-far * far) * column(0.95 * act.done))
    act.draw()


def _overpaint(act: Act) -> None:
    act.draw()
    scale, angle = np.full_like(act.done, act.size), np.full_like(act.done, act.angle)
    window = act.canvas.around(act.x, act.y, EXTENT * act.size)
    inside = act.thing.distance(window, angle, scale) * np.float32(act.size)
    edge = act.side * window.x - column(act.size * EXTENT * (2 * act.done - 1))
    colour = hsv(act.tint, 0.8, 0.8)
    act.canvas.blend(window, colour, cover(np.maximum(inside, edge), act.canvas.unit))


def _flood(act: Act) -> None:
    act.draw()
    act.slab(0, 3.4 - 2.9 * act.done, 6, 2.2, paint(0.15, 0.45, 0.85), 0.85)


def _bury(act: Act) -> None:
    act.draw(y=2.4 * act.done)
    act.slab(0, 2.45, 1.9, 1.35, hsv(0.1, 0.5, 0.75))


def _into_crate(act: Act) -> None:
    act.slab(0, 1.6, 1.3, 1.25, hsv(0.08, 0.5, 0.3))
    act.draw(y=-1.3 + 3.1 * act.done)
    act.slab(0, 1.75, 1.3, 1.1, hsv(0.08, 0.6, 0.6))


def _curtains(act: Act) -> None:
    act.draw()
    for side in (-1, 1):
        act.slab(side * (0.75 + 2.2 * (1 - act.done)), 0, 0.8, 1.4, hsv(act.tint, 0.6, 0.5))


PERFORMERS: tuple[Callable[[Act], None], ...] = (
    _turn,
    _around,
    _tip,
    _roll,
    _speed,
    _enter_left,
    _enter_above,
    _split,
    _gather,
    _light,
    _overpaint,
    _flood,
    _bury,
    _into_crate,
    _curtains,
)
MORE_TEMPLATES = {pair[0]: perform for pair, perform in zip(MORE_PAIRS, PERFORMERS, strict=True)}
"""By the label of the clip that is not played backwards."""
