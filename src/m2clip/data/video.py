"""Decoding, and whether a file is what the manifest says. The only module that knows decord.

`data.decoder` says what decodes. With `auto`, decord decodes the files that it gets right, which pyav.exact
tells; PyAV decodes the others, and all of them where decord has no wheel (Apple silicon). With `pyav`, PyAV
decodes all. With `decord`, a file that decord gets wrong is refused and never read otherwise.

decord returns wrong frames from damaged files without an error. So a file is trusted because its md5 and its
number of frames are those of the manifest, never because it was decoded. When a video is prepared there is
nothing to compare with yet: then FFmpeg decodes the whole file once and marks the frames that it had to
repair. That finds files cut short, and nearly all with flipped bits in H.264, MPEG-4 and AV1, but half of
those in VP8 and a fifth in VP9: nearly any bits are valid frames there, and only a checksum from the
publisher could tell.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import md5
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import numpy as np
import numpy.typing as npt

from m2clip.data.containers import missing_bytes, not_a_video
from m2clip.data.pyav import Reader, exact, video_stream
from m2clip.errors import UserError

Frames = npt.NDArray[np.uint8]

AUTO = "auto"
PACKAGES = {AUTO: ("decord", "av"), "decord": ("decord",), "pyav": ("av",)}  # by value of `data.decoder`
MOST_PIXELS = 1 << 25  # of a frame; 8K (7680 × 4320) is not more
SLACK = 0.25  # seconds by which a header may announce more than there is
UNREAD = "cannot be read"  # how the reason begins where the disk failed, not the video


class VideoError(Exception):
    """A video that cannot be used, and why, in one line."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class WrongFramesError(VideoError):
    """An intact video of which the decoder that was asked for would give wrong frames."""


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
        VideoError: missing, empty, not a video, cut off, or any of its frames does not decode.
    """
    check_file(path)
    digest = checksum(path)
    decoded = _decoded_frames(path)
    reader = _open(path)
    frames, fps = len(reader), round(float(reader.get_avg_fps()), 6)
    if decoded < frames:
        raise VideoError(path, f"damaged: {decoded} of its {frames} frames decode")
    height, width, _ = _decode(reader, path, [0, frames - 1]).shape[1:]
    duration = round(frames / fps, 6) if fps > 0 else 0.0
    return Probe(frames=frames, fps=fps, width=width, height=height, duration=duration, md5=digest)


def check_file(path: Path) -> None:
    """Raise VideoError unless a file is there, may be a video, and is not cut off."""
    _check_regular(path)
    try:
        kind = not_a_video(path)
        lacking = None if kind else missing_bytes(path)
    except OSError as error:
        raise VideoError(path, f"{UNREAD}: {error.strerror}") from None
    if kind:
        raise VideoError(path, f"not a video: {kind}")
    if lacking:
        raise VideoError(path, f"damaged: {lacking}")


def read(
    path: Path, indices: Sequence[int] | npt.NDArray[np.int64], expected_frames: int, asked: str = AUTO
) -> Frames:
    """Frames of a video, (T, H, W, 3), in the order of `indices`, which may repeat.

    Args:
        path: the file.
        indices: T frame numbers from 0.
        expected_frames: how many frames the manifest says it has.
        asked: which decoder, as `data.decoder` says.

    Raises:
        VideoError: missing or not decodable, or the number of frames is another.
        WrongFramesError: decord is asked for and gets the file wrong.
        UserError: decord is asked for and not installed.
    """
    reader = _open(path, asked)
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


def versions(asked: str = AUTO) -> dict[str, str]:
    """The packages that decode under a value of `data.decoder`, the one that is tried first before the other.

    Raises:
        UserError: decord is asked for and not installed.
    """
    found = {}
    for name in PACKAGES[asked]:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    if not found:
        raise UserError(
            f"data.decoder: {asked} is not installed, as it has no wheel for every machine; auto and pyav "
            "decode by PyAV"
        )
    return found


def decoder(asked: str = AUTO) -> str:
    """What decodes: of auto decord's version, where it is installed; else name and version of a package."""
    (name, number), *_ = versions(asked).items()
    return number if asked == AUTO and name == "decord" else f"{name} {number}"


def load_decoders() -> None:
    """Import what decodes, which otherwise happens at the first file."""
    import av  # noqa: F401

    with suppress(ImportError):
        import decord  # noqa: F401


def _check_regular(path: Path) -> None:
    """Raise VideoError for what is not there, and for what may never end: a pipe or a device."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise VideoError(path, "missing") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise VideoError(path, f"{UNREAD}: {reason}") from None
    if not S_ISREG(status.st_mode):
        kind = "a folder" if S_ISDIR(status.st_mode) else "a pipe or a device"
        raise VideoError(path, f"not a video: {kind}")
    if status.st_size == 0:
        raise VideoError(path, "empty")


def _open(path: Path, asked: str = AUTO) -> Any:
    _check_regular(path)
    try:
        return _reader(str(path), asked)
    except (MemoryError, UserError, WrongFramesError):
        raise
    except Exception:  # decord's messages are C++ stack traces, of several types
        raise VideoError(path, "not a readable video") from None


def _reader(path: str, asked: str) -> Any:
    if asked == "pyav":
        return Reader(path)
    try:
        import decord
    except ImportError:
        versions(asked)
        return Reader(path)
    if not exact(path):
        if asked == "decord":
            raise WrongFramesError(
                path, "decord would give wrong frames of it; set data.decoder to auto or pyav"
            )
        return Reader(path)
    decord.logging.set_level(decord.logging.QUIET)
    return decord.VideoReader(path, num_threads=1)


def _decode(reader: Any, path: Path, indices: list[int]) -> Frames:
    try:
        frames = reader.get_batch(indices)
        return frames if isinstance(frames, np.ndarray) else frames.asnumpy()
    except MemoryError:
        raise
    except Exception:
        raise VideoError(path, "damaged: decoding failed") from None


def _decoded_frames(path: Path) -> int:
    """How many frames FFmpeg decodes without repairing them.

    Raises:
        VideoError: no video, no frame, frames too large or of several sizes, or an end before the one that
            the header announces.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return _whole(path, container)
    except MemoryError:
        raise
    except av.InvalidDataError:
        raise VideoError(path, "not a readable video") from None
    except (av.FFmpegError, IndexError, ValueError):
        raise VideoError(path, "damaged: decoding failed") from None


def _whole(path: Path, container: Any) -> int:
    """Decode all frames of an open file and count those that were not repaired."""
    import av

    if not container.streams.video:
        kind = "sound alone" if container.streams.audio else "no video stream"
        raise VideoError(path, f"not a video: {kind}")
    stream = video_stream(container)
    if stream.codec_context is None:
        raise VideoError(path, "not a readable video: FFmpeg does not know its codec")
    if container.format.name.endswith("_pipe") or container.format.name == "image2":
        raise VideoError(path, f"not a video: a picture ({stream.codec_context.name})")
    end, frames, sizes = 0.0, 0, {(stream.width, stream.height): None}
    _check_sizes(path, list(sizes))
    stream.thread_count = 1
    for packet in container.demux():
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index == stream.index:
            for frame in packet.decode():
                frames += not frame.is_corrupt
                sizes[frame.width, frame.height] = None
            _check_sizes(path, list(sizes))
    announced = (container.duration or 0) / av.time_base
    if container.format.name == "matroska,webm" and announced > end + SLACK:
        raise VideoError(path, f"damaged: ends after {end:.2f} s where its header says {announced:.2f} s")
    return frames


def _check_sizes(path: Path, sizes: list[tuple[int, int]]) -> None:
    """Raise VideoError where frames have several sizes, or one that fills the memory."""
    width, height = sizes[-1]
    if width * height > MOST_PIXELS:
        raise VideoError(path, f"frames of {width} × {height} pixels, more than can be decoded")
    if len(sizes) > 1:
        first = f"{sizes[0][0]} × {sizes[0][1]}"
        raise VideoError(path, f"its frames change from {first} to {width} × {height} pixels")
