"""Small real H.264 files whose frames say which frame they are."""

from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH, BITS = 64, 80, 8


def frame(index: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """The index in binary along the top half, left lowest; below it red at the left, blue at the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        picture[: height // 2, left:right] = 230 if index >> bit & 1 else 20
    picture[height // 2 :, : width // 2, 0] = 220
    picture[height // 2 :, width // 2 :, 2] = 220
    return picture


def index_of(picture: np.ndarray) -> int:
    """The index that a decoded frame says it has."""
    height, width = picture.shape[:2]
    row = picture[height // 4].mean(-1)
    return sum(int(row[(2 * bit + 1) * width // (2 * BITS)] > 125) << bit for bit in range(BITS))


def write(path: Path, frames: int = 40, height: int = HEIGHT, width: int = WIDTH, rate: int = 25) -> Path:
    """Write a video of that many frames, with B-frames and several groups of pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "10", "preset": "veryfast", "bf": "2", "g": "12", "threads": "1"}
        for index in range(frames):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(frame(index, height, width), format="rgb24"))
            )
        container.mux(stream.encode())
    return path
