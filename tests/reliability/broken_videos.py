"""A table of files that are no intact videos: how each is made, and the reason that a person is told."""

import os
import struct
from pathlib import Path

import av
import numpy as np

import numbered_videos as videos

WHOLE = {
    "whole.mp4": videos.h264(),
    "index-first.mp4": videos.h264(muxer={"movflags": "faststart"}),
    "fragments.mp4": videos.h264(muxer=videos.FRAGMENTS),
    "vp8.webm": {"encoder": "libvpx"},
    "vp9.webm": {"encoder": "libvpx-vp9", "codec": videos.FAST},
    "mpeg4.avi": {"encoder": "mpeg4", "codec": {"bf": "2"}},
    "whole.mkv": videos.h264(),
    "whole.mov": videos.h264(),
}


def whole(folder: Path, name: str = "whole.mp4", frames: int = 48) -> Path:
    return videos.write(folder / name, **WHOLE[name], frames=frames)


def sound(folder, name, codec, container=None):
    path = folder / name
    with av.open(str(path), "w", format=container) as made:
        stream = made.add_stream(codec, rate=48000, layout="mono")
        for number in range(10):
            kind = np.int16 if stream.format.name == "s16" else np.float32
            silence = np.zeros((1, 960), kind)
            frame = av.AudioFrame.from_ndarray(silence, format=stream.format.name, layout="mono")
            frame.sample_rate, frame.pts = 48000, 960 * number
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return path


def picture(folder, codec, name, pixels):
    path = folder / name
    with av.open(str(path), "w", format="image2") as made:
        stream = made.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return path


def filled(name, content):
    def make(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return make


def special(name, do):
    def make(folder):
        do(folder / name)
        return folder / name

    return make


def changed(name, change):
    """A whole video with its bytes changed in place."""

    def make(folder):
        path = whole(folder, name)
        content = bytearray(path.read_bytes())
        change(content)
        path.write_bytes(content)
        return path

    return make


def cut_to(name, tenths):
    return changed(name, lambda content: content.__delitem__(slice(len(content) * tenths // 10, None)))


def duration(seconds):
    """Write another duration into the header of a WebM: a float of 8 bytes after 44 89 88."""

    def change(content):
        at = content.index(b"\x44\x89\x88") + 3
        content[at : at + 8] = struct.pack(">d", seconds * 1000)

    return change


def without_segment_size(content):
    """As live encoders write: then only the duration tells that a WebM is cut."""
    at = content.index(b"\x18\x53\x80\x67") + 4
    content[at : at + 8] = b"\x01" + b"\xff" * 7
    del content[len(content) // 2 :]


def large(content):
    """Frames of 16,000 × 16,000 pixels by the header of every keyframe of VP8."""
    at = content.find(b"\x9d\x01\x2a")
    while at >= 0:
        content[at + 3 : at + 7] = struct.pack("<HH", 16_000, 16_000)
        at = content.find(b"\x9d\x01\x2a", at + 7)


def unknown_codec(content):
    content[:] = content.replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC")


def without_index(content):
    at = content.index(b"moov")
    del content[at - 4 :]


NOT_A_VIDEO = {
    "picture.png.mp4": (lambda folder: picture(folder, "png", "a.png", "rgb24"), r"a picture \(PNG\)"),
    "picture.jpg.mp4": (lambda folder: picture(folder, "mjpeg", "a.jpg", "yuvj420p"), r"a picture \(JPEG\)"),
    "picture.tiff": (lambda folder: picture(folder, "tiff", "a.tiff", "rgb24"), r"a picture"),
    "page": (filled("a.mp4", b"\n<!DOCTYPE html>\n<html><body>Video unavailable"), r"a web page \(HTML\)"),
    "page in capitals": (filled("a.mp4", b"<HTML>" + b"x" * 9000), r"a web page \(HTML\)"),
    "text": (filled("a.mp4", b"not a video at all" * 50), "text"),
    "long text": (filled("a.mp4", "Über alle Maße ".encode() * 900), "text"),
    "json": (filled("a.webm", b'{"error": 404}'), "text"),
    "lfs": (filled("a.mp4", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "Git LFS"),
    "zeros": (filled("a.mp4", bytes(100_000)), "nothing but zeros"),
    "archive": (filled("a.mp4", b"PK\x03\x04" + bytes(range(256))), r"an archive \(ZIP\)"),
    "wav": (lambda folder: sound(folder, "a.wav", "pcm_s16le"), r"sound alone \(WAV\)"),
    "m4a": (lambda folder: sound(folder, "a.m4a", "aac"), "sound alone"),
    "webm with sound": (lambda folder: sound(folder, "a.webm", "libopus"), "sound alone"),
    "folder": (special("a.mp4", Path.mkdir), "a folder"),
    "fifo": (special("a.mp4", os.mkfifo), "a pipe or a device"),
    "device": (special("a.mp4", lambda path: path.symlink_to("/dev/zero")), "a pipe or a device"),
}
DAMAGED = {
    "empty": (filled("a.mp4", b""), "^empty$"),
    "missing": (lambda folder: folder / "a.mp4", "^missing$"),
    "dangling link": (special("a.mp4", lambda path: path.symlink_to("nowhere")), "^missing$"),
    "noise": (filled("a.mp4", np.random.default_rng(0).bytes(5000)), "^not a readable video$"),
    "webm without size, cut": (
        changed("vp9.webm", without_segment_size),
        r"^damaged: ends after [\d.]+ s where its header says 1\.92 s$",
    ),
    "webm of ten years": (
        changed("vp9.webm", duration(3e8)),
        r"^damaged: ends after 1\.92 s where its header says 300000000\.00 s$",
    ),
    "16,000 pixels": (changed("vp8.webm", large), "^frames of 16000 × 16000 pixels"),
    "a codec of no one": (changed("whole.mp4", unknown_codec), "^not a readable video: .* its codec$"),
    "mp4 without index": (changed("whole.mp4", without_index), "moov"),
    **{
        f"{name} cut to {tenths} tenths": (cut_to(name, tenths), "^damaged: (cut off: |its index)")
        for name in WHOLE
        for tenths in range(1, 10)
    },
}
