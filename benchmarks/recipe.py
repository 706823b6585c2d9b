"""Try a recipe on the validation draw: train a row with overrides, score `validation`, append a line.

    python benchmarks/recipe.py main train.lr=0.005 train.steps=500 seed=1

The recipes in experiments/profiles/ were chosen from benchmarks/results/recipe.csv; no test video is read.
"""

import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from measure import commit

from m2clip import backbones, experiment, paths, profiles, provenance
from m2clip.config import Run
from m2clip.data import manifest
from m2clip.data.dataset import TestVideos, TrainVideos
from m2clip.data.frame_cache import FrameCache
from m2clip.evaluation.recognition import score, top
from m2clip.models.factory import build_model, device_name, pixels_of
from m2clip.parsing import build, merge, plain
from m2clip.training.loop import train

RESULTS = Path("benchmarks/results/recipe.csv")
PROFILE = "embedded"


def overrides(arguments: list[str]) -> dict[str, Any]:
    """`a.b=c` as nested mappings."""
    nested: dict[str, Any] = {}
    for argument in arguments:
        path, _, value = argument.partition("=")
        for key in reversed(path.split(".")):
            value = {key: yaml.safe_load(value) if isinstance(value, str) else value}
        nested = merge(nested, value)
    return nested


def measure(row: str, over: dict[str, Any], profile: str = PROFILE) -> dict[str, Any]:
    """Train a row of a profile with overrides and score it on the validation draw."""
    seed = over.pop("seed", 0)
    config = build(Run, merge(plain(experiment.resolve(row, profiles.read(profile))), over))
    dataset = manifest.read(Path("data") / profile / config.data.dataset)
    model, _ = build_model(config, dataset.labels, seed, device_name())
    frames = FrameCache(paths.frames(), dataset, config.data.decoder)
    began = time.process_time()
    if config.train.steps:
        videos = TrainVideos(dataset, "train", config.data, pixels_of(model), seed, check=False, cache=frames)
        with tempfile.TemporaryDirectory() as folder:
            train(model, videos, config, seed, Path(folder))
    seconds = time.process_time() - began
    with torch.no_grad():
        labels = model.labels(model.prompts) if config.options.reads_text else None
    views = TestVideos(dataset, "validation", config.data, pixels_of(model), cache=frames)
    scores = score(model, views, labels, batch=config.evaluate.batch, workers=0)
    class_ids = dataset.rows("validation")["class_id"].to_numpy()
    return {
        "row": row,
        "seed": seed,
        "lr": config.train.lr,
        "warmup": config.train.warmup,
        "steps": config.train.steps,
        "temperature": config.backbone.temperature or "",
        "validation_vc": f"{top(scores['vc'], class_ids, 1):.1f}" if "vc" in scores else "",
        "validation_eq11": f"{top(scores['eq11'], class_ids, 1):.1f}" if "eq11" in scores else "",
        "videos": len(class_ids),
        "cpu_seconds": round(seconds),
        "backbone": backbones.digest(config.backbone)[:12],
        "commit": commit(),
        "processor": provenance.processor(),
    }


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a CSV of results, and print it."""
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(line), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(line)
    print(line, flush=True)


def main() -> None:
    """Measure and append."""
    torch.set_num_threads(1)
    line = measure(sys.argv[1], overrides(sys.argv[2:])) | {
        "command": " ".join(["benchmarks/recipe.py", *sys.argv[1:]])
    }
    append(RESULTS, line)


if __name__ == "__main__":
    main()
