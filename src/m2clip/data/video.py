"""Decoding, and whether a file is what the manifest says. The only module that knows decord.

decord decodes the files that it gets right, which pyav.exact tells; PyAV decodes the others, and all of them
where decord has no wheel (Apple silicon).

decord returns wrong frames from damaged files without an error. So a file is trusted because its md5 and its
number of frames are those of the manifest, never because it was decoded. When a video is prepared there is
nothing to compare with yet: then FFmpeg decodes the whole file once and marks the frames that it had to
repair. That finds files cut short, and two in five of those with a few flipped bits; the others still are
valid H.264, and only a checksum from the publisher could tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2clip.data.pyav import Reader, exact

Frames = npt.NDArray[np.uint8]

UNREAD = "cannot be read"  # how the reason begins where the disk failed, not the video


class VideoError(Exception):
    """A video that cannot be used, and why, in one line."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What the manifest keeps of a file."""

    frames: int
    fps: float
    width: int
    height: int
    duration: float
    md5: str


def probe(path: Path) -> Probe:
    """Decode the whole file once and measure it.

    Raises:
        VideoError: missing, empty, not a video, or any of its frames does not decode.
    """
    digest = checksum(path)
    reader = _open(path)
    frames, fps = len(reader), round(float(reader.get_avg_fps()), 6)
    height, width, _ = _decode(reader, path, [0, frames - 1]).shape[1:]
    decoded = _decodable(path)
    if decoded < frames:
        raise VideoError(path, f"damaged: {decoded} of its {frames} frames decode")
    duration = round(frames / fps, 6) if fps > 0 else 0.0
    return Probe(frames=frames, fps=fps, width=width, height=height, duration=duration, md5=digest)


def read(path: Path, indices: Sequence[int] | npt.NDArray[np.int64], expected_frames: int) -> Frames:
    """Frames of a video, (T, H, W, 3), in the order of `indices`, which may repeat.

    Args:
        path: the file.
        indices: T frame numbers from 0.
        expected_frames: how many frames the manifest says it has.

    Raises:
        VideoError: missing or not decodable, or the number of frames is another.
    """
    reader = _open(path)
    if len(reader) != expected_frames:
        raise VideoError(path, f"has {len(reader)} frames where the manifest says {expected_frames}")
    # Sorted and without repeats, so that decord goes through the file once and never seeks back.
    unique, place = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
    if unique[0] < 0 or unique[-1] >= expected_frames:
        raise IndexError(f"{path}: frames {unique[0]} to {unique[-1]} asked of {expected_frames}")
    return _decode(reader, path, unique.tolist())[place]


def verify(path: Path, expected_md5: str) -> None:
    """Raise VideoError unless the content of the file is that of the manifest."""
    if checksum(path) != expected_md5:
        raise VideoError(path, "changed since it was prepared: its md5 is not that of the manifest")


def checksum(path: Path) -> str:
    """The md5 of a file's content."""
    digest = md5(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except FileNotFoundError:
        raise VideoError(path, "missing") from None
    except OSError as error:
        raise VideoError(path, f"{UNREAD}: {error.strerror}") from None
    return digest.hexdigest()


def decoder() -> str:
    """What decodes: decord's version, or PyAV's with its name."""
    try:
        return version("decord")
    except PackageNotFoundError:
        return f"av {version('av')}"


def _open(path: Path) -> Any:
    if not path.is_file():
        raise VideoError(path, "missing")
    if path.stat().st_size == 0:
        raise VideoError(path, "empty")
    try:
        return _reader(str(path))
    except Exception:  # decord's messages are C++ stack traces, of several types
        raise VideoError(path, "not a readable video") from None


def _reader(path: str) -> Any:
    try:
        import decord
    except ImportError:
        return Reader(path)
    if not exact(path):
        return Reader(path)
    decord.logging.set_level(decord.logging.QUIET)
    return decord.VideoReader(path, num_threads=1)


def _decode(reader: Any, path: Path, indices: list[int]) -> Frames:
    try:
        frames = reader.get_batch(indices)
        return frames if isinstance(frames, np.ndarray) else frames.asnumpy()
    except Exception:
        raise VideoError(path, "damaged: decoding failed") from None


def _decodable(path: Path) -> int:
    """How many frames FFmpeg decodes without repairing them."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            return sum(not frame.is_corrupt for frame in container.decode(stream))
    except (av.FFmpegError, IndexError, ValueError):
        raise VideoError(path, "damaged: decoding failed") from None
