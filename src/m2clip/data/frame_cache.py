"""Frames that were decoded once, kept for all later rows, stages and epochs of a small dataset.

Rows of one seed see the same frames of the same videos, and decoding takes as long as a training step of
a small model. The frames lie uncompressed in one sparse file, and the CRC of each in a second one, so that a
frame half written when a machine stopped is decoded again. It is only a cache: nothing changes but the time.
Where the disk is full or may not be written to, that is said once, and what is kept is read all the same. The
folder can be deleted whenever nothing runs.
"""

import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch

from m2clip import shortcuts
from m2clip.data.manifest import Manifest
from m2clip.data.video import AUTO, Frames, decoder

LIMIT = 8 << 30  # bytes of all frames of a dataset; a larger one is decoded whenever it is read
WORD = 4  # bytes of a CRC
DECODING = 2  # counts the changes of video.py after which some file gives other frames than before


class FrameCache:
    """The decoded frames of a dataset, shared by all processes of a machine."""

    def __init__(self, folder: Path, manifest: Manifest, asked: str = AUTO) -> None:
        """Of the valid videos of a manifest, in files of `folder` that carry its digest in their names.

        Args:
            folder: of the files.
            manifest: the dataset.
            asked: which decoder, as `data.decoder` says; the frames of each are kept apart.
        """
        rows = manifest.all_rows()
        frames, shapes = rows["frames"].to_numpy(), rows[["height", "width"]].to_numpy()
        sizes = shapes.prod(axis=1) * 3  # bytes of a frame
        begins = np.concatenate([[0], np.cumsum(frames * sizes)])
        numbers = np.concatenate([[0], np.cumsum(frames)])
        self.used = bool(begins[-1] <= LIMIT) and not shortcuts.off()
        self.places = {
            path: (int(begins[i]), int(numbers[i]), (int(shapes[i, 0]), int(shapes[i, 1]), 3))
            for i, path in enumerate(rows["path"])
        }
        key = sha256(f"{manifest.digest()} {decoder(asked)} {DECODING}".encode()).hexdigest()[:16]
        self.files = (folder / f"{key}.frames", folder / f"{key}.crc")
        self.writable = torch.ones(1, dtype=torch.bool).share_memory_()  # shared by all workers
        self._open: tuple[int, int] | None = None
        if self.used:
            self._open = self._opened()
            self.used = self._open is not None

    def __getstate__(self) -> dict[str, Any]:
        """For a worker process, which opens the files itself."""
        return self.__dict__ | {"_open": None}

    def get(self, path: str, numbers: list[int]) -> Frames | None:
        """Frames of a video, (len(numbers), H, W, 3), or None where any of them is not kept."""
        descriptors = self._descriptors()
        if descriptors is None:
            return None
        pixels, checks = descriptors
        begin, first, shape = self.places[path]
        size = shape[0] * shape[1] * 3
        found = np.empty((len(numbers), *shape), dtype=np.uint8)
        try:
            for frame, number in zip(found, numbers, strict=True):
                check = os.pread(checks, WORD, (first + number) * WORD)
                content = os.pread(pixels, size, begin + number * size) if any(check) else b""
                if len(content) < size or _check(content) != check:
                    return None
                frame[:] = np.frombuffer(content, dtype=np.uint8).reshape(shape)
        except OSError:  # of the disk; the video is decoded instead
            return None
        return found

    def put(self, path: str, numbers: list[int], frames: Frames) -> None:
        """Keep frames that were decoded, unless that has failed before."""
        descriptors = self._descriptors() if self.writable[0] else None
        begin, first, shape = self.places[path]
        if descriptors is None or frames.shape[1:] != shape:
            return
        pixels, checks = descriptors
        size = shape[0] * shape[1] * 3
        try:
            for frame, number in zip(frames, numbers, strict=True):
                content = frame.tobytes()
                os.pwrite(pixels, content, begin + number * size)
                os.pwrite(checks, _check(content), (first + number) * WORD)
        except OSError as error:
            self._tell(error)

    def _descriptors(self) -> tuple[int, int] | None:
        if self.used and self._open is None:
            self._open = self._opened()
            self.used = self._open is not None
        return self._open

    def _opened(self) -> tuple[int, int] | None:
        """The two files, open for writing or else for reading; None where they cannot be opened at all."""
        try:
            self.files[0].parent.mkdir(parents=True, exist_ok=True)
            pixels, checks = (os.open(file, os.O_RDWR | os.O_CREAT, 0o644) for file in self.files)
            return pixels, checks
        except OSError as error:
            self._tell(error)
        try:
            pixels, checks = (os.open(file, os.O_RDONLY) for file in self.files)
            return pixels, checks
        except OSError:
            return None

    def _tell(self, error: OSError) -> None:
        """Say once, whatever the number of workers, that no more frames are kept."""
        if self.writable[0]:
            self.writable[0] = False
            print(
                f"{self.files[0].parent}: no more decoded frames are kept ({error.strerror}); videos are "
                "decoded whenever they are read, which is slower and gives the same",
                file=sys.stderr,
            )


def _check(content: bytes) -> bytes:
    """A frame's CRC; never zero, which is what a sparse file has where nothing was written."""
    return (crc32(content) or 1).to_bytes(WORD, "little")
