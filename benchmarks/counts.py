"""Multiply-adds of a training step of every method at full size, counted on the meta device.

    python benchmarks/counts.py

A step costs so many a video and so many whatever the batch (the texts); both follow from counting two
batches. Rows, frames, epochs or steps are those of the profile `paper`; `ssv2` is M2-CLIP on SSv2. What the
text tower keeps between steps is counted as if it were computed anew, so that the part of the texts is an
upper bound.
"""

from functools import partial
from pathlib import Path
from typing import Any

import measure
import torch
from torch import Tensor

from m2clip import experiment, profiles
from m2clip.methods import m2clip
from m2clip.models.factory import build_model
from m2clip.models.heads import mask_words
from m2clip.models.method import Method
from m2clip.models.prompts import Prompts
from m2clip.training.step import single_shard

LABELS = Path("experiments/labels")
FILES = {"k400": "kinetics400.txt", "ssv2": "ssv2.txt"}
SSV2 = "ssv2"  # M2-CLIP's row there
BATCHES = (2, 4)


def step_macs(model: Method, frames: int, batch: int) -> float:
    """Multiply-adds of forward and backward, in units of 10^9."""
    videos = measure.videos(batch, frames, "meta")
    about = single_shard(torch.arange(batch))._replace(batch_class_ids=torch.arange(batch, device="meta"))
    torch.manual_seed(0)  # FROSTER draws sentences, which are of several lengths
    return measure.counted(lambda: measure.step(model, videos, about)) / 1e9


def masked_by_number(prompts: Prompts, words: dict[str, int], class_ids: Tensor, *more: Any) -> Any:
    """`mask_words` of the first labels, since class ids on the meta device cannot be read."""
    return mask_words(prompts, words, torch.arange(len(class_ids)), *more)


def counted(row: str) -> measure.Line | None:
    """A method's line; None where nothing is trained, or where a value decides what is computed."""
    config = experiment.resolve(row, profiles.read("paper"))
    labels = tuple((LABELS / FILES[config.data.dataset]).read_text(encoding="utf-8").splitlines())
    model, _ = build_model(config, labels, 0, "meta")
    if not (trained := sum(weight.numel() for weight in model.trainable().values())):
        return None
    model.train().text.tokens = partial(model.text.tokens, cache=False)  # type: ignore[method-assign]
    try:
        small, large = (step_macs(model, config.data.frames, batch) for batch in BATCHES)
    except NotImplementedError as error:
        print(f"{row}: not counted ({error})")
        return None
    video = (large - small) / (BATCHES[1] - BATCHES[0])
    return {
        "row": row, "method": config.method, "dataset": config.data.dataset, "classes": len(labels),
        "frames": config.data.frames, "gmacs_a_video": video,
        "gmacs_of_texts": small - BATCHES[0] * video, "trained_parameters": trained,
        "batch": config.train.batch, "epochs": config.train.epochs,
        "steps": None if config.train.epochs else config.train.steps,
    }  # fmt: skip


def main() -> None:
    """The first row of each method on K400, and M2-CLIP's on SSv2."""
    m2clip.mask_words = masked_by_number  # type: ignore[assignment]
    lines: dict[str, measure.Line] = {}
    for row in experiment.rows():
        config = experiment.resolve(row, profiles.read("paper"))
        name = row if row == SSV2 else config.method
        wanted = config.data.dataset == "k400" or row == SSV2
        if wanted and name not in lines and (line := counted(row)):
            lines[name] = line
            print(line, flush=True)
    measure.write("counts", list(lines.values()), {"profile": "paper"})


if __name__ == "__main__":
    main()
