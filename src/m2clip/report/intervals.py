"""The one interval of this repository: 95 % by a percentile bootstrap over test videos.

Percentiles and not BCa: the mean of a thousand or more per-video numbers is all but symmetric, so that the
two agree, and BCa has no answer where all videos agree. Every interval draws from the same seed, so that it
is the same on each machine and in each order.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

LEVEL = 0.95
DRAWS = 9999
SEED = 0
AT_ONCE = 250_000  # numbers drawn at once: what fits a cache is drawn three times as fast
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Interval:
    """From low to high, both within."""

    low: float
    high: float


def over_videos(values: Array, members: Array) -> Interval | None:
    """The interval of the mean over splits of each split's mean; None of fewer than two videos.

    The unit is the video: one that is in several splits is drawn once and counts in each of them.

    Args:
        values: (N,), a number for each video, or a paired difference.
        members: (S, N), 1 where a split has a video; a video that no split has counts for nothing.
    """
    inside = members.any(axis=0)
    if inside.sum() < 2:
        return None
    within = np.ascontiguousarray(members[:, inside])
    return _drawn(values[inside].tobytes(), within.tobytes(), len(members))


def mean_over_splits(values: Array, *members: Array, axis: int = -1) -> Array:
    """Mean over splits of the mean over the videos of each; `axis` is that of the videos.

    A draw from a very small set may leave a split empty; the mean is then over the others.
    """
    if not members:  # one split that has all videos: no need to draw who is in it
        return values.mean(axis=axis)
    with np.errstate(invalid="ignore"):
        return np.nanmean([(values * part).sum(axis) / part.sum(axis) for part in members], axis=0)


@cache
def _drawn(values: bytes, members: bytes, splits: int) -> Interval:
    """Tables, figures and claims ask for the same interval; it is drawn once."""
    from scipy.stats import bootstrap

    data = np.frombuffer(values)
    parts = np.frombuffer(members).reshape(splits, -1) if splits > 1 else ()
    found = bootstrap(
        (data, *parts), mean_over_splits, paired=True, vectorized=True, method="percentile",
        n_resamples=DRAWS, confidence_level=LEVEL, batch=max(1, AT_ONCE // len(data)),
        rng=np.random.default_rng(SEED),
    ).confidence_interval  # fmt: skip
    return Interval(float(found.low), float(found.high))
