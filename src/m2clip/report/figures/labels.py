"""Places names at the points of a scatter plot: of many places for each name the one of the least cost."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from m2clip.report.figures.style import ink

Array = NDArray[np.float64]
REACH, ANGLE = np.meshgrid(np.arange(2, 122, 5.0), np.radians(np.arange(0, 360, 15)), indexing="ij")
WAYS = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=-1).reshape(-1, 2)
REACHES = REACH.ravel()  # pixels from the edge of a circle to its name
NEAR = 8.0  # of those, within which a name needs no line
PAD = np.array([5.0, 1.0])  # pixels kept free around a name, beside and above
ALONG_BAR, OVER_BAR, OVER_NAME, OUTSIDE = 30.0, 60.0, 400.0, 2000.0  # cost of each, in pixels
ORDERS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # names are set along each of these, and the cheapest is kept


def label_points(ax: Axes, points: Array, labels: Sequence[str], areas: Array, bars: Array) -> None:
    """The name of each point beside it, where it covers the least; a line to it where that is not close.

    Args:
        ax: its limits and the layout of its figure are final.
        points: (N, 2), in data coordinates.
        labels: N.
        areas: (N,) of the circles, in square points as Matplotlib takes them: of the squares around.
        bars: (M, 2, 2), ends of error bars in data coordinates.
    """
    pixels = ax.figure.dpi / 72  # a point
    spots, radii = ax.transData.transform(points), np.sqrt(areas) / 2 * pixels
    texts = [
        ax.annotate(label, point, (0, 0), textcoords="offset points", ha="center", va="center", zorder=3)
        for label, point in zip(labels, points, strict=True)
    ]
    sizes = PAD + [text.get_window_extent().size for text in texts]
    ends = ax.transData.transform(bars.reshape(-1, 2)).reshape(-1, 2, 2)
    thick = np.hstack([ends.min(axis=1), ends.max(axis=1)])
    inside = np.array(ax.get_window_extent().extents)
    tried = (_place(np.argsort(spots @ way), spots, radii, sizes, thick, inside) for way in ORDERS)
    for at, (box, line) in min(tried, key=lambda one: one[0])[1].items():
        texts[at].set_position(((box[:2] + box[2:]) / 2 - spots[at]) / pixels)
        if np.hypot(*(line[2:] - line[:2])) > NEAR:
            ax.annotate(
                "", points[at], (line[2:] - spots[at]) / pixels, textcoords="offset points", zorder=1.5,
                arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": ink(), "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _place(
    order: NDArray[np.intp], spots: Array, radii: Array, sizes: Array, bars: Array, inside: Array
) -> tuple[float, dict[int, tuple[Array, Array]]]:
    """Place name after name, in this order, where it costs the least, given those placed before.

    Returns the cost of all, and for each index of `spots` its box (x0, y0, x1, y1) and its line, from the
    point's (x, y) to the box's (x, y), in pixels.
    """
    placed: dict[int, tuple[Array, Array]] = {}
    total = 0.0
    circles = np.hstack([spots - radii[:, None], spots + radii[:, None]])
    skewed = (REACHES > NEAR) & (np.abs(WAYS).max(axis=1) > 0.99)
    for at in order:
        middle = spots[at] + WAYS * (REACHES[:, None] + radii[at] + sizes[at] / 2)
        boxes = np.hstack([middle - sizes[at] / 2, middle + sizes[at] / 2])
        lines = np.hstack([spots[at] + WAYS * radii[at], np.clip(spots[at], boxes[:, :2], boxes[:, 2:])])
        names = np.array([box for box, _ in placed.values()]).reshape(-1, 4)
        drawn = np.array([line for _, line in placed.values()]).reshape(-1, 4)
        taken = np.concatenate([np.delete(circles, at, axis=0), names])
        through = _overlaps(np.tile(_along(lines), 2), taken).any(1)
        over = _overlaps(boxes, taken).sum(1) + _overlaps(boxes, circles[at : at + 1]).sum(1)
        on_lines = _overlaps(boxes, np.tile(_along(drawn).reshape(-1, 2), 2)).any(1)
        cost = REACHES + OVER_BAR * _overlaps(boxes, bars).sum(1) + ALONG_BAR * skewed
        cost += OVER_NAME * (over + through.sum(1) + on_lines)
        cost += OUTSIDE * ((boxes[:, :2] < inside[:2]) | (boxes[:, 2:] > inside[2:])).any(1)
        chosen = int(cost.argmin())
        placed[int(at)] = boxes[chosen], lines[chosen]
        total += float(cost[chosen])
    return total, placed


def _along(lines: Array) -> Array:
    """(N, 4) -> (N, 12, 2): points of lines, from end to end."""
    return lines[:, None, :2] + np.linspace(0, 1, 12)[:, None] * (lines[:, None, 2:] - lines[:, None, :2])


def _overlaps(boxes: Array, others: Array) -> NDArray[np.bool_]:
    """Whether boxes (..., 4) overlap M others (M, 4): (..., M); a point counts as a box without size."""
    left, bottom, right, top = np.moveaxis(boxes, -1, 0)[..., None]
    x0, y0, x1, y1 = others.T
    return np.asarray((left < x1) & (bottom < y1) & (right > x0) & (top > y0))
