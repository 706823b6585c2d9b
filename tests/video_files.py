"""Small real H.264 files whose frames say which frame they are."""

from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH, BITS = 64, 80, 8


def frame(index: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """The index in binary as green bands, the lowest bit at the top; the left half is red, the right blue."""
    picture = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        picture[bit * height // BITS : (bit + 1) * height // BITS, :, 1] = 220 if index >> bit & 1 else 20
    picture[:, : width // 2, 0] = 220
    picture[:, width // 2 :, 2] = 220
    return picture


def index_of(picture: np.ndarray) -> int:
    """The index that a frame (H, W, 3) of bytes says it has; its height must be whole, its width need not."""
    height = len(picture)
    column = picture[:, :, 1].mean(1)
    return sum(int(column[(2 * bit + 1) * height // (2 * BITS)] > 120) << bit for bit in range(BITS))


def left_of(picture: np.ndarray, width: int = WIDTH) -> int:
    """How many columns were cut off at the left of a frame as wide as `width`: the red ones that lack."""
    red = picture[:, :, 0].mean(0) > picture[:, :, 2].mean(0)
    return width // 2 - int(red.sum())


def write(
    path: Path, frames: int = 40, height: int = HEIGHT, width: int = WIDTH, rate: int = 25, draw=frame
) -> Path:
    """Write a video of that many frames, with B-frames and several groups of pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "10", "preset": "veryfast", "bf": "2", "g": "12", "threads": "1"}
        for index in range(frames):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(draw(index, height, width), format="rgb24"))
            )
        container.mux(stream.encode())
    return path
