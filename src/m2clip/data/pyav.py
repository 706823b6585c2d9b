"""What decord does for video.py, through PyAV: where decord has no wheel, and for files it gets wrong.

Frames are counted by their packets, as decord counts them, and decoded from the first one on without a seek:
slower than decord in long videos, and right in every container.
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

# Codecs of which decord 0.6.0 gives the right frames; of HEVC it does not.
EXACT = ("h264", "vp8", "vp9", "av1")


@lru_cache(maxsize=1 << 16)  # opening a file only to see its codec takes as long as decord's opening
def exact(path: str) -> bool:
    """Whether decord gives the frames that it is asked for.

    AVI has no times to find them by; of a clip that was cut without encoding it anew, it counts those that
    only lead up to the first one.

    Raises:
        Exception: of PyAV, where it is not a readable video.
    """
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        if container.format.name == "avi" or stream.codec_context.name not in EXACT:
            return False
        first = next(container.demux(stream))
        return not first.is_discard


class Reader:
    """The frames of a video by number; knows of decord.VideoReader what video.py asks for."""

    def __init__(self, path: str) -> None:
        """Count the frames.

        Raises:
            Exception: of PyAV, where it is not a readable video.
        """
        import av

        self.path = path
        with av.open(path) as container:
            stream = container.streams.video[0]
            self.rate: Fraction = stream.average_rate or Fraction(0)
            self.frames = sum(
                1 for packet in container.demux(stream) if packet.size and not packet.is_discard
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
            stream = container.streams.video[0]
            stream.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    found[number] = frame.to_ndarray(format="rgb24")
                if number == max(indices):
                    break
        if len(found) < len(wanted):
            raise EOFError("the video ends before")
        return np.stack([found[number] for number in indices])
