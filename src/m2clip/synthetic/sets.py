"""The four synthetic datasets: one video by (dataset, split, index), or a whole folder of files."""

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from m2clip.seeds import generator
from m2clip.synthetic.actions import act
from m2clip.synthetic.encode import encode
from m2clip.synthetic.plans import Fact, Plan, plan, times
from m2clip.synthetic.second import plans as second
from m2clip.synthetic.templates import happen
from m2clip.synthetic.worlds import SMALL, World, told_by

THREE_SPLITS = ("ucf101", "hmdb51")


@dataclass(frozen=True)
class Clip:
    """A drawn video: `frames (T, H, W, 3)`, and `facts` that say nothing about the label."""

    frames: NDArray[np.uint8]
    fps: float
    label: str
    facts: dict[str, Fact]


def render(what: Plan | second.Plan) -> NDArray[np.uint8]:
    """Draw a plan, `(T, H, W, 3)`."""
    time = times(what.scene.length)
    if isinstance(what, second.Plan):
        return second.render(what, time)
    if what.event is not None:
        return happen(what.label, what.event, what.scene, time)
    assert what.actor is not None
    return act(what.thing, told_by(what.label).verb, what.actor, what.scene, time)


def draw(dataset: str, split: str, index: int, world: World = SMALL) -> Clip:
    """The video of this dataset, split and index, always the same."""
    what = plan(dataset, split, index, world)
    return Clip(render(what), float(what.fps), what.label, what.facts())


def splits_of(dataset: str, split: str, index: int, world: World = SMALL) -> str:
    """What the annotations say; with three splits, every three videos share them out."""
    if dataset not in THREE_SPLITS or split != "test":
        return split
    block, place = divmod(index, 3)
    order = generator("standin", *world.key, dataset, "splits", block).permutation(3)
    return f"test{order[place] + 1}"


def _write(world: World, dataset: str, folder: Path, split: str, index: int) -> tuple[str, str, str]:
    what = plan(dataset, split, index, world)
    path = Path("videos", split, f"{index:05d}.mp4")
    if not (folder / path).exists():
        encode(render(what), what.fps, folder / path)
    return path.as_posix(), what.label, splits_of(dataset, split, index, world)


def _rows(
    dataset: str, folder: Path, counts: Mapping[str, int], jobs: int, world: World
) -> Iterator[tuple[str, str, str]]:
    wanted = [(split, index) for split, count in counts.items() for index in range(count)]
    work = (delayed(_write)(world, dataset, folder, split, index) for split, index in wanted)
    drawn = Parallel(n_jobs=jobs, return_as="generator", batch_size="auto")(work)
    return tqdm(drawn, total=len(wanted), desc=f"drawing {dataset}", unit="video", file=sys.stderr)


def generate(dataset: str, folder: Path, counts: Mapping[str, int], jobs: int, world: World = SMALL) -> Path:
    """Write `videos/<split>/<index>.mp4` and, last, `annotations.csv`; finished files are kept."""
    rows = list(_rows(dataset, folder, counts, jobs, world))
    path = folder / "annotations.csv"
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "split"))
        writer.writerows(rows)
    unfinished.replace(path)
    return path
