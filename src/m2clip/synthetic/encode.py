"""H.264 files: the same frames give the same bytes."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

OPTIONS = {
    "preset": "veryfast",
    "tune": "fastdecode",
    "crf": "23",
    "threads": "1",
    "x264-params": "mbtree=0",
}
"""Quick to decode: a step of training opens eight files. No macroblock tree: with it, x264 gave several
different files for the same frames in 25 tries at this size, without it always the same one."""


def encode(frames: NDArray[np.uint8], fps: int, path: Path) -> None:
    """Write frames `(T, H, W, 3)` as one video; the file appears only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with av.open(str(unfinished), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps, options=OPTIONS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    unfinished.replace(path)
