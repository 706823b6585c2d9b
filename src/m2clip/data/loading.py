"""Batches of videos, decoded by worker processes; the number of workers changes no bit."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from m2clip.data.dataset import Broken, Sample, TestVideos, TrainVideos
from m2clip.data.sampler import Batches
from m2clip.errors import UserError, printable

TIMEOUT = 120.0  # seconds without a batch until decoding counts as hung,
TIMEOUT_VIDEO = 10.0  # and as many more for each of its videos, since one worker decodes them all


@dataclass(kw_only=True)
class Batch:
    """Videos as one tensor."""

    videos: Tensor  # (B, T, 3, S, S) in training, (B, K, T, 3, S, S) in testing
    class_ids: Tensor  # (B,)
    indices: Tensor  # (B,), rows of manifest.rows(split)
    places: Tensor  # (B,) of each in what was to be loaded, where broken videos leave gaps
    dropped: tuple[Broken, ...] = ()

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device."""
        return Batch(
            videos=self.videos.to(device, non_blocking=True),
            class_ids=self.class_ids.to(device, non_blocking=True),
            indices=self.indices,
            places=self.places,
            dropped=self.dropped,
        )

    def pin_memory(self) -> "Batch":
        """The same batch where a GPU can fetch it by itself; called by DataLoader."""
        return Batch(
            videos=self.videos.pin_memory(),
            class_ids=self.class_ids.pin_memory(),
            indices=self.indices,
            places=self.places,
            dropped=self.dropped,
        )


def train_batches(
    videos: TrainVideos,
    *,
    start: int,
    steps: int,
    batch: int,
    workers: int,
    rank: int = 0,
    world: int = 1,
    parts: int = 1,
) -> Iterator[Batch]:
    """What a process loads for steps `start` to `steps` - 1: its share of each part, `parts` a step.

    A broken video is left out of its batch, which is then smaller. The batch names it, and each broken video
    is printed once to stderr.

    Args:
        videos: what to train on.
        start: first step, 0 unless resumed.
        steps: all steps of the training.
        batch: videos a step, of all processes and parts together.
        workers: processes that decode; 0 decodes in this one.
        rank: number of this process.
        world: number of processes.
        parts: into which every batch is cut.

    Raises:
        UserError: a batch has no usable video left, `data.decoder` gets a video wrong, or a worker hung or
            died. Of several processes or parts
            one may have none left: then `videos` has a black one, since CLIP takes no batch of none.
    """
    order = Batches(
        order=videos.order, start=start, steps=steps, batch=batch, rank=rank, world=world, parts=parts
    )
    told: set[str] = set()
    loader = _loader(videos, workers, batch // world // parts, batch_sampler=order)
    for part, loaded in enumerate(_guarded(loader, order, videos.videos.paths), start * parts):
        _check_decoder(videos, loaded)
        for broken in loaded.dropped:
            if broken.path not in told:
                print(f"dropped from training: {printable(str(broken))}", file=sys.stderr)
                told.add(broken.path)
        if len(loaded.class_ids):
            yield loaded
        elif world * parts > 1:
            side = videos.pixels.size
            yield replace(loaded, videos=torch.zeros(1, videos.data.frames, 3, side, side))
        else:
            raise UserError(
                f"step {part // parts}: no video of the batch can be used; the first: {loaded.dropped[0]}"
            )


def test_batches(videos: TestVideos, *, batch: int, workers: int) -> Iterator[Batch]:
    """All videos with all their views, each once, in the order of manifest.rows(split).

    Args:
        videos: what to test on.
        batch: views at once; a batch has as many videos as give about so many views, at least one.
        workers: processes that decode; 0 decodes in this one.

    Raises:
        UserError: a video is missing, broken, changed or one that `data.decoder` gets wrong, or a worker hung
            or died. No part of a test set stands for the whole.
    """
    size, total = max(1, batch // videos.views), len(videos)
    batches = [list(range(first, min(first + size, total))) for first in range(0, total, size)]
    loader = _loader(videos, workers, size, batch_sampler=batches)
    for loaded in _guarded(loader, [[(0, index) for index in some] for some in batches], videos.videos.paths):
        _check_decoder(videos, loaded)
        if loaded.dropped:
            broken = loaded.dropped[0]
            raise UserError(
                f"{videos.videos.folder / broken.path}: {broken.reason}; every video of the split must be "
                "scored: mend it, or let its dataset be prepared anew, which takes it out: "
                "`dvc repro -f prepare@DATASET`, and of another profile than params.yaml's "
                "`dvc repro -f experiments/PROFILE/dvc.yaml:prepare@DATASET`"
            )
        yield loaded


def _check_decoder(videos: TrainVideos | TestVideos, loaded: Batch) -> None:
    """Raise a UserError for an intact video that the decoder asked for gets wrong: it is not left out."""
    for video in loaded.dropped:
        if video.intact:
            raise UserError(f"{videos.videos.folder / video.path}: {video.reason}")


test_batches.__test__ = False  # type: ignore[attr-defined]  # its name is no test's for pytest


def collate(samples: Sequence[Sample | Broken]) -> Batch:
    """A batch of the usable samples; `dropped` lists the others."""
    usable = [sample for sample in samples if isinstance(sample, Sample)]
    return Batch(
        videos=torch.stack([sample.video for sample in usable]) if usable else torch.empty(0),
        class_ids=torch.tensor([sample.class_id for sample in usable], dtype=torch.int64),
        indices=torch.tensor([sample.index for sample in usable], dtype=torch.int64),
        places=torch.tensor([n for n, sample in enumerate(samples) if isinstance(sample, Sample)]),
        dropped=tuple(sample for sample in samples if isinstance(sample, Broken)),
    )


def _loader(videos: Any, workers: int, size: int, *, batch_sampler: Any) -> DataLoader[Any]:
    """One pass over all batches of up to `size` videos; its workers live as long as it."""
    return DataLoader(
        videos,
        batch_sampler=batch_sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        timeout=TIMEOUT + TIMEOUT_VIDEO * size if workers else 0,
        generator=torch.Generator(),  # its own, so that the global one is not moved by loading
        worker_init_fn=_in_its_own_group,
    )


def _in_its_own_group(number: int) -> None:
    """Keep Ctrl-C, which goes to a whole group of processes, from a worker: who asked for it ends it."""
    with suppress(OSError):
        os.setpgid(0, 0)


class _Deaths:
    """When a worker's death is told: where a batch is waited for.

    Torch tells it by an error in whatever the process is doing, such as an update, where nobody knows of
    videos.
    """

    def __init__(self) -> None:
        self._torchs: Any = None
        self._waits = False
        self._error: RuntimeError | None = None

    def listen(self) -> None:
        """Stand in for torch's handler, which is there as soon as a loader has workers."""
        self._error = None
        handler = signal.getsignal(signal.SIGCHLD)
        if threading.current_thread() is threading.main_thread() and callable(handler):
            if handler != self._hear:
                self._torchs = handler
            signal.signal(signal.SIGCHLD, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        try:
            self._torchs(number, frame)
        except RuntimeError as error:
            if self._waits:
                raise
            self._error = error

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise here what was heard before or is heard meanwhile."""
        self._waits = True
        try:
            if self._error is not None:
                raise self._error
            yield
        finally:
            self._waits = False


_DEATHS = _Deaths()


def _guarded(loader: DataLoader[Any], batches: Any, paths: Sequence[str]) -> Iterator[Batch]:
    """The loader's batches; a worker that hangs or dies is a UserError with the videos it may have had."""
    expected, loaded = iter(batches), iter(loader)
    if loader.num_workers:
        _DEATHS.listen()
    while (positions := next(expected, None)) is not None:
        try:
            with _DEATHS.told():
                batch = next(loaded)
        except (RuntimeError, OSError, EOFError) as error:
            if loader.num_workers == 0 or str(error).startswith(
                "Caught"
            ):  # a mistake of ours, with its trace
                raise
            names = ", ".join(sorted({paths[index] for _, index in positions}))
            raise UserError(
                f"a process that decodes hung or died ({str(error).splitlines()[0]}) at one of: {names}; "
                "with train.workers 0 the error shows itself"
            ) from error
        yield batch
