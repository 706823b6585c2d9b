"""What the profile `standard` would cost on a CPU: its parts, measured on one thread with random weights.

    python benchmarks/standard.py

Writes benchmarks/results/standard.csv. Nothing is trained to an end: weights do not change how long it takes.
"""

import csv
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import measure
import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file

from m2clip import experiment, profiles, provenance
from m2clip.config import Run
from m2clip.data import annotations, build_manifest
from m2clip.data.dataset import TestVideos, TrainVideos
from m2clip.data.loading import train_batches
from m2clip.evaluation.recognition import score
from m2clip.models.factory import build_model, pixels_of
from m2clip.stages import backbone
from m2clip.synthetic.captions import vocabulary
from m2clip.synthetic.pool import draw_pool
from m2clip.synthetic.sets import generate
from m2clip.synthetic.worlds import STANDARD
from m2clip.training import pretraining
from m2clip.training.step import single_shard
from m2clip.training.vocabulary import TokenTable

RESULTS = Path("benchmarks/results/standard.csv")
VIDEOS, STILLS, STEPS = 64, 512, 3
Part = tuple[str, float, int]
"""What was done, CPU seconds for one, and how many were timed."""


def cpu(work: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of a call, of so many, after one that is not counted."""
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def rows_of(folder: Path, config: Run) -> list[Part]:
    """A video drawn; a step of `main` read and computed; a test video scored."""
    began = time.process_time()
    generate("k400", folder, {"train": VIDEOS, "test": VIDEOS}, jobs=1, world=STANDARD)
    found = [("draw and encode a video", (time.process_time() - began) / (2 * VIDEOS), 2 * VIDEOS)]
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in STANDARD.labels["k400"]))
    dataset = build_manifest.prepare(annotations.read("plain", folder), folder, 1, 0)
    model, _ = build_model(config, dataset.labels, 0, "cpu")
    videos = TrainVideos(dataset, "train", config.data, pixels_of(model), 0)
    (batch,) = train_batches(videos, start=0, steps=1, batch=config.train.batch, workers=0)

    def read() -> None:
        list(train_batches(videos, start=0, steps=1, batch=config.train.batch, workers=0))

    def step() -> None:
        model.total(model(batch.videos, single_shard(batch.class_ids))).backward()

    found.append((f"row main: read {config.train.batch} videos", cpu(read, STEPS), STEPS))
    found.append((f"row main: forward and backward of {config.train.batch} videos", cpu(step, STEPS), STEPS))
    test = TestVideos(dataset, "test", config.data, pixels_of(model))
    with torch.no_grad():
        labels = model.labels(model.prompts)
    seconds = cpu(lambda: score(model, test, labels, batch=config.evaluate.batch, workers=0))
    return [*found, ("row main: read and score a test video", seconds / VIDEOS, VIDEOS)]


def pretraining_of(folder: Path, config: Path) -> list[Part]:
    """A still picture drawn; a step of the backbone."""
    began = time.process_time()
    pool = draw_pool(folder, STILLS, "train", 1, STANDARD)
    found = [("backbone: draw a still", (time.process_time() - began) / STILLS, STILLS)]
    content = json.loads(config.read_text())
    table = TokenTable(vocabulary(STANDARD), SimpleTokenizer(context_length=24))
    state = pretraining.build(content, table, pretraining.LARGER, STANDARD)
    steps = pretraining.train(state, table, pretraining.LARGER, pool)
    batch = pretraining.LARGER.batch
    return [*found, (f"backbone: step of {batch} stills", cpu(lambda: next(steps), STEPS), STEPS)]


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    asked = backbone.task(STANDARD.name)
    config = experiment.resolve(experiment.MAIN, profiles.read(STANDARD.name))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        open_clip.add_model_config(asked.config)
        save_file(open_clip.create_model(asked.name).state_dict(), folder / "random.safetensors")
        random = replace(config.backbone, pretrained=str(folder / "random.safetensors"))
        parts = rows_of(folder / "k400", replace(config, backbone=random))
        parts += pretraining_of(folder / "stills", asked.config)
    about = (provenance.processor(), measure.commit(), "benchmarks/standard.py")
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("what", "cpu_milliseconds", "timed", "processor", "commit", "command"))
        writer.writerows((what, f"{1000 * seconds:.1f}", count, *about) for what, seconds, count in parts)
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
