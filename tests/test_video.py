"""Decoding: the right frames, and every broken file named."""

import pickle
import sys

import numpy as np
import pytest

import official_files
import video_files
from m2clip.data import video as module
from m2clip.data.video import Probe, VideoError, probe, read, verify
from m2clip.errors import UserError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return video_files.write(tmp_path_factory.mktemp("videos") / "a.mp4", 41)


def test_every_frame_is_the_one_asked_for(video):
    frames = read(video, range(41), 41)
    assert frames.shape == (41, 64, 80, 3) and frames.dtype == np.uint8
    assert [video_files.index_of(frame) for frame in frames] == list(range(41))
    # Colour channels in their order, and rows and columns not swapped.
    assert np.abs(frames[9].astype(int) - video_files.frame(9)).mean() < 3


@pytest.mark.parametrize("indices", ([40], [0], [25, 3, 3, 40, 12, 0], [13] * 8, [2, 7, 12, 17, 22, 27]))
def test_any_order_and_repetition(video, indices):
    frames = read(video, indices, 41)
    assert [video_files.index_of(frame) for frame in frames] == indices
    assert (frames == read(video, range(41), 41)[indices]).all()


def test_long_videos(tmp_path):
    long = video_files.write(tmp_path / "long.mp4", 200)
    for indices in ([199, 0, 63, 64, 65, 130], list(range(12, 200, 25)), [62, 63], [63, 64]):
        assert [video_files.index_of(frame) for frame in read(long, indices, 200)] == indices


def test_measured(video):
    measured = probe(video)
    assert isinstance(measured, Probe)
    assert (measured.frames, measured.width, measured.height) == (41, 80, 64)
    assert (measured.fps, measured.duration) == (25.0, 1.64)
    verify(video, measured.md5)


def test_another_content_or_length_is_noticed(video, tmp_path):
    md5 = probe(video).md5
    other = video_files.write(tmp_path / "other.mp4", 40)
    with pytest.raises(VideoError, match="md5"):
        verify(other, md5)
    with pytest.raises(VideoError, match="has 40 frames where the manifest says 41"):
        read(other, [0], 41)
    with pytest.raises(IndexError, match="40"):
        read(other, [40], 40)


def test_one_flipped_byte_changes_the_md5(video, tmp_path):
    content = bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.mp4").write_bytes(content)
    with pytest.raises(VideoError, match="md5"):
        verify(tmp_path / "flipped.mp4", probe(video).md5)


def cut(content):
    return content[: len(content) * 2 // 3]


def holed(content):
    middle = len(content) // 2
    return content[:middle] + content[middle + 300 :]


def text(content):
    return b"not a video at all" * 50


@pytest.mark.parametrize("damage", (cut, holed, text))
def test_damaged_files_are_named(video, tmp_path, damage):
    path = tmp_path / "damaged.mp4"
    path.write_bytes(damage(video.read_bytes()))
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_damage_that_decord_does_not_see_is_found_by_the_strict_decoding(tmp_path):
    """A broken slice in an otherwise whole file: decord makes up frames for it without a word."""
    import av

    path = video_files.write(tmp_path / "a.mp4", 40)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    position, size = packets[20]
    content = bytearray(path.read_bytes())
    content[position + 8 : position + size] = bytes(255 for _ in range(size - 8))
    path.write_bytes(content)
    assert len(read(path, [0, 39], 40)) == 2
    with pytest.raises(VideoError, match="damaged"):
        probe(path)


def test_missing_and_empty(tmp_path):
    (tmp_path / "empty.mp4").touch()
    for name, reason in (("missing.mp4", "missing"), ("empty.mp4", "empty")):
        for call in (probe, lambda path: read(path, [0], 40)):
            with pytest.raises(VideoError) as caught:
                call(tmp_path / name)
            assert caught.value.reason == reason


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(VideoError("a.mp4", "missing")))
    assert (error.path, error.reason, str(error)) == ("a.mp4", "missing", "a.mp4: missing")


@pytest.fixture
def without_decord(monkeypatch):
    """As where decord has no wheel."""
    return lambda: monkeypatch.setitem(sys.modules, "decord", None)


def test_a_clip_cut_without_encoding_it_anew(tmp_path):
    """As many downloaders cut: it holds frames from the last keyframe on, which are not to be shown."""
    import av

    whole, clip = video_files.write(tmp_path / "whole.mp4", 150), tmp_path / "clip.mp4"
    options = {"use_editlist": "1", "avoid_negative_ts": "disabled"}
    with av.open(str(whole)) as source, av.open(str(clip), "w", options=options) as container:
        stream = source.streams.video[0]
        copied = container.add_stream_from_template(stream)
        begin = 30 * int(1 / 25 / stream.time_base)
        source.seek(begin, stream=stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - begin, packet.dts - begin, copied
                container.mux(packet)
    assert probe(clip).frames == 120
    assert [video_files.index_of(frame) for frame in read(clip, [0, 119, 50, 100, 5], 120)] == [
        30,
        149,
        80,
        130,
        35,
    ]


@pytest.mark.parametrize("ending", official_files.ENCODERS)
def test_pyav_gives_the_frames_that_decord_gives(tmp_path, without_decord, ending):
    """In every container; the two convert colours a few levels apart."""
    path = official_files.write(tmp_path / f"a{ending}", 90)
    asked = ([3, 3, 0, 40], [89, 0, 63, 64, 65], range(90))
    measured, frames = probe(path), [read(path, indices, 90) for indices in asked]
    without_decord()
    assert isinstance(module._open(path), module.Reader)
    assert probe(path) == measured
    for indices, expected in zip(asked, frames, strict=True):
        found = read(path, indices, 90)
        assert [video_files.index_of(frame) for frame in found] == list(indices)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        apart = np.abs(found.astype(int) - expected.astype(int))
        assert apart.max() <= 4 and apart.mean() < 1


@pytest.mark.parametrize("damage", (cut, holed, text))
def test_pyav_names_broken_files_too(video, tmp_path, without_decord, damage):
    path = tmp_path / "a.mp4"
    path.write_bytes(damage(video.read_bytes()))
    without_decord()
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(VideoError, match="missing"):
        read(tmp_path / "b.mp4", [0], 41)


def test_pyav_reads_all_where_it_is_asked_for(video, monkeypatch):
    """Also where decord is right, and at no time by decord."""
    right = read(video, [3, 40, 0], 41)
    assert not isinstance(module._open(video), module.Reader)
    monkeypatch.setitem(sys.modules, "decord", None)
    plainly = read(video, [3, 40, 0], 41)
    monkeypatch.undo()
    assert isinstance(module._open(video, "pyav"), module.Reader)
    found = read(video, [3, 40, 0], 41, "pyav")
    assert (found == plainly).all() and np.abs(found.astype(int) - right).max() <= 4
    assert (read(video, [3, 40, 0], 41, "decord") == right).all()


def test_the_packages_that_decode_are_named():
    from importlib.metadata import version

    decord, av = version("decord"), version("av")
    assert module.versions() == {"decord": decord, "av": av}
    assert module.versions("decord") == {"decord": decord} and module.versions("pyav") == {"av": av}
    told = [module.decoder(asked) for asked in ("auto", "decord", "pyav")]
    assert told == [decord, f"decord {decord}", f"av {av}"]


def test_what_decodes_is_named_where_decord_is_not_installed(monkeypatch):
    from importlib.metadata import PackageNotFoundError, version

    from m2clip import provenance

    assert module.decoder() == version("decord")

    def absent(name):
        if name == "decord":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(module, "version", absent)
    monkeypatch.setattr(provenance, "version", absent)
    assert module.decoder() == f"av {version('av')}"
    with pytest.raises(UserError, match=r"data\.decoder: decord is not installed"):
        module.decoder("decord")
    told = provenance.source()["versions"]
    assert "decord" not in told and told["av"] == version("av")
