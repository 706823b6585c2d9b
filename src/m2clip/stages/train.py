"""`train PROFILE ROW SEED`: resolved config -> weights, learning curve, provenance.

With M2CLIP_LAUNCH, in as many processes as it starts; the first alone writes.
"""

from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from m2clip import backbones, closure, paths, provenance, runs, shortcuts
from m2clip.config import Run
from m2clip.data import manifest, sentences
from m2clip.data.dataset import TrainVideos
from m2clip.data.frame_cache import FrameCache
from m2clip.data.manifest import Manifest
from m2clip.data.video import AUTO, decoder, versions
from m2clip.errors import UserError, guarded
from m2clip.files import read_yaml
from m2clip.models.factory import build_model, device_name, pixels_of
from m2clip.models.weights_io import save_weights
from m2clip.parsing import build
from m2clip.tracking.live import live
from m2clip.training.checkpoint import checkpoint_folder, forget
from m2clip.training.devices import named, open_fabric
from m2clip.training.launch import relaunch, report_first_error
from m2clip.training.loop import Trained, ignore, train, write_history


def main() -> None:
    """Train one row with one seed."""
    relaunch("m2clip.stages.train")
    key = runs.of_arguments()
    source = provenance.source()
    content = read_yaml(key.train_config)
    config = build(Run, {k: v for k, v in content.items() if k != "inputs"}, source=str(key.train_config))
    closure.check(content["inputs"].get("code"), "train", config.method)
    dataset = _dataset(key, config, content["inputs"])
    fabric = open_fabric(device_name(), config)
    model, _ = build_model(config, dataset.labels, key.seed, str(fabric.device))
    checkpoints = checkpoint_folder(
        paths.root(), _decides(content, key.seed, named(fabric), config.data.decoder)
    )
    trained = Trained([], (), 0)
    tags = {"commit": source["commit"], "command": source["command"], "device": named(fabric)}
    with live(key, content, tags) if fabric.is_global_zero else nullcontext() as run:
        if config.train.steps:
            cache = FrameCache(paths.frames(), dataset, config.data.decoder)
            videos = TrainVideos(dataset, "train", config.data, pixels_of(model), key.seed, cache=cache)
            log = run.log if run else ignore
            trained = train(model, videos, config, key.seed, checkpoints, log, fabric)
    if not fabric.is_global_zero:
        return
    about = {
        "config_sha": runs.digest(content),
        "seed": key.seed,
        "inputs": content["inputs"],
        "processes": fabric.world_size,
        "precision": config.train.precision,
        "decoder": {"asked": config.data.decoder} | versions(config.data.decoder),
        "dropped_videos": list(trained.dropped),
        "resumed_at_step": trained.resumed,
    }
    saved = {"config": runs.without_code(content), "labels": dataset.labels, "seed": key.seed}
    save_weights(key.weights, model, saved)
    with paths.written_anew(key.training) as folder:
        folder.mkdir()
        write_history(folder / key.history.name, trained.history)
        path = folder / key.provenance.name
        provenance.write_provenance(path, fabric.device.type, source, about)
    forget(checkpoints)


def _dataset(key: runs.RunKey, config: Run, inputs: dict[str, str]) -> Manifest:
    """The row's dataset, where it and the backbone are what the row was resolved with."""
    folder = Path("data") / key.profile / config.data.dataset
    dataset = manifest.read(folder)
    if dataset.digest() != inputs["videos"]:
        raise UserError(f"{folder}: changed since its rows were resolved; run dvc repro")
    if backbones.digest(config.backbone) != inputs["backbone"]:
        raise UserError(f"{config.backbone.pretrained}: changed since its rows were resolved; run dvc repro")
    if sentences.digest(config.data) != inputs.get("sentences"):
        raise UserError(f"{config.data.sentences}: changed since its rows were resolved; run dvc repro")
    return dataset


def _decides(content: dict[str, Any], seed: int, device: str, asked: str = AUTO) -> list[str]:
    """Everything that decides the bits; the config has the digests of code and inputs."""
    names = ("torch", "torchvision", "numpy", "open_clip_torch", "lightning-fabric")
    plain = [shortcuts.VARIABLE] if shortcuts.off() else []
    packages = [version(name) for name in names]
    return [yaml.safe_dump(content), str(seed), device, *packages, decoder(asked), *plain]


if __name__ == "__main__":
    guarded(report_first_error(main))
