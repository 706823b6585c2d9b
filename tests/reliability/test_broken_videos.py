"""No file ends or holds up `prepare` or `predict`; each that is no intact video is named with a reason."""

import random
import re
import signal
import subprocess
import time

import broken_videos
import pytest

import numbered_videos
import video_files
from m2clip.data import isolated, probing, video
from m2clip.data.video import Probe, VideoError


def reason(path, probe=video.probe):
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("name", broken_videos.NOT_A_VIDEO)
def test_what_is_no_video_is_said(tmp_path, name):
    make, expected = broken_videos.NOT_A_VIDEO[name]
    told = reason(make(tmp_path))
    assert told.startswith("not a video: ")
    assert re.search(expected, told), told


@pytest.mark.parametrize("name", broken_videos.DAMAGED)
def test_what_is_damaged_is_said(tmp_path, name):
    make, expected = broken_videos.DAMAGED[name]
    told = reason(make(tmp_path))
    assert re.search(expected, told), told


@pytest.mark.parametrize("name", broken_videos.WHOLE)
def test_the_same_files_are_good_when_they_are_whole(tmp_path, name):
    path = broken_videos.whole(tmp_path, name)
    assert isolated.probe(path) == video.probe(path)
    asked = [3, 3, 40, 0]
    assert [video_files.index_of(frame) for frame in isolated.read(path, asked, 48)] == asked


@pytest.mark.parametrize("seconds", [1e300, float("nan"), -1.0, 0.0])
def test_a_duration_that_is_no_time_is_as_none(tmp_path, seconds):
    path = broken_videos.changed("vp9.webm", broken_videos.duration(seconds))(tmp_path)
    assert isolated.probe(path).frames == 48
    assert [video_files.index_of(frame) for frame in isolated.read(path, [5, 30], 48)] == [5, 30]


def test_all_of_them_at_once_stop_nothing(tmp_path):
    """In one folder, measured by two processes at a time: every file has its outcome."""
    made = {}
    for number, (make, _) in enumerate((broken_videos.NOT_A_VIDEO | broken_videos.DAMAGED).values()):
        if number % 4 == 0:
            (tmp_path / str(number)).mkdir()
            made[make(tmp_path / str(number)).relative_to(tmp_path).as_posix()] = False
    for number in range(3):
        video_files.write(tmp_path / f"{number}.mp4", 20)
        made[f"{number}.mp4"] = True
    outcomes = probing.probe_all(tmp_path, made, tmp_path / "log", 2)
    assert {path: isinstance(outcome, Probe) for path, outcome in outcomes.items()} == made


CRASH = "os.abort()"
HANG = "time.sleep(60)"
FILL = "print(len(b'x' * (8 << 30)))"


def misbehaving(monkeypatch, tmp_path, what):
    """A decoder that does something worse than to fail when a path has `bad` in it."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from m2clip.data import video, isolated\n"
        "plain = video.probe\n"
        "def probe(path):\n"
        f"    if 'bad' in path.name: {what}\n"
        "    return plain(path)\n"
        "video.probe = probe\n"
    )
    monkeypatch.setattr(
        isolated,
        "PROGRAM",
        f"import sys; sys.path[:] = {{path!r}}; exec(open({str(program)!r}).read()); isolated.serve({{end}})",
    )
    isolated.close()


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    isolated.close()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (CRASH, "damaged: decoding it crashes (SIGABRT)"),
        ("os._exit(3)", "damaged: decoding it crashes (exit code 3)"),
        ("os.kill(os.getpid(), 15)", "decoding it was ended from outside (SIGTERM)"),
        (
            "os.kill(os.getpid(), 9)",
            "decoding it takes more memory than there is, or something else killed it (SIGKILL)",
        ),
        (HANG, "decoding it takes longer than 2 seconds"),
        (FILL, "decoding it takes more than 3 GiB of memory"),
    ],
)
def test_a_decoder_that_dies_or_hangs_is_one_line_about_one_file(tmp_path, monkeypatch, what, told):
    misbehaving(monkeypatch, tmp_path, what)
    names = ["a.mp4", "bad.mp4", "c.mp4"]
    for name in names:
        video_files.write(tmp_path / name, 20)
    isolated.probe(tmp_path / "a.mp4")  # started: only a file's own time counts now
    monkeypatch.setattr(isolated, "SECONDS", 2.0)
    monkeypatch.setattr(isolated, "SECONDS_A_MEGABYTE", 0.0)
    outcomes = probing.probe_all(tmp_path, names, tmp_path / "log", 1)
    assert outcomes["bad.mp4"] == told
    assert isinstance(outcomes["a.mp4"], Probe)
    monkeypatch.setattr(isolated, "SECONDS", 60.0)
    assert isinstance(isolated.probe(tmp_path / "c.mp4"), Probe)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_decoder_that_was_killed_while_it_waited_is_followed_by_another(tmp_path, number):
    """The next file is read as ever: it has nothing to do with that."""
    path = video_files.write(tmp_path / "a.mp4", 20)
    isolated.probe(path)
    (process,) = isolated._idle
    process.process.send_signal(number)
    process.process.wait(20)
    assert isolated.probe(path).frames == 20
    assert isolated._idle != [process]


def test_our_own_mistakes_are_not_called_a_broken_video(tmp_path):
    path = video_files.write(tmp_path / "a.mp4", 20)
    with pytest.raises(IndexError, match="frames 30 to 30 asked of 20"):
        isolated.read(path, [30], 20)


def flipped(content, generator):
    """Bits flipped in the header, the frames or the end of a file, or a stretch of it overwritten."""
    content = bytearray(content)
    size = len(content)
    begin, end = generator.choice([(0, 200), (size // 10, size * 9 // 10), (size - 500, size), (0, size)])
    for _ in range(generator.choice([1, 4, 16, 64])):
        content[generator.randrange(max(0, begin), min(size, end))] ^= 1 << generator.randrange(8)
    if generator.random() < 0.2:
        at = generator.randrange(size)
        content[at : at + 300] = bytes(min(300, size - at))
    return bytes(content)


def outcome_of(path):
    """What `prepare` and then a reader say; everything else than a video or a reason fails the test."""
    try:
        measured = isolated.probe(path)
        isolated.read(path, [0, measured.frames // 2, measured.frames - 1], measured.frames)
    except VideoError as error:
        assert "\n" not in error.reason and len(error.reason) < 200
        return error.reason
    return measured


@pytest.mark.parametrize("count", [3, pytest.param(80, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", broken_videos.WHOLE)
def test_flipped_bits_end_nothing(tmp_path, name, count, record_property):
    content = broken_videos.whole(tmp_path, name).read_bytes()
    generator, found = random.Random(name), []
    contents = [flipped(content, generator) for _ in range(count)]
    record_property("inputs", len(set(contents)))
    record_property("tries", count)
    for number, spoilt in enumerate(contents):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(spoilt)
        started = time.monotonic()
        found.append(outcome_of(path))
        assert time.monotonic() - started < isolated.SECONDS + 10
    assert any(isinstance(each, str) for each in found) or count < 10


@pytest.mark.slow
def test_intact_files_are_never_called_bad_and_read_right_each_time(tmp_path, record_property):
    """A file of each kind, opened once for each of its frames, one file after the other."""
    paths = [numbered_videos.case(tmp_path, name) for name in numbered_videos.CASES]
    frames = numbered_videos.FRAMES
    record_property("inputs", len(paths))
    record_property("tries", len(paths) * frames)
    assert all(isolated.probe(path).frames == frames for path in paths)
    for number in range(frames):
        asked = [(number + i) % frames for i in range(8)]
        for path in paths:
            assert [video_files.index_of(frame) for frame in isolated.read(path, asked, frames)] == asked, (
                path
            )


def test_memory_does_not_grow_with_the_files(tmp_path):
    """The process that decodes, over files of which half are damaged."""
    content = broken_videos.whole(tmp_path).read_bytes()
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    good.write_bytes(content)
    bad.write_bytes(content[: len(content) // 2] + bytes(200) + content[len(content) // 2 + 200 :])

    def megabytes():
        (process,) = isolated._idle
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(process.process.pid)], capture_output=True, check=True
        )
        return int(told.stdout) / 1024

    sizes = []
    for _ in range(3):
        for _ in range(20):
            outcome_of(good), outcome_of(bad)
        sizes.append(megabytes())
    assert sizes[2] - sizes[1] < 20, sizes
