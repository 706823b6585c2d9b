"""A training that takes a second: the tiny CLIP, real videos of three labels, and all of the real code."""

from functools import partial

import torch

import video_files
from m2clip.backbones import digest
from m2clip.config import Run
from m2clip.data import annotations, build_manifest
from m2clip.data.dataset import TrainVideos
from m2clip.models.factory import build_model, pixels_of
from m2clip.models.weights_io import save_weights
from m2clip.parsing import build, merge, plain
from m2clip.training.loop import train

LABELS = ("pole vault", "tai chi", "unboxing")
TRAIN = {"steps": 8, "batch": 4, "lr": 5e-3, "workers": 0, "checkpoint_every": 2, "log_every": 1}


class Stopped(Exception):  # noqa: N818
    """A training that a test stops from its log."""


def prepare_videos(folder, count=9, splits="train test", labels=LABELS):
    """A manifest of videos of which no two are the same, with a colour for each of up to three labels."""
    lines = ["path,label,split"]
    for index in range(count):
        class_id = index % len(labels)
        draw = partial(tinted, channel=class_id)
        video_files.write(folder / f"videos/{index}.mp4", 8 + index, draw=draw)
        names = splits if isinstance(splits, str) else splits[index]
        lines.append(f"videos/{index}.mp4,{labels[class_id]},{names}")
    (folder / "annotations.csv").write_text("\n".join(lines))
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    return build_manifest.prepare(annotations.read("plain", folder), folder, 1, 0)


def tinted(index, height, width, channel):
    """A numbered frame under a colour."""
    picture = video_files.frame(index, height, width) // 4
    picture[..., channel] += 180
    return picture


def config_of(backbone, differences=None):
    """The paper's model on the tiny CLIP, and how it differs."""
    base = {"backbone": plain(backbone), "data": {"frames": 4}, "train": TRAIN}
    return build(Run, merge(base, differences or {}))


def open_training(config, manifest, seed=0, cache=None):
    """A fresh model and the videos it is to be trained on, whose frames may be kept once they are decoded."""
    model, _ = build_model(config, manifest.labels, seed)
    return model, TrainVideos(manifest, "train", config.data, pixels_of(model), seed, cache=cache)


def run(config, manifest, checkpoints, seed=0, log=lambda step, values: None, opened=None):
    """Train from the newest checkpoint, if any: what was trained, and what training told."""
    model, videos = opened or open_training(config, manifest, seed)
    trained = train(model, videos, config, seed, checkpoints, log)
    return weights_of(model), trained


def run_until(step, config, manifest, checkpoints, seed=0):
    """Train and stop after a step, before a checkpoint of it is written."""

    def stop(at, values):
        if at == step:
            raise Stopped

    try:
        run(config, manifest, checkpoints, seed, stop)
    except Stopped:
        return
    raise AssertionError(f"went past step {step}")


def save_run(path, make_model, backbone, differences, seed=0):
    """A run as the train stage leaves it, of weights that were never trained; the model."""
    model, _ = make_model(differences, labels=LABELS, double=False)
    for weight in model.trainable().values():
        weight.data.mul_(1 + seed / 10)
    save_trained(path, model, config_of(backbone, differences), LABELS, seed)
    return model


def save_trained(path, model, config, labels, seed=0):
    """A model as the train stage leaves it."""
    content = plain(config) | {"inputs": {"backbone": digest(config.backbone)}}
    content.pop("evaluate")
    save_weights(path, model, {"config": content, "labels": labels, "seed": seed})


def weights_of(model):
    return {name: weight.detach().clone() for name, weight in model.trainable().items()}


def same(one, two):
    """Whether two sets of tensors have the same names and the same bits."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
