"""A checkpoint: a trained run as a folder that can be taken away.

    weights.safetensors   adapters and heads; config, labels and seed in its header
    config.yaml            the same config, to read; only backbone.pretrained may be changed in it
    labels.txt             the same labels, one a line in class-id order
    README.md              the model card
    <backbone>.json        open_clip's model config, where open_clip does not know the backbone's name
    <backbone>.*           its weights, where they are a file of up to 100 MB

Backbone weights that are not copied come from open_clip, or from a file: the one that the caller names, else
the one in the checkpoint's folder, else the config's path from the working folder. Their digest has to be
that of the weights which the run was trained on.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import yaml

from m2clip import backbones
from m2clip.config import Backbone, Run
from m2clip.data.labels import read_labels
from m2clip.errors import UserError
from m2clip.evaluation.trained import TrainedRun, open_trained
from m2clip.files import read_mapping
from m2clip.models.weights_io import Saved, header, load_weights
from m2clip.parsing import build

ADAPTERS, CONFIG, LABELS, CARD = "weights.safetensors", "config.yaml", "labels.txt", "README.md"
CARRIED = 100 * 2**20  # bytes of a backbone's file up to which it is copied


def write_checkpoint(folder: Path, saved: Saved, card: str) -> None:
    """Write all files of a checkpoint, or none.

    Args:
        folder: a new or an empty one.
        saved: of the run; paths of its backbone are made to hold on another machine.
        card: the page about it.

    Raises:
        UserError: when there is something in the folder, or it cannot be written.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder}: is not an empty folder; name a new one")
    config, copied = _portable(saved.about["config"])
    about = saved.about | {"config": config}
    part = None
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        part.chmod(0o755)  # mkdtemp's is for its owner alone
        safetensors.torch.save_file(saved.tensors, part / ADAPTERS, metadata=header(about))
        (part / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        (part / LABELS).write_text("".join(f"{label}\n" for label in about["labels"]), encoding="utf-8")
        (part / CARD).write_text(card, encoding="utf-8")
        for file in copied:
            shutil.copyfile(file, part / file.name)
        for file in part.iterdir():
            file.chmod(0o644)  # safetensors' is for its owner alone, too
        part.replace(folder)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        raise UserError(f"{folder}: cannot be written: {' '.join(str(error).split())}") from error


def carried(config: Mapping[str, Any]) -> Path | None:
    """The backbone's file if it goes into a checkpoint: it is here, small, and was trained on; else None."""
    backbone = build(Backbone, config["backbone"])
    file = Path(backbone.pretrained)
    if not file.is_file() or file.stat().st_size > CARRIED:
        return None
    return file if backbones.digest(backbone) == config["inputs"]["backbone"] else None


def _portable(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[Path]]:
    """The config without paths of this machine, and the backbone's files that go into the folder."""
    backbone = dict(config["backbone"])
    weights, here = Path(backbone["pretrained"]), carried(config)
    copied = [here] if here else []
    if here or weights.is_absolute() or ".." in weights.parts:
        backbone["pretrained"] = weights.name
    if backbone.get("config"):
        copied.append(Path(backbone["config"]))
        backbone["config"] = copied[-1].name
    return {**config, "backbone": backbone}, copied


def open_checkpoint(folder: Path, device: str, weights: Path | None = None) -> TrainedRun:
    """Open a checkpoint.

    Args:
        folder: of the checkpoint.
        device: where to.
        weights: the file of the backbone's weights, where it is not found by itself.

    Raises:
        UserError: when a file is missing, does not go with the others, or the backbone is another.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; `m2clip export ROW DIR` writes a checkpoint")
    path = folder / ADAPTERS
    if not path.is_file():
        raise UserError(f"{folder}: no {ADAPTERS} in it, so it is none of `m2clip export ROW DIR`")
    about = load_weights(path).about
    content = read_mapping(folder / CONFIG)
    config = build(Run, {k: v for k, v in content.items() if k != "inputs"}, source=str(folder / CONFIG))
    if _without_weights(content) != _without_weights(about["config"]):
        raise UserError(
            f"{folder / CONFIG}: is not the config that {ADAPTERS} was trained with; only "
            "backbone.pretrained may be changed, to where the file is"
        )
    if read_labels(folder / LABELS) != tuple(about["labels"]):
        raise UserError(
            f"{folder / LABELS}: these are not the labels that {ADAPTERS} was trained with; others are given "
            "as `labels`"
        )
    return open_trained(path, device, _found(config.backbone, folder, weights))


def _without_weights(config: Mapping[str, Any]) -> dict[str, Any]:
    backbone = config.get("backbone")
    named = backbone if isinstance(backbone, Mapping) else {}
    return {**config, "backbone": {**named, "pretrained": None}}


def _found(backbone: Backbone, folder: Path, weights: Path | None) -> Backbone:
    """The backbone's config with the paths that its files have on this machine."""
    named = Path(backbone.pretrained)
    is_file = bool(named.suffix) or len(named.parts) > 1
    if weights is not None and not is_file:
        raise UserError(
            f"{folder}: was trained on open_clip's {backbone.pretrained} of {backbone.name}, which open_clip "
            "finds by itself; leave `backbone` out"
        )
    if weights is None and is_file:
        beside = folder / named.name
        weights = next((place for place in (beside, named) if place.is_file()), None)
        if weights is None:
            raise UserError(
                f"{folder}: the weights of its backbone {backbone.name} are neither at {beside} nor at "
                f"{named} from here; give their file as `backbone`"
            )
    if weights is not None and not weights.is_file():
        raise UserError(f"backbone {weights}: there is no such file")
    model_config = str(folder / backbone.config) if backbone.config else None
    return replace(backbone, config=model_config, pretrained=str(weights) if weights else backbone.pretrained)
