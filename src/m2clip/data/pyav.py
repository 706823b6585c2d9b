"""What decord does for video.py, through PyAV: where decord has no wheel, and for files it gets wrong.

Frames are counted by their packets, as decord counts them, and decoded from the first one on without a seek:
slower than decord in long videos, and right in every container.
"""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Codecs and containers (FFmpeg's names) of which decord 0.6.0 gives the frames that it is asked for.
CODECS = ("h264", "vp8", "vp9")
CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
ALIGN = 32  # pixels to which decord's FFmpeg may pad a row
IDR, SLICES = 5, range(1, 6)  # types of H.264's units: a picture at which decoding may begin; all pictures
SHOWN = 0x10  # in the first byte of a VP8 frame: it is to be shown, and not only to be referred to


def exact(path: str) -> bool:
    """Whether decord gives the frames that it is asked for, as the order of the packets tells.

    decord takes the n-th packet that is a keyframe for the n-th frame, and seeks there. This holds where no
    frame that comes after a keyframe in the file is shown before it (an open group of pictures), where
    decoding can begin at every keyframe (not so with intra refresh), and where every packet is a frame with
    a time. A clip that was cut without encoding it anew has packets that only lead up to its first frame.
    AVI and MPEG-TS have other or no times. A file without a duration it does not open; of narrow videos it
    takes the padding of the rows for pixels.

    Raises:
        Exception: of PyAV, where it is not a readable video.
    """
    status = Path(path).stat()
    return _exact(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 16)  # by the file, not by its name alone: another may take its place
def _exact(path: str, *file: int) -> bool:
    import av

    with av.open(path) as container:
        stream = video_stream(container)
        codec = stream.codec_context.name
        if (
            container.format.name not in CONTAINERS
            or codec not in CODECS
            or len(container.streams.video) > 1
            or (stream.duration or container.duration or 0) <= 0
            or _is_padded(stream.width)
        ):
            return False
        length = _bytes_of_a_length(stream.codec_context.extradata) if codec == "h264" else 0
        latest, keyframe = None, None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            time = packet.pts
            if time is None or packet.is_discard or (keyframe is None and not packet.is_keyframe):
                return False
            if codec == "vp8" and not is_shown(packet):
                return False
            if packet.is_keyframe:
                if latest is not None and time <= latest:
                    return False
                if codec == "h264" and not _is_idr(bytes(packet), length):
                    return False
                keyframe = time
            elif time <= keyframe:
                return False
            latest = time if latest is None else max(latest, time)
        return latest is not None


def video_stream(container: Any) -> Any:
    """The stream that FFmpeg holds for the video, which is not the cover of a song.

    Raises:
        IndexError: there is none.
    """
    stream = container.streams.best("video")
    if stream is None:
        raise IndexError("no video stream")
    return stream


def is_shown(packet: Any) -> bool:
    """Whether a packet of VP8 is a frame to be shown, and not one that others only refer to."""
    return bool(memoryview(packet)[0] & SHOWN)


def _is_padded(width: int) -> bool:
    """Whether a padded row of RGB is a whole multiple of the width, which decord takes for more channels."""
    step = 1
    while step < ALIGN and 3 * _up(width, step) % ALIGN:
        step *= 2
    row = 3 * _up(width, step)
    return row % width == 0 and row != 3 * width


def _up(width: int, step: int) -> int:
    return -(-width // step) * step


def _bytes_of_a_length(extradata: bytes | None) -> int:
    """How many bytes tell the length of a unit of H.264 in an MP4 or Matroska file (ISO 14496-15, avcC)."""
    return (extradata[4] & 3) + 1 if extradata and len(extradata) > 4 and extradata[0] == 1 else 4


def _is_idr(packet: bytes, length: int) -> bool:
    """Whether the first picture of a packet of H.264 is an IDR picture."""
    at = 0
    while at + length < len(packet):
        kind = packet[at + length] & 0x1F
        if kind in SLICES:
            return kind == IDR
        at += length + int.from_bytes(packet[at : at + length])
    return False


class Reader:
    """The frames of a video by number; has of decord.VideoReader's methods those that video.py calls."""

    def __init__(self, path: str) -> None:
        """Count the frames.

        Raises:
            Exception: of PyAV, where it is not a readable video.
        """
        import av

        self.path = path
        with av.open(path) as container:
            stream = video_stream(container)
            self.rate: Fraction = stream.average_rate or Fraction(0)
            hidden = stream.codec_context.name == "vp8"
            self.frames = sum(
                1
                for packet in container.demux(stream)
                if packet.size and not packet.is_discard and not (hidden and not is_shown(packet))
            )
        if not self.frames:
            raise ValueError("no frames")

    def __len__(self) -> int:
        return self.frames

    def get_avg_fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    def get_batch(self, indices: list[int]) -> npt.NDArray[np.uint8]:
        """Frames (T, H, W, 3) of increasing numbers.

        Raises:
            Exception: of PyAV, or EOFError, where not all of them decode.
        """
        import av

        wanted, found = set(indices), {}
        with av.open(self.path) as container:
            stream = video_stream(container)
            stream.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    found[number] = upright(frame)
                if number == max(indices):
                    break
        if len(found) < len(wanted):
            raise EOFError("the video ends before")
        return np.stack([found[number] for number in indices])


def upright(frame: Any) -> npt.NDArray[np.uint8]:
    """A frame (H, W, 3) turned as the file says that it is to be shown, as decord does."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
