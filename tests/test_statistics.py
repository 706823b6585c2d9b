"""Bootstraps against plain ones and closed forms, p-values against a normal's, Holm against a hand count."""

import numpy as np
import pytest
from scipy import stats

from m2clip.report import statistics
from m2clip.report.statistics import Interval


def plain_bootstrap(values, members, draws=4000):
    """Video by video and split by split, with another generator."""
    random = np.random.default_rng(11)
    means = []
    for _ in range(draws):
        drawn = random.integers(values.size, size=values.size)
        parts = [values[drawn][part[drawn] > 0].mean() for part in members]
        means.append(np.mean(parts))
    return np.percentile(means, (2.5, 97.5))


def test_the_interval_is_that_of_a_plain_bootstrap():
    random = np.random.default_rng(3)
    values = 100.0 * random.integers(-1, 2, size=300)
    one = np.ones((1, 300))
    several = (random.random((3, 300)) < 0.2).astype(float)
    several[1] = several[0] * (random.random(300) < 0.7)  # videos in two splits, and many in none
    for members in (one, several):
        inside = members.any(axis=0)
        low, high = plain_bootstrap(values[inside], members[:, inside])
        found = statistics.over_videos(values, members)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * (high - low))
    assert statistics.over_videos(values, several) == statistics.over_videos(values, several)
    assert statistics.over_videos(np.zeros(50), np.ones((1, 50))) == Interval(0, 0)
    assert statistics.over_videos(np.ones(1), np.ones((1, 1))) is None
    few = statistics.over_videos(values[:6], np.eye(3).repeat(2, axis=1))
    assert np.isfinite([few.low, few.high]).all(), "a draw may miss a split"


@pytest.mark.parametrize("splits", [1, 2])
def test_over_videos_and_seeds_it_spreads_as_the_closed_form_of_both_says(splits):
    """Two-way random effects: Var = Var(seeds) / R + Var(videos) / N, where little else varies."""
    random = np.random.default_rng(7)
    seeds, videos = 8, 500
    of_seed, of_video = random.normal(0, 2, seeds), random.normal(0, 30, videos)
    values = 1 + of_seed[:, None] + of_video + random.normal(0, 0.1, (seeds, videos))
    members = np.ones((1, videos)) if splits == 1 else np.arange(videos) % 2 == np.arange(2)[:, None]
    drawn = statistics.draws(values, members.astype(float))
    expected = values.mean(axis=1).var(ddof=1) / seeds + values.mean(axis=0).var(ddof=1) / videos
    assert drawn.shape == (statistics.DRAWS,)
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.1)
    assert drawn.std() == pytest.approx(np.sqrt(expected), rel=0.05)
    of_videos_alone = statistics.draws(values.mean(axis=0)[None], members.astype(float))
    assert drawn.std() > 1.05 * of_videos_alone.std(), "the seeds' share is seen"


def test_of_seeds_that_agree_it_is_the_interval_over_videos():
    values = 100.0 * np.random.default_rng(5).integers(-1, 2, size=400)
    both = statistics.interval(statistics.draws(np.stack([values, values]), np.ones((1, 400))))
    one = statistics.over_videos(values, np.ones((1, 400)))
    assert (both.low, both.high) == pytest.approx((one.low, one.high), abs=0.05 * (one.high - one.low))


def test_p_values_are_those_of_a_normal():
    drawn = np.random.default_rng(2).normal(1.5, 1, 200_000)
    found = statistics.of_draws(drawn, 1.0)
    assert found.p == pytest.approx(2 * stats.norm.cdf(-1.5), rel=0.05)
    assert found.interval == statistics.interval(drawn)
    assert statistics.of_draws(-drawn, 1.0).p == found.p
    assert statistics.of_draws(np.zeros(99), 1.0).p == 1.0
    assert statistics.of_draws(np.ones(99), 2.0).p == 2 / 100, "never below what the draws can tell"
    narrow = drawn * 0.3
    assert statistics.of_draws(narrow, 1.0).p_same == pytest.approx(stats.norm.sf(1, 0.45, 0.3), rel=0.05)
    assert statistics.of_draws(-narrow, 1.0).p_same == statistics.of_draws(narrow, 1.0).p_same
    assert found.p_same > 0.5
    assert statistics.of_draws(np.zeros(99), 1.0).p_same == 1 / 100, "nor is that of no difference"


def test_that_there_is_no_loss_is_tested_against_the_loss_that_counts_as_none():
    drawn = np.random.default_rng(2).normal(0.5, 0.5, 200_000)
    assert statistics.of_draws(drawn, 1.0, floor=-1.0).p == pytest.approx(2 * stats.norm.cdf(-3), rel=0.2)
    lost = statistics.of_draws(drawn - 3, 1.0, floor=-1.0).p
    assert lost == statistics.of_draws(drawn - 3, 1.0).p, "a loss is one from zero"


def test_over_seeds_alone_it_is_student_s():
    values = [0.11, 0.18, 0.14]
    found, middle, error = statistics.of_seeds(values, 0.01), np.mean(values), stats.sem(values)
    reach = stats.t.ppf(0.975, 2) * error
    assert (found.interval.low, found.interval.high) == pytest.approx((middle - reach, middle + reach))
    assert found.p == pytest.approx(2 * stats.t.sf(middle / error, 2))
    assert found.p_same == pytest.approx(stats.t.cdf((middle - 0.01) / error, 2)) and found.p_same > 0.9
    near = statistics.of_seeds([0.001, 0.0012, 0.0011], 0.01)
    assert near.p_same < 0.001
    lost = statistics.of_seeds([value - 0.15 for value in values], 0.01, floor=-0.05)
    above, below = stats.t.sf((middle - 0.1) / error, 2), stats.t.cdf((middle - 0.15) / error, 2)
    assert lost.p == pytest.approx(2 * min(above, below)) and above < below, (
        "above the loss that counts as none"
    )
    assert statistics.of_seeds([0.1], 0.01) is None and statistics.of_seeds([0.1, 0.1], 0.01) is None


def test_as_many_videos_or_seeds_as_would_decide_do_decide():
    """The count is that at which a new draw of videos and seeds has the standard error that is asked for."""
    random = np.random.default_rng(4)

    def values(seeds, videos):
        of_video = random.normal(0, 40, videos)
        found = 3 + random.normal(0, 1.5, seeds)[:, None] + of_video + random.normal(0, 1, (seeds, videos))
        return found - found.mean() + 3

    some = values(4, 500)
    videos, seeds = statistics.needed(some, np.ones((1, 500)), 1.0, 0.05)
    spread = some.mean(axis=1).std(ddof=1)
    share = some.mean(axis=0).var() / ((3 / stats.norm.ppf(0.975)) ** 2 - spread**2 / 4)
    assert videos == pytest.approx(share, rel=0.05) and videos > 500
    assert seeds is None, "500 videos alone spread more than what is asked for"
    error = np.sqrt(spread**2 / 4 + some.mean(axis=0).var() / videos)
    assert 3 / error == pytest.approx(stats.norm.ppf(0.975), rel=0.02)
    noisy = np.array([-8.0, 0.0, 4.0, 8.0])[:, None] + random.normal(0, 1, (4, 500))
    noisy += 2 - noisy.mean()
    videos, seeds = statistics.needed(noisy, np.ones((1, 500)), 1.0, 0.05)
    assert videos is None, "no number of videos takes away what the seeds differ by"
    assert seeds == pytest.approx(noisy.mean(axis=1).var(ddof=1) / (2 / 1.96) ** 2, rel=0.1)
    flat = noisy - noisy.mean()
    _, within = statistics.needed(flat, np.ones((1, 500)), 1.0, 0.05)
    assert within == pytest.approx(flat.mean(axis=1).var(ddof=1) / (1 / 1.645) ** 2, rel=0.1), "no difference"


def test_holm_steps_down_from_the_smallest():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.5]) == [0.5]
    assert statistics.holm([]) == []
