"""A pool of still pictures on disk, drawn once by several processes."""

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from m2clip.synthetic.stills import still
from m2clip.synthetic.worlds import SMALL, World

CHUNK, SAMPLE = 1000, 256


@dataclass(frozen=True)
class Pool:
    """`images (N, S, S, 3)` bytes, mapped from disk, and the numbers of their attributes, `ids (N, 3)`."""

    images: NDArray[np.uint8]
    ids: NDArray[np.int64]


def _chunk(
    start: int, stop: int, key: str, world: World = SMALL
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    drawn = [still(index, key, world) for index in range(start, stop)]
    return np.stack([image for image, _ in drawn]), np.array([what.ids(world) for _, what in drawn])


def _world(key: str, world: World = SMALL) -> str:
    """Names the world by how it looks, so that pictures of an older one are never used."""
    images, _ = _chunk(0, SAMPLE, key, world)
    return sha256(images.tobytes()).hexdigest()[:12]


def draw_pool(folder: Path, count: int, key: str, jobs: int, world: World = SMALL) -> Pool:
    """The first `count` pictures of a key, from `folder` if they lie there already."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key}-{count}-{_world(key, world)}.npy"
    finished = path.with_suffix(".ids.npy")
    if not finished.exists():
        shape = (count, world.height, world.height, 3)
        images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        starts = range(0, count, CHUNK)
        work = (delayed(_chunk)(start, min(start + CHUNK, count), key, world) for start in starts)
        drawn = Parallel(n_jobs=jobs, return_as="generator")(work)
        ids = []
        for start, (part, what) in zip(
            starts, tqdm(drawn, total=len(starts), desc=f"stills: {key}", file=sys.stderr), strict=True
        ):
            images[start : start + len(part)] = part
            ids.append(what)
        images.flush()
        unfinished = finished.with_suffix(".part.npy")
        np.save(unfinished, np.concatenate(ids))
        unfinished.replace(finished)
    return Pool(np.load(path, mmap_mode="r"), np.load(finished))
