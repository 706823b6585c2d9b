"""How sure a difference is: bootstraps over videos and seeds, tests of it, and Holm's correction.

Percentiles and not BCa: the mean of a thousand or more per-video numbers is all but symmetric, so that the
two agree, and BCa has no answer where all videos agree. Every bootstrap draws from the same seed, so that it
is the same on each machine and in each order.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

LEVEL = 0.95
DRAWS = 9999
SEED = 0
SIDES = ((-1, "greater"), (1, "less"))  # ends of the margin, and the alternative of the test against each
Array = np.ndarray[Any, np.dtype[np.float64]]


class Interval(NamedTuple):
    """From low to high, both within."""

    low: float
    high: float


class Test(NamedTuple):
    """What a difference from zero is judged by: its interval and the p-values of two hypotheses.

    p: of no difference, two-sided; with a floor below zero, of a difference from floor to zero. p_same: of a
    difference of `margin` or more to either side (equivalence, the larger p of two one-sided tests).
    """

    interval: Interval
    p: float
    p_same: float


def of_draws(drawn: Array, margin: float, floor: float = 0.0) -> Test:
    """A test by bootstrap draws (DRAWS,): each p-value is the share of draws on the wrong side."""
    count = 1 + len(drawn)
    p = min(1.0, 2 * (1 + float(min((drawn <= floor).sum(), (drawn >= 0).sum()))) / count)
    outside = (1 + float(max((drawn <= -margin).sum(), (drawn >= margin).sum()))) / count
    return Test(interval(drawn), p, outside)


def of_seeds(values: Sequence[float], margin: float, floor: float = 0.0) -> Test | None:
    """A test by Student's t over one difference a seed; None for fewer than two, or if all are equal."""
    from scipy.stats import ttest_1samp

    if len(set(values)) < 2:
        return None
    found = ttest_1samp(values, 0)
    either = [
        ttest_1samp(values, end, alternative=to).pvalue for end, to in ((floor, "greater"), (0, "less"))
    ]
    apart = [ttest_1samp(values, side * margin, alternative=to).pvalue for side, to in SIDES]
    ends = Interval(*map(float, found.confidence_interval(LEVEL)))
    return Test(ends, min(1.0, 2 * float(min(either))), float(max(apart)))


def needed(values: Array, members: Array, margin: float, level: float) -> tuple[int | None, int | None]:
    """How many videos, at these seeds, or seeds, at these videos, would decide; None where no number would.

    By the closed form of two-way random effects, Var = Var(seeds) / R + Var(videos) / N, as if the difference
    and both variances were as measured: either its normal interval leaves zero outside, or two one-sided
    tests find it within the margin.

    Args:
        values: (R, N), of each of R > 1 seeds a number for each video.
        members: (S, N), as over_videos has it.
        margin: below which a difference is none.
        level: of the two-sided test against zero, after correction.
    """
    from scipy.stats import norm

    of_seed = np.array([mean_over_splits(one, *members) for one in values])
    size, drawn = abs(float(of_seed.mean())), draws(values.mean(axis=0)[None], members)
    if drawn is None:
        return None, None
    videos, seeds = int(members.any(axis=0).sum()), len(values)
    error = max(size / norm.ppf(1 - level / 2), (margin - size) / norm.ppf(LEVEL)) ** 2
    by_videos, by_seeds = float(drawn.var()), float(of_seed.var(ddof=1)) / seeds

    def least(count: int, own: float, other: float) -> int | None:
        return max(count + 1, math.ceil(count * own / (error - other))) if error > other else None

    return least(videos, by_videos, by_seeds), least(seeds, by_seeds, by_videos)


def over_videos(values: Array, members: Array) -> Interval | None:
    """The 95 % interval of the mean over splits of each split's mean; None of fewer than two videos.

    The unit is the video: one that is in several splits is drawn once and counts in each of them.

    Args:
        values: (N,), a number for each video, or a paired difference.
        members: (S, N), 1 where a split has a video; a video that no split has counts for nothing.
    """
    found = draws(values[None], members)
    return None if found is None else interval(found)


def draws(values: Array, members: Array) -> Array | None:
    """(DRAWS,), the mean over splits as the bootstrap draws it; None of fewer than two videos.

    Videos are drawn; of several seeds, seeds too, each independently (a pigeonhole bootstrap). Few seeds
    drawn with replacement spread less than seeds do, by (R - 1) / R in their variance, so the distance of
    each seed from the mean is enlarged by that much. What neither videos nor seeds explain is counted for
    both, so the interval is rather too wide than too narrow. values: (R, N), of each of R seeds a number
    for each video. members: (S, N), as over_videos has it.
    """
    inside = members.any(axis=0)
    if inside.sum() < 2:
        return None
    return _drawn(values[:, inside].tobytes(), members[:, inside].tobytes(), len(values), len(members))


def interval(drawn: Array) -> Interval:
    """Percentiles of what a bootstrap drew."""
    tail = (1 - LEVEL) / 2
    return Interval(*map(float, np.percentile(drawn, (100 * tail, 100 * (1 - tail)))))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values by Holm's correction: any false finding among them has at most the stated chance."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def mean_over_splits(values: Array, *members: Array) -> Array:
    """Mean over splits of the mean over the videos of each; the last axis is that of the videos.

    A draw from a very small set may leave a split empty; the mean is then over the others.
    """
    with np.errstate(invalid="ignore"):
        return np.nanmean([(values * part).sum(-1) / part.sum(-1) for part in members], axis=0)


@cache
def _drawn(values: bytes, members: bytes, seeds: int, splits: int) -> Array:
    """Tables, figures and claims ask for the same draws; they are drawn once.

    Videos with the same numbers in the same splits are of one kind. How many of each kind a draw has is
    multinomial, so that kinds are drawn and not videos: there are few of them.
    """
    data, parts = np.frombuffer(values).reshape(seeds, -1), np.frombuffer(members).reshape(splits, -1)
    random, videos = np.random.default_rng(SEED), parts.shape[1]
    of_seed = np.array([mean_over_splits(one, *parts) for one in data])
    enlarged = math.sqrt(seeds / (seeds - 1)) - 1 if seeds > 1 else 0.0
    kinds, counts = np.unique(np.concatenate([data, parts]), axis=1, return_counts=True)
    data, parts = kinds[:seeds] + (of_seed - of_seed.mean())[:, None] * enlarged, kinds[seeds:]
    of_kind = random.multinomial(videos, counts / videos, size=DRAWS).astype(float)
    drawn_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS) / seeds
    sums = of_kind @ np.einsum("rk,sk->krs", data, parts).reshape(len(counts), -1)
    right = np.einsum("drs,dr->ds", sums.reshape(-1, seeds, splits), drawn_seeds)
    with np.errstate(invalid="ignore"):
        return np.nanmean(right / (of_kind @ parts.T), axis=1)
