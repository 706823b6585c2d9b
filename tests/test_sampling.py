"""Frame numbers of training and test views against plain statements."""

import math
from fractions import Fraction

import numpy as np
import pytest

from m2clip.data.sampling import dense, segments, test_clips, train_clip

TOTALS = (1, 2, 3, 7, 8, 9, 16, 40, 41, 300)


def generator(seed=0):
    return np.random.default_rng(seed)


def test_middle_frames_by_hand():
    assert segments(40, 8).tolist() == [2, 7, 12, 17, 22, 27, 32, 37]
    assert segments(10, 4).tolist() == [1, 3, 6, 8]
    assert segments(3, 8).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert segments(1, 4).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("T", (1, 4, 8, 16, 32))
@pytest.mark.parametrize("clips", (1, 3))
def test_middle_frames_against_exact_fractions(total, T, clips):
    for clip in range(clips):
        expected = []
        for i in range(T):
            start, end = Fraction(i * total, T), Fraction((i + 1) * total, T)
            expected.append(math.floor(start + (end - start) * Fraction(2 * clip + 1, 2 * clips)))
        assert segments(total, T, clip=clip, clips=clips).tolist() == expected


@pytest.mark.parametrize("total", TOTALS)
def test_random_frames_stay_in_their_segments_and_reach_all_of_them(total):
    T, source = 8, generator()
    drawn = np.stack([segments(total, T, source) for _ in range(600)])
    for i in range(T):
        first, last = math.floor(i * total / T), math.ceil((i + 1) * total / T) - 1
        seen = set(drawn[:, i].tolist())
        assert seen <= set(range(first, last + 1))
        if total <= 41:
            assert seen == set(range(first, last + 1))


def test_random_frames_never_pass_the_end():
    class Largest:
        def random(self, n):
            return np.full(n, np.nextafter(1.0, 0.0))

    assert segments(40, 8, Largest()).max() == 39
    assert train_clip(1, 8, "segments", 1, Largest()).tolist() == [0] * 8


def test_dense_by_hand():
    assert dense(200, 8, 16).tolist() == [43 + 16 * i for i in range(8)]  # slack 200 - 113 = 87
    assert dense(40, 8, 16).tolist() == [0, 16, 32, 39, 39, 39, 39, 39]
    starts = [dense(200, 8, 16, clip=clip, clips=3)[0] for clip in range(3)]
    assert starts == [0, 44, 87]  # round(43.5) is 44, as in the released code
    assert dense(200, 8, 16, clip=2, clips=3)[-1] == 199


def test_dense_training_starts_everywhere():
    source = generator()
    drawn = np.stack([dense(20, 4, 5, source) for _ in range(300)])
    assert set(drawn[:, 0].tolist()) == {0, 1, 2, 3, 4}
    assert (np.diff(drawn, axis=1) == 5).all()
    assert set(dense(1, 4, 5, source).tolist()) == {0}


@pytest.mark.parametrize("T", (8, 16, 32))
@pytest.mark.parametrize("total", (300, 100, 9))
def test_dense_of_every_number_of_frames_is_a_ladder_from_its_start(total, T):
    covered = 16 * (T - 1) + 1
    starts = [0] * 3 if covered >= total else [0, round((total - covered) / 2), total - covered]
    for clip, start in enumerate(starts):
        ladder = [min(start + 16 * step, total - 1) for step in range(T)]
        assert dense(total, T, 16, clip=clip, clips=3).tolist() == ladder
        drawn = dense(total, T, 16, generator(clip)).tolist()
        assert drawn == [min(drawn[0] + 16 * step, total - 1) for step in range(T)]


@pytest.mark.parametrize("sampling", ("segments", "dense"))
@pytest.mark.parametrize("total", TOTALS)
def test_clips_of_a_video(sampling, total):
    views = test_clips(total, 8, 3, sampling, 4)
    assert views.shape == (3, 8) and views.min() >= 0 and views.max() < total
    assert (np.diff(views, axis=1) >= 0).all()
    assert (test_clips(total, 8, 1, sampling, 4)[0] == views[1]).all() or sampling == "dense"
    if total == 300:
        assert len({tuple(view) for view in views.tolist()}) == 3


def test_impossible_requests():
    for call in (
        lambda: segments(0, 8),
        lambda: dense(5, 0, 1),
        lambda: segments(5, 8, clip=3, clips=3),
    ):
        with pytest.raises(ValueError, match="frames from a video of"):
            call()
