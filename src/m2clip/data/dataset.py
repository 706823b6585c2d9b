"""Videos as tensors: random views in training, all views in testing.

The frames and the augmentation of a training video are functions of (seed, epoch, path). So they depend
neither on the number of workers nor on where training was resumed. A video that cannot be used is never
replaced by another one: training leaves it out and says why, evaluation stops.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from m2clip.config import Data
from m2clip.data import isolated
from m2clip.data.frame_cache import FrameCache
from m2clip.data.manifest import Manifest
from m2clip.data.sampler import Order, Position
from m2clip.data.sampling import test_clips, train_clip
from m2clip.data.transforms import Pixels, test_views, train_view
from m2clip.data.video import AUTO, Frames, VideoError, WrongFramesError, read, verify, versions
from m2clip.seeds import generator


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One video."""

    video: Tensor  # (T, 3, S, S) in training, (K, T, 3, S, S) in testing
    class_id: int
    index: int  # of its row in manifest.rows(split)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A video that cannot be used."""

    path: str  # as in the manifest
    reason: str
    intact: bool = False  # what fails is the decoder that was asked for

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def _broken(path: str, error: VideoError) -> Broken:
    return Broken(path=path, reason=error.reason, intact=isinstance(error, WrongFramesError))


class Videos:
    """The videos of one split, each checked against the manifest."""

    def __init__(
        self,
        manifest: Manifest,
        split: str | None,
        check: bool = True,
        cache: FrameCache | None = None,
        isolate: bool = False,
        decoder: str = AUTO,
    ) -> None:
        versions(decoder)  # raises here, and not at the first video
        rows = manifest.all_rows() if split is None else manifest.rows(split)
        self.folder = manifest.folder
        self.paths = tuple(rows["path"])
        self.class_ids = tuple(int(class_id) for class_id in rows["class_id"])
        self.totals = tuple(int(frames) for frames in rows["frames"])
        self.md5s = tuple(rows["md5"])
        self.check, self.cache, self.isolate, self.decoder = check, cache, isolate, decoder
        self.checked = torch.zeros(len(self.paths), dtype=torch.bool)
        if check:
            self.checked.share_memory_()  # so that of all workers one alone reads a file for its md5

    def __len__(self) -> int:
        return len(self.paths)

    def frames(self, index: int, numbers: list[int]) -> Frames:
        """Frames of a video, (len(numbers), H, W, 3); the file's md5 is compared at its first use.

        Raises:
            VideoError: missing, broken or changed.
        """
        file = self.folder / self.paths[index]
        if self.check and not self.checked[index]:
            verify(file, self.md5s[index])
            self.checked[index] = True
        kept = self.cache.get(self.paths[index], numbers) if self.cache else None
        if kept is not None:
            return kept
        reader = isolated.read if self.isolate else read
        frames = reader(file, numbers, self.totals[index], self.decoder)
        if self.cache:
            self.cache.put(self.paths[index], numbers, frames)
        return frames


class TrainVideos(Dataset[Sample | Broken]):
    """Random views of a split; an item is named by (epoch, index)."""

    def __init__(
        self,
        manifest: Manifest,
        split: str,
        data: Data,
        pixels: Pixels,
        seed: int,
        *,
        check: bool = True,
        cache: FrameCache | None = None,
    ) -> None:
        """Take the valid videos of a split.

        Args:
            manifest: the dataset.
            split: which of its videos.
            data: how frames are sampled and augmented.
            pixels: what the backbone expects.
            seed: of the run.
            check: compare each file's md5 with the manifest at its first use; costs a reading of the file,
                once for this process and all its workers.
            cache: where decoded frames are kept, or None.
        """
        self.videos = Videos(manifest, split, check, cache, decoder=data.decoder)
        self.data, self.pixels, self.seed = data, pixels, seed
        self.order = Order(seed, self.videos.paths)

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, position: Position) -> Sample | Broken:
        epoch, index = position
        path, data = self.videos.paths[index], self.data
        numbers = train_clip(
            self.videos.totals[index],
            data.frames,
            data.sampling,
            data.stride,
            generator("frames", self.seed, epoch, path),
        )
        try:
            frames = self.videos.frames(index, numbers.tolist())
        except VideoError as error:
            return _broken(path, error)
        video = train_view(
            frames,
            self.pixels,
            generator("view", self.seed, epoch, path),
            crop=data.crop,
            scale=data.scale,
            flip=data.flip,
            randaugment=data.randaugment,
            jitter=data.jitter,
            grey=data.grey,
            erase=data.erase,
        )
        return Sample(video=video, class_id=self.videos.class_ids[index], index=index)


class TestVideos(Dataset[Sample | Broken]):
    """All views of the videos of a split, K = clips x crops: the crops of the first clip, then the next's."""

    __test__ = False  # its name is no test's for pytest

    def __init__(
        self,
        manifest: Manifest,
        split: str | None,  # None: all videos
        data: Data,
        pixels: Pixels,
        *,
        clips: int = 1,
        crops: int = 1,
        check: bool = True,
        cache: FrameCache | None = None,
        isolate: bool = False,  # decode in a process of its own: no video can end this one
    ) -> None:
        self.videos = Videos(manifest, split, check, cache, isolate, data.decoder)
        self.data, self.pixels, self.clips, self.crops = data, pixels, clips, crops

    def __len__(self) -> int:
        return len(self.videos)

    @property
    def views(self) -> int:
        """K."""
        return self.clips * self.crops

    def __getitem__(self, index: int) -> Sample | Broken:
        data, T = self.data, self.data.frames
        numbers = test_clips(self.videos.totals[index], T, self.clips, data.sampling, data.stride)
        try:
            frames = self.videos.frames(index, numbers.ravel().tolist())
        except VideoError as error:
            return _broken(self.videos.paths[index], error)
        crops = test_views(frames, self.pixels, self.crops)
        video = torch.cat([crops[:, clip * T : (clip + 1) * T] for clip in range(self.clips)])
        return Sample(video=video, class_id=self.videos.class_ids[index], index=index)
