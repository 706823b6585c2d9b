"""Which frames of a video a view has: from the number of frames to T frame numbers.

A video with fewer than T frames repeats some.
"""

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def segments(
    total: int,
    T: int,
    generator: np.random.Generator | None = None,
    *,
    clip: int = 0,
    clips: int = 1,
) -> Indices:
    """Sparse sampling of TSN: the video is cut into T equal segments and gives one frame of each.

    In training (with a generator) that frame is random, in testing it is the middle one. With several test
    clips, their frames are spread evenly over each segment; TSN and the released code have one clip. The
    paper says "sparse sampling" and no more. The released code divides total - 1 frames instead of total and
    rounds the borders; a border belongs to both of its segments, so a frame may be drawn twice.

    Args:
        total: frames of the video.
        T: frames of the view.
        generator: in training, where randomness comes from; None in testing.
        clip: in testing, which of `clips`.
        clips: in testing, how many.
    """
    _check(total, T, clip, clips)
    if generator is None:
        return (2 * clips * np.arange(T) + 2 * clip + 1) * total // (2 * clips * T)
    within = np.floor((np.arange(T) + generator.random(T)) * total / T).astype(np.int64)
    return np.minimum(within, total - 1)  # rounding may reach total


def dense(
    total: int,
    T: int,
    stride: int,
    generator: np.random.Generator | None = None,
    *,
    clip: int = 0,
    clips: int = 1,
) -> Indices:
    """Dense sampling of I3D: T frames, `stride` apart; what lies beyond the end is the last frame.

    In training (with a generator) from a random start, in testing from the middle, or, with several clips,
    from starts spread evenly from the first possible to the last. The released code does the same on K400,
    with one difference: in training it pads a short video with the last frame that the stride reached.

    Args:
        total: frames of the video.
        T: frames of the view.
        stride: distance of neighbouring frames.
        generator: in training, where randomness comes from; None in testing.
        clip: in testing, which of `clips`.
        clips: in testing, how many.
    """
    _check(total, T, clip, clips)
    slack = max(0, total - (stride * (T - 1) + 1))
    if generator is not None:
        start = int(generator.integers(slack + 1))
    elif clips == 1:
        start = slack // 2
    else:
        start = round(slack / (clips - 1) * clip)
    return np.minimum(start + stride * np.arange(T), total - 1)


def test_clips(total: int, T: int, clips: int, sampling: str, stride: int) -> Indices:
    """Frame numbers of all temporal samples of a video in testing, (clips, T)."""
    if sampling == "dense":
        return np.stack([dense(total, T, stride, clip=clip, clips=clips) for clip in range(clips)])
    return np.stack([segments(total, T, clip=clip, clips=clips) for clip in range(clips)])


test_clips.__test__ = False  # type: ignore[attr-defined]  # its name is no test's for pytest


def train_clip(total: int, T: int, sampling: str, stride: int, generator: np.random.Generator) -> Indices:
    """Frame numbers of one random temporal sample, (T,)."""
    if sampling == "dense":
        return dense(total, T, stride, generator)
    return segments(total, T, generator)


def _check(total: int, T: int, clip: int, clips: int) -> None:
    if total < 1 or T < 1 or not 0 <= clip < clips:
        raise ValueError(f"clip {clip} of {clips} with {T} frames from a video of {total}")
