"""Names at the points of a scatter plot, none over another, without a search that takes long."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from m2clip.report.figures.style import ink

Array = NDArray[np.float64]
ANGLES = np.radians(np.arange(0, 360, 15))
REACHES = np.arange(2, 130, 4.0)  # pixels from the edge of a circle to its label
NEAR = 8.0  # of those, within which a label needs no line
ALONG_BAR, OVER_BAR, OVER_LABEL, OUTSIDE = 30.0, 60.0, 400.0, 2000.0  # what each costs, in pixels of reach


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
    best = min(tried, key=lambda one: one[0])[1]
    for at, (box, line) in best.items():
        texts[at].set_position(((box[:2] + box[2:]) / 2 - spots[at]) / pixels)
        if np.hypot(*(line[2:] - line[:2])) > NEAR:
            ax.annotate(
                "", points[at], (line[2:] - spots[at]) / pixels, textcoords="offset points", zorder=1.5,
                arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": ink(), "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _place(
    order: NDArray[np.intp], spots: Array, radii: Array, sizes: Array, bars: Array, inside: Array
) -> tuple[float, dict[int, tuple[Array, Array]]]:
    """Label after label in this order at the place that costs the least: the cost of all, boxes and lines.

    A box is (x0, y0, x1, y1), a line (from x, y to x, y), in pixels.
    """
    placed: dict[int, tuple[Array, Array]] = {}
    total = 0.0
    circles = np.hstack([spots - radii[:, None], spots + radii[:, None]])
    thick = np.hstack([np.minimum(bars[:, :2], bars[:, 2:]), np.maximum(bars[:, :2], bars[:, 2:])])
    reach, angle = (grid.ravel() for grid in np.meshgrid(REACHES, ANGLES, indexing="ij"))
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for at in order:
        middle = spots[at] + ways * (reach[:, None] + radii[at] + sizes[at] / 2)
        boxes = np.hstack([middle - sizes[at] / 2, middle + sizes[at] / 2])
        lines = np.hstack([spots[at] + ways * radii[at], np.clip(spots[at], boxes[:, :2], boxes[:, 2:])])
        others = np.array([box for box, _ in placed.values()]).reshape(-1, 4)
        drawn = _along(np.array([line for _, line in placed.values()]).reshape(-1, 4)).reshape(-1, 2)
        taken = np.concatenate([np.delete(circles, at, axis=0), others])
        inner = np.all(
            (_along(lines)[:, :, None] > taken[:, :2]) & (_along(lines)[:, :, None] < taken[:, 2:]), -1
        )
        cost = (
            reach
            + OVER_BAR * _overlaps(boxes, thick).sum(1)
            + ALONG_BAR * ((reach > NEAR) & (np.abs(ways).max(1) > 0.99))
        )
        cost += OVER_LABEL * (_overlaps(boxes, taken).sum(1) + _overlaps(boxes, circles[at : at + 1]).sum(1))
        cost += OVER_LABEL * (inner.any(1).sum(1) + _overlaps(boxes, np.hstack([drawn, drawn])).any(1))
        cost += OUTSIDE * ((boxes[:, :2] < inside[:2]) | (boxes[:, 2:] > inside[2:])).any(1)
        chosen = int(cost.argmin())
        placed[int(at)] = boxes[chosen], lines[chosen]
        total += float(cost[chosen])
    return total, placed


def _along(lines: Array) -> Array:
    """(N, 4) -> (N, 20, 2): points of lines, from end to end."""
    return lines[:, None, :2] + np.linspace(0, 1, 20)[:, None] * (lines[:, None, 2:] - lines[:, None, :2])


def _overlaps(boxes: Array, others: Array) -> NDArray[np.bool_]:
    """(K, M): which of K boxes overlaps which of M others, with a pixel between."""
    a, b = boxes[:, None] + np.array([-1, -1, 1, 1]), others[None]
    return (
        (a[..., 0] < b[..., 2]) & (a[..., 2] > b[..., 0]) & (a[..., 1] < b[..., 3]) & (a[..., 3] > b[..., 1])
    )
