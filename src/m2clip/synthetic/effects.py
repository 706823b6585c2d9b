"""What a still picture of an action shows: fire, drops, light, and the motion lines of comics."""

import numpy as np

from m2clip.synthetic.canvas import Array, Canvas, column, cover, paint
from m2clip.synthetic.objects import Look

TURN = 2 * np.pi
WHITE = paint(1, 1, 1)


def _disc(canvas: Canvas, x: Array, y: Array, radius: Array, colour: Array, alpha: Array | float) -> None:
    canvas.shape(x, y, float(radius.max()), colour, alpha, lambda dx, dy: np.hypot(dx, dy) - column(radius))


def glow(
    canvas: Canvas, specimen: Look, x: Array, y: Array, scale: Array, angle: Array, clock: Array, seed: int
) -> None:
    """A flickering halo, drawn before the object itself."""
    rng = np.random.default_rng(seed)
    window = canvas.around(x, y, 2.2 * float(scale.max()))
    distance = specimen.distance(window, angle, scale)
    flicker = 0.75 + 0.2 * np.sin(clock * 15 + rng.uniform(0, 6))
    halo = np.exp(-((np.maximum(distance, 0) * 2.2) ** 2)) * (distance > 0) * column(flicker)
    canvas.blend(window, paint(1, 0.95, 0.55), halo)


def splash(canvas: Canvas, x: Array, y: Array, scale: Array, clock: Array, rng: np.random.Generator) -> None:
    """Drops that fly outwards."""
    for _ in range(7):
        angle, start, radius = rng.uniform(0, TURN), rng.random(), rng.uniform(0.05, 0.09)
        far = scale * (1.05 + 0.75 * ((clock * 1.5 + start) % 1))
        drop = np.full_like(clock, radius)
        _disc(canvas, x + far * np.cos(angle), y + far * np.sin(angle), drop, paint(0.35, 0.75, 1), 0.95)


def burn(canvas: Canvas, x: Array, y: Array, scale: Array, clock: Array, rng: np.random.Generator) -> None:
    """Flames that rise and shrink."""
    for k in range(6):
        start, beside = rng.random(), rng.uniform(-0.65, 0.65)
        age = (clock * 2 + start) % 1
        colour = paint(1, rng.uniform(0.35, 0.65) if k % 2 else 0.25, 0.05)
        left, up = scale * beside * (1 - 0.4 * age), scale * (0.5 + 0.95 * age)
        _disc(canvas, x + left, y - up, scale * 0.34 * (1 - 0.75 * age), colour, 0.85)


def smoke(canvas: Canvas, x: Array, y: Array, scale: Array, clock: Array, rng: np.random.Generator) -> None:
    """Grey puffs that rise, grow and thin out."""
    for _ in range(5):
        start, beside = rng.random(), rng.uniform(-0.25, 0.25)
        age = (clock * 1.2 + start) % 1
        left = scale * (beside + 0.3 * np.sin(age * 5 + start * 6))
        up, radius = scale * (0.7 + 1.1 * age), scale * (0.2 + 0.25 * age)
        _disc(canvas, x + left, y - up, radius, paint(0.55, 0.55, 0.57), 0.7 * (1 - 0.5 * age))


def sparkle(canvas: Canvas, x: Array, y: Array, scale: Array, clock: Array, rng: np.random.Generator) -> None:
    """Four-pointed lights that twinkle."""
    for _ in range(6):
        angle, far, phase = rng.uniform(0, TURN), rng.uniform(0.5, 1.4), rng.uniform(0, 6)
        size = (0.12 + 0.05 * np.sin(clock * 20 + phase)).astype(np.float32)
        window = canvas.around(x + scale * far * np.cos(angle), y + scale * far * np.sin(angle), 0.25)
        across, down = np.abs(window.x), np.abs(window.y)
        light = np.clip(1.4 - across * down * 900 - np.maximum(across, down) / column(size), 0, 1)
        canvas.blend(window, WHITE, light)


def bar(canvas: Canvas, x: Array, y: Array, broad: Array, high: Array) -> None:
    """A white bar, half as broad and high as said."""

    def form(dx: Array, dy: Array) -> Array:
        return np.maximum(np.abs(dx) - column(broad), np.abs(dy) - column(high))

    canvas.shape(x, y, float(max(broad.max(), high.max())), WHITE, 0.85, form)


def ring(canvas: Canvas, x: Array, y: Array, radius: Array, broken: bool) -> None:
    """A white ring, whole or two quarters of it."""
    window = canvas.around(x, y, float(radius.max()) + 0.1)
    distance = np.abs(np.hypot(window.x, window.y) - column(radius)) - 0.03
    if broken:
        distance = np.where(window.x * window.y > 0, distance, 9)
    canvas.blend(window, WHITE, cover(distance, canvas.unit) * np.float32(0.85))


def motion_lines(canvas: Canvas, verb: str, x: Array, y: Array, scale: Array, side: int) -> None:
    """What a comic draws to say `verb`; the only sign of motion in a still picture."""
    thin = np.full_like(scale, 0.025)
    if verb in ("rising", "falling"):
        behind = 1 if verb == "rising" else -1
        for beside, offset in ((-0.5, 1.45), (0.0, 1.57), (0.5, 1.45)):
            bar(canvas, x + beside * scale, y + behind * scale * offset, thin, scale * 0.32)
    elif verb == "shaking":
        for beside in (-1.5, -1.2, 1.2, 1.5):
            bar(canvas, x + beside * scale, y, thin, scale * 0.35)
    elif verb == "rolling":
        for below in (-0.4, 0.05, 0.5):
            bar(canvas, x - side * scale * 1.5, y + below * scale, scale * 0.35, thin)
    elif verb == "bouncing":
        for below in (1.25, 1.5):
            bar(canvas, x, y + below * scale, scale * 0.5, thin)
    elif verb == "swinging":
        bar(canvas, x, y - scale * 1.6, thin, scale * 0.9)
    else:
        ring(canvas, x, y, scale * 1.25, broken=verb == "spinning")


SPRAYS = {"splashing": splash, "burning": burn, "smoking": smoke, "sparkling": sparkle}
