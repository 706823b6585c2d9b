"""Open a trained run: build its model and load what was trained."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from m2clip import backbones
from m2clip.config import Backbone, Run
from m2clip.data import sentences
from m2clip.errors import UserError
from m2clip.models.factory import build_model
from m2clip.models.method import Method
from m2clip.models.weights_io import check_fits, fill, load_weights
from m2clip.parsing import build


@dataclass(frozen=True)
class TrainedRun:
    """A model with its config, its labels in class-id order, and its CLIP's tokenizer."""

    model: Method
    config: Run
    labels: tuple[str, ...]
    tokenizer: Any


def open_trained(path: Path, device: str, backbone: Backbone | None = None) -> TrainedRun:
    """Open what the train stage saved.

    Args:
        path: of the weights.
        device: where to.
        backbone: where the backbone's files lie here, if not where the config says.

    Raises:
        UserError: when the file is missing, does not fit, or was trained on another backbone.
    """
    saved = load_weights(path)
    content = saved.about["config"]
    config = build(Run, {k: v for k, v in content.items() if k != "inputs"}, source=str(path))
    config = replace(config, backbone=backbone or config.backbone)
    trained_on, here = content["inputs"]["backbone"], backbones.digest(config.backbone)
    if trained_on != here:
        raise UserError(
            f"{path}: was trained on a backbone {config.backbone.name} with digest {trained_on[:12]}, "
            f"{config.backbone.pretrained} has {here[:12]}; take the same weights or train again"
        )
    if content["inputs"].get("sentences") != sentences.digest(config.data):
        raise UserError(f"{path}: was trained with other sentences than {config.data.sentences} has now")
    labels = tuple(saved.about["labels"])
    # Shapes are checked on the meta device first, so that a wrong file takes no memory. The CPU's random
    # state is put back afterwards.
    with torch.random.fork_rng(devices=[]):
        check_fits(build_model(config, labels, saved.about["seed"], "meta")[0], saved, path)
    model, tokenizer = build_model(config, labels, saved.about["seed"], device)
    fill(model, saved, path)
    return TrainedRun(model, config, labels, tokenizer)
