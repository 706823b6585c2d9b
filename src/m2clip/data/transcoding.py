"""Copies of videos that are read faster: smaller, in H.264, with a keyframe every few frames.

`prepare.transcode` of a profile asks for them. A copy has the frames of its video, in number and order as
`video.read` gives them: upright, without sound, evenly spaced at the mean rate, since nothing here asks for
the time of a frame. It is written beside its place, measured, and renamed; the video is only read.
"""

import os
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from m2clip.data.pyav import upright, video_stream
from m2clip.data.video import Probe, VideoError, probe

ENCODING = {  # of libx264; without mbtree, with which its bits are not the same each time, also in one thread
    "preset": "veryfast", "tune": "fastdecode", "crf": "23", "mbtree": "0", "sc_threshold": "0",
    "threads": "1",
}  # fmt: skip
RATE = Fraction(25)  # frames a second of a copy where the video does not tell
SHORTER = 1e-3  # share of its length by which a copy may differ, as time is counted in whole ticks
UNWRITTEN = "its copy cannot be written"  # how the reason begins where the disk failed, not the video


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Where copies go and how they are made.

    folder: of all copies. short_side: pixels; smaller videos keep their size. keyframes: frames from one
    keyframe to the next.
    """

    folder: Path
    short_side: int
    keyframes: int

    def path(self, path: str) -> str:
        """Of the copy of a video, relative to `folder`; copies that are made otherwise lie elsewhere."""
        made = f"{self.short_side}-{self.keyframes}"
        return (made / PurePosixPath(path).with_suffix(".mp4")).as_posix()

    def about(self) -> dict[str, Any]:
        """How they are made, for the summary of a dataset."""
        import av

        how = f"{ENCODING['preset']}, {ENCODING['tune']}, crf {ENCODING['crf']}"
        by = f"libx264, {how}, of av {av.__version__}"
        return {"short_side": self.short_side, "keyframes": self.keyframes, "encoder": by}


def transcode(source: Path, target: Path, short_side: int, keyframes: int) -> Probe:
    """Write the copy of a video and measure it.

    Raises:
        VideoError: as `probe` of the video; or the copy cannot be written, or is not what it should be.
    """
    import av

    measured = probe(source)
    part = unfinished(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            _encode(source, file, measured, short_side, keyframes)
            file.flush()
            os.fsync(file.fileno())
        copied = probe(part)
        apart = abs(copied.duration - measured.duration)
        if copied.frames != measured.frames or apart > SHORTER * measured.duration > 0:
            told = f"{copied.frames} frames, {copied.duration:g} s"
            raise VideoError(source, f"its copy has {told} for {measured.frames}, {measured.duration:g} s")
        part.replace(target)
    except OSError as error:
        raise VideoError(source, f"{UNWRITTEN}: {error.strerror or error}") from None
    except (av.FFmpegError, EOFError, ValueError) as error:
        raise VideoError(source, f"cannot be copied: {error}".splitlines()[0]) from None
    finally:
        part.unlink(missing_ok=True)
    return copied


def unfinished(target: Path) -> Path:
    """What a copy is called until it is whole."""
    return target.with_name(f".{target.name}.part")


def size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height of a copy: even numbers, as H.264 asks for, and no larger than before but for that."""
    scale = min(1.0, short_side / min(width, height))
    across, down = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    return across, down


def _encode(source: Path, file: IO[bytes], measured: Probe, short_side: int, keyframes: int) -> None:
    """Decode all frames and encode them anew."""
    import av

    width, height = size(measured.width, measured.height, short_side)
    to = {"format": "mp4", "options": {"fflags": "+bitexact"}}
    with av.open(str(source)) as given, av.open(file, "w", **to) as made:
        shown = video_stream(given)
        shown.thread_count = 1
        rate = shown.average_rate or RATE
        stream: Any = made.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = ENCODING | {"g": str(keyframes), "keyint_min": str(keyframes)}
        for number, frame in enumerate(islice(given.decode(shown), measured.frames)):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(upright(frame)), format="rgb24")
            picture = picture.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            picture.pts, picture.time_base = number, 1 / rate
            made.mux(stream.encode(picture))
        made.mux(stream.encode())
