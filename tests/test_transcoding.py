"""A copy that `prepare.transcode` makes: the frames of its video, in their order, or nothing at all."""

import resource

import av
import numpy as np
import pytest

import numbered_videos
import video_files
from m2clip.data import isolated, transcoding, video
from m2clip.data.build_manifest import _placed
from m2clip.data.pyav import exact
from m2clip.data.transcoding import Copies, size, transcode
from m2clip.data.video import VideoError, read
from m2clip.errors import UserError

KINDS = (
    "h264-open.mp4", "h264-variable-rate.mp4", "h264-late.mkv", "h264-2.ts", "mpeg4-2.avi", "vp9.webm",
    "hevc.mp4", "pictures.gif",
)  # fmt: skip


def keyframes(path):
    with av.open(str(path)) as container:
        return [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]


@pytest.mark.parametrize("name", KINDS)
def test_a_copy_has_the_frames_of_its_video_in_their_order(tmp_path, name):
    source, target = numbered_videos.case(tmp_path, name), tmp_path / "copies/a.mp4"
    before = source.read_bytes()
    copied, measured = transcode(source, target, 32, 16), video.probe(source)
    assert copied == video.probe(target) and source.read_bytes() == before
    assert (copied.frames, copied.width, copied.height) == (100, 40, 32)
    assert copied.duration == pytest.approx(measured.duration, abs=2e-3)
    assert copied.fps == pytest.approx(measured.fps, rel=1e-3)
    found = [video_files.index_of(frame) for frame in read(target, range(100), 100)]
    assert found == list(range(100))
    assert keyframes(target) == list(range(0, 100, 16)) and exact(str(target))
    assert [file.name for file in target.parent.iterdir()] == ["a.mp4"]


def test_a_copy_has_the_colours_of_its_video_and_is_upright(tmp_path):
    source = numbered_videos.rotated(tmp_path)
    transcode(source, tmp_path / "a.mp4", 256, 16)
    frames, before = read(tmp_path / "a.mp4", [0, 50], 100), read(source, [0, 50], 100)
    assert frames.shape == before.shape == (2, 80, 64, 3)
    assert np.abs(frames.astype(int) - before).mean() < 4


def test_a_copy_has_the_same_bits_each_time(tmp_path):
    source = numbered_videos.case(tmp_path, "h264-open.mp4")
    made = {transcode(source, tmp_path / f"{number}.mp4", 256, 16).md5 for number in range(3)}
    assert len(made) == 1


@pytest.mark.parametrize(
    ("given", "short_side", "expected"),
    [
        ((1280, 720), 256, (456, 256)),
        ((720, 1280), 256, (256, 456)),
        ((340, 256), 256, (340, 256)),
        ((320, 240), 256, (320, 240)),
        ((341, 257), 256, (340, 256)),
        ((63, 41), 256, (64, 40)),
        ((1000, 2), 16, (1000, 2)),
    ],
)
def test_the_short_side_is_the_one_asked_for_and_never_larger(given, short_side, expected):
    assert size(*given, short_side) == expected


@pytest.mark.parametrize("frames", [99, 101])
def test_a_copy_with_other_frames_is_refused(tmp_path, monkeypatch, frames):
    """Its video is told, and nothing of the copy is left."""
    source = numbered_videos.case(tmp_path, "h264-2.mp4")
    found = iter([video.probe(source)])
    other = numbered_videos.write(tmp_path / "other.mp4", frames=frames)
    monkeypatch.setattr(transcoding, "probe", lambda path: next(found, None) or video.probe(other))
    with pytest.raises(VideoError, match=rf"h264-2.mp4: its copy has {frames} frames, .* for 100, 4 s"):
        transcode(source, tmp_path / "copies/a.mp4", 32, 16)
    assert not list((tmp_path / "copies").iterdir())


@pytest.fixture
def full_disk():
    """No file may have more than 3000 bytes, as on a disk that fills."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_disk_that_fills_leaves_the_copy_that_was_there(tmp_path, full_disk):
    source, target = numbered_videos.case(tmp_path, "h264-2.mp4"), tmp_path / "copies/a.mp4"
    transcode(source, target, 32, 16)
    before = target.read_bytes()
    full_disk()
    with pytest.raises(VideoError, match="its copy cannot be written: File too large"):
        transcode(source, target, 64, 16)
    assert target.read_bytes() == before and len(list(target.parent.iterdir())) == 1


def test_a_process_that_dies_leaves_no_half_of_a_copy(tmp_path, monkeypatch):
    source, target = numbered_videos.case(tmp_path, "h264-2.mp4"), tmp_path / "a.mp4"

    def dies(*asked):
        transcoding.unfinished(target).write_bytes(b"half")
        raise VideoError(source, "damaged: decoding it crashes (SIGSEGV)")

    monkeypatch.setattr(isolated, "_ask", dies)
    with pytest.raises(VideoError, match="SIGSEGV"):
        isolated.transcode(source, target, 32, 16)
    assert [file.name for file in tmp_path.iterdir()] == [source.name]


def test_two_videos_that_would_have_one_copy(tmp_path):
    asked = Copies(folder=tmp_path, short_side=256, keyframes=16)
    assert _placed(["a/b.avi", "a/b.avi", "b.webm"], asked) == {
        "a/b.avi": "256-16/a/b.mp4", "b.webm": "256-16/b.mp4"
    }  # fmt: skip
    with pytest.raises(UserError, match=r"a/b.avi and a/b.mkv would have the same copy"):
        _placed(["a/b.avi", "a/b.mkv"], asked)
