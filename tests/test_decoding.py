"""Every frame of intact videos of every kind is the one that was asked for, by decord and by PyAV."""

import sys

import numpy as np
import pytest

import numbered_videos as videos
import video_files
from m2clip.data import video as module
from m2clip.data.pyav import Reader, exact
from m2clip.data.video import probe, read

MANY = np.random.default_rng(0)


def asked(frames):
    """All frames, few and many, near and far, at both ends; the first had other frames once."""
    far = [[(2 * i + 1) * frames // (2 * T) for i in range(T)] for T in (4, 8)]
    near = [[6, 18, 30, 42], list(range(0, 48, 3))]
    some = [sorted(set(MANY.integers(0, frames, size).tolist())) for size in (2, 8)]
    ends = [[0], [1], [frames - 1], [frames - 2], [frames // 2]]
    return [*near, *far, *some, *ends, list(range(1, frames)), list(range(frames))]


def assert_right(path, expected):
    frames = len(expected)
    for indices in asked(frames):
        if max(indices) < frames:
            found = [video_files.index_of(frame) for frame in read(path, indices, frames)]
            assert found == [expected[index] for index in indices], indices


@pytest.mark.parametrize("name", videos.CASES)
def test_every_frame_is_the_one_that_was_asked_for(tmp_path, monkeypatch, name):
    path = videos.case(tmp_path, name)
    assert probe(path).frames == videos.FRAMES
    assert_right(path, range(videos.FRAMES))
    if exact(str(path)):
        monkeypatch.setitem(sys.modules, "decord", None)
        assert isinstance(module._open(path), Reader)
        assert_right(path, range(videos.FRAMES))


BY_DECORD = ("h264-2.mp4", "h264-2.mkv", "h264-2-no-edit-list.mp4", "h264-variable-rate.mp4", "vp8.webm")


@pytest.mark.parametrize("name", (*BY_DECORD, "vp9.webm", "h264-96-pixels.mp4", "h264-32-pixels.mp4"))
def test_what_decord_gets_right_is_decoded_by_decord(tmp_path, name):
    assert exact(str(videos.case(tmp_path, name)))


@pytest.mark.parametrize("name", ("h264-open.mp4", "h264-intra-refresh.mp4", "h264-24-pixels.mp4"))
def test_the_cases_are_such_that_decord_alone_gets_them_wrong(tmp_path, monkeypatch, name):
    path = videos.case(tmp_path, name)
    monkeypatch.setattr(module, "exact", lambda path: True)
    with pytest.raises((AssertionError, module.VideoError)):
        assert_right(path, range(videos.FRAMES))


def test_divx_with_two_frames_in_a_packet(tmp_path):
    path = videos.divx_packed(tmp_path)
    assert probe(path).frames == 61
    assert_right(path, range(61))


def test_frames_that_are_not_to_be_shown_are_no_frames(tmp_path):
    path = videos.hidden_frames(tmp_path)
    assert probe(path).frames == 98
    assert_right(path, [index for index in range(100) if index not in (20, 50)])


def test_a_rotated_video_is_upright_whoever_decodes(tmp_path, monkeypatch):
    path = videos.rotated(tmp_path)
    frames = read(path, [0, 50], 100)
    assert frames.shape == (2, 80, 64, 3) and (probe(path).width, probe(path).height) == (64, 80)
    monkeypatch.setitem(sys.modules, "decord", None)
    apart = np.abs(read(path, [0, 50], 100).astype(int) - frames)
    assert apart.max() <= 4


@pytest.mark.parametrize("how", ("written over", "put in its place"))
def test_a_file_that_another_took_the_place_of_is_read_anew(tmp_path, how):
    path, other = videos.case(tmp_path, "h264-2.mp4"), videos.case(tmp_path, "h264-open.mp4")
    read(path, [6, 18], 100)
    if how == "written over":
        path.write_bytes(other.read_bytes())
    else:
        other.replace(path)
    assert_right(path, range(100))
