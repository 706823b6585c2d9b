"""Where the time of `make repro` goes: a row's parts measured here, and what the stages of all runs took.

    python benchmarks/where.py [ROW]

CPU seconds of one thread on the current profile; the last block is the wall time that the runs in
experiments/runs recorded.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from m2clip import experiment, profiles, provenance, runs
from m2clip.data import manifest
from m2clip.data.dataset import TestVideos, TrainVideos
from m2clip.data.frame_cache import FrameCache
from m2clip.data.loading import test_batches, train_batches
from m2clip.evaluation.recognition import score
from m2clip.models.factory import build_model, device_name, pixels_of
from m2clip.training.step import single_shard

STEPS, VIDEOS = 20, 160
IMPORTS = {
    "import torch": "torch",
    "import torch and open_clip": "torch, open_clip",
    "import MLflow": "mlflow",
    "import pandas": "pandas",
}


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def child(command: list[str]) -> float:
    """Wall seconds of a command."""
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def parts(row: str) -> list[tuple[str, float, str]]:
    """Name, CPU seconds and unit of what training and evaluating a row is made of."""
    config = experiment.resolve(row)
    dataset = manifest.read(Path("data") / profiles.read().name / config.data.dataset)
    model, _ = build_model(config, dataset.labels, 0, device_name())
    pixels = pixels_of(model)
    found: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        kept = FrameCache(Path(folder), dataset)
        for name, decoded in (("decoded anew", None), ("decoded and kept", kept), ("kept", kept)):
            videos = TrainVideos(dataset, "train", config.data, pixels, 0, cache=decoded)
            batches = train_batches(videos, start=0, steps=STEPS, batch=config.train.batch, workers=0)
            seconds = cpu(lambda batches=batches: list(batches))
            found.append((f"read a batch, {name}", seconds / STEPS, "step"))
            test = TestVideos(dataset, "test", config.data, pixels, cache=decoded)
            test.videos.paths = test.videos.paths[:VIDEOS]
            seconds = cpu(lambda test=test: list(test_batches(test, batch=config.evaluate.batch, workers=0)))
            found.append((f"read a test video, {name}", seconds / VIDEOS, "video"))
    loaded = list(train_batches(videos, start=0, steps=4, batch=config.train.batch, workers=0))

    def step() -> None:
        for batch in loaded:
            model.total(model(batch.videos, single_shard(batch.class_ids))).backward()

    if model.trainable():
        step()
        found.append(("forward and backward", cpu(step) / len(loaded), "step"))
    with torch.no_grad():
        labels = model.labels(model.prompts)
    whole = cpu(lambda: score(model, test, labels, batch=config.evaluate.batch, workers=0))
    found.append(("read kept and score a test video", whole / VIDEOS, "video"))
    return found


def recorded() -> pd.DataFrame:
    """Wall seconds of the stages of all runs of the profile, as their provenance says."""
    lines = []
    for key in runs.found(profiles.read().name):
        for stage, file in (("train", key.provenance), ("evaluate", key.evaluation_provenance)):
            if file.exists():
                lines.append((stage, key.row, pd.read_json(file, typ="series")["seconds"]))
    return pd.DataFrame(lines, columns=["stage", "row", "seconds"])


def main() -> None:
    """Print all of it."""
    row = sys.argv[1] if len(sys.argv) > 1 else experiment.MAIN
    print(f"{row}, {provenance.processor()}, commit {provenance.commit()}")
    for name, seconds, unit in parts(row):
        print(f"  {name:<40} {seconds * 1000:8.1f} ms a {unit}")
    print("once a stage, wall:")
    for name, modules in IMPORTS.items():
        print(f"  {name:<40} {child([sys.executable, '-c', f'import {modules}']):8.1f} s")
    print(f"  {'dvc status':<40} {child([sys.executable, '-m', 'dvc', 'status', '--json']):8.1f} s")
    table = recorded()
    print("recorded by the runs, wall:")
    for stage, group in table.groupby("stage", sort=False):
        longest = group.loc[group["seconds"].idxmax()]
        print(
            f"  {stage:<12} {len(group)} runs, {group['seconds'].sum() / 60:.1f} min in all, "
            f"longest {longest['row']} {longest['seconds']:.0f} s"
        )


if __name__ == "__main__":
    main()
