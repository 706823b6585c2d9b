"""Names at the points of a scatter plot, none over another, without a search that takes long."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from m2clip.report.figures.style import ink

Array = NDArray[np.float64]
ANGLES = np.radians(np.arange(0, 360, 15))
REACHES = np.arange(2, 130, 4.0)  # pixels from the edge of a circle to its label
NEAR = 8.0  # of those, within which a label needs no line
ALONG_BAR, OVER_BAR, OVER_LABEL, OUTSIDE = 30.0, 60.0, 400.0, 2000.0  # what each costs, in pixels of reach


@dataclass
class Placed:
    """Where labels are, in pixels: boxes (x0, y0, x1, y1), lines (from x, y to x, y); what it costs."""

    boxes: dict[int, Array] = field(default_factory=dict)
    lines: dict[int, Array] = field(default_factory=dict)
    cost: float = 0.0


def label_points(ax: Axes, points: Array, labels: Sequence[str], areas: Array, bars: Array) -> None:
    """The name of each point beside it, where it covers the least; a line to it where that is not close.

    Args:
        ax: its limits and the layout of its figure are final.
        points: (N, 2), in data coordinates.
        labels: N.
        areas: (N,) of the circles, in square points as Matplotlib takes them: of the squares around.
        bars: (M, 2, 2), ends of error bars in data coordinates.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    pixels = figure.dpi / 72  # a point
    spots, radii = ax.transData.transform(points), np.sqrt(areas) / 2 * pixels
    texts = [
        ax.annotate(label, point, (0, 0), textcoords="offset points", ha="center", va="center", zorder=3)
        for label, point in zip(labels, points, strict=True)
    ]
    extents = [text.get_window_extent() for text in texts]
    sizes = np.array([(one.width, one.height) for one in extents])
    ends = ax.transData.transform(bars.reshape(-1, 2)).reshape(-1, 4)
    inside = np.array(ax.get_window_extent().extents)
    ways = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1))
    tried = (_place(np.argsort(spots @ way), spots, radii, sizes, ends, inside) for way in ways)
    best = min(tried, key=lambda one: one.cost)
    for at, box in best.boxes.items():
        texts[at].set_position(((box[:2] + box[2:]) / 2 - spots[at]) / pixels)
        start, end = best.lines[at][:2], best.lines[at][2:]
        if np.hypot(*(end - start)) > NEAR:
            ax.annotate(
                "", points[at], (end - spots[at]) / pixels, textcoords="offset points", zorder=1.5,
                arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": ink(), "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _place(order: Any, spots: Array, radii: Array, sizes: Array, bars: Array, inside: Array) -> Placed:
    """Label after label in this order, each at the place that costs the least."""
    placed = Placed()
    circles = np.hstack([spots - radii[:, None], spots + radii[:, None]])
    thick = np.hstack(
        [np.minimum(bars[:, :2], bars[:, 2:]) - 0.5, np.maximum(bars[:, :2], bars[:, 2:]) + 0.5]
    )
    reach, angle = (grid.ravel() for grid in np.meshgrid(REACHES, ANGLES, indexing="ij"))
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for at in order:
        middle = spots[at] + ways * (reach[:, None] + radii[at] + sizes[at] / 2)
        boxes = np.hstack([middle - sizes[at] / 2, middle + sizes[at] / 2])
        near = np.clip(spots[at], boxes[:, :2], boxes[:, 2:])
        lines = np.hstack([spots[at] + ways * radii[at], near])
        steps = lines[:, None, :2] + np.linspace(0, 1, 20)[:, None] * (
            lines[:, None, 2:] - lines[:, None, :2]
        )
        others = np.delete(circles, at, axis=0)
        taken = np.array([*placed.boxes.values()]).reshape(-1, 4)
        drawn = np.array([*placed.lines.values()]).reshape(-1, 4)
        between = drawn[:, None, :2] + np.linspace(0, 1, 20)[:, None] * (
            drawn[:, None, 2:] - drawn[:, None, :2]
        )
        cost = reach + OVER_BAR * _overlaps(boxes, thick).sum(1)
        cost += OVER_LABEL * (_overlaps(boxes, circles).sum(1) + _overlaps(boxes, taken).sum(1))
        cost += OVER_LABEL * (_through(steps, others) + _through(steps, taken))
        cost += OVER_LABEL * _overlaps(boxes, np.concatenate([between, between], -1).reshape(-1, 4)).any(1)
        cost += ALONG_BAR * ((reach > NEAR) & (np.abs(ways).max(1) > 0.99))
        cost += OUTSIDE * ((boxes[:, :2] < inside[:2]) | (boxes[:, 2:] > inside[2:])).any(1)
        chosen = int(cost.argmin())
        placed.boxes[at], placed.lines[at] = boxes[chosen], lines[chosen]
        placed.cost += float(cost[chosen])
    return placed


def _overlaps(boxes: Array, others: Array) -> NDArray[np.bool_]:
    """(K, M): which of K boxes overlaps which of M others, with a pixel between."""
    a, b = boxes[:, None] + np.array([-1, -1, 1, 1]), others[None]
    return (
        (a[..., 0] < b[..., 2]) & (a[..., 2] > b[..., 0]) & (a[..., 1] < b[..., 3]) & (a[..., 3] > b[..., 1])
    )


def _through(steps: Array, boxes: Array) -> NDArray[np.int64]:
    """(K,): through how many boxes each line of points (K, S, 2) goes."""
    points = steps[:, :, None]
    inside = np.all((points > boxes[:, :2]) & (points < boxes[:, 2:]), axis=-1)
    return np.any(inside, axis=1).sum(1)
