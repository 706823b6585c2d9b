"""Trained weights on disk: what a training leaves, and what a trained run is opened from.

Only what was trained is saved; config, labels and seed lie in the file's header.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, cast

import safetensors
import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor

from m2clip.data.texts import check_label
from m2clip.errors import UserError
from m2clip.fields import settings
from m2clip.files import check_regular, parse_json
from m2clip.models.method import Method
from m2clip.parsing import build
from m2clip.paths import written_anew

MOST_LABELS = 100_000


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Write to a file beside `path` and rename it, so that `path` is whole or as it was.

    Raises:
        UserError: when it cannot be written, as on a full disk.
    """
    try:
        with written_anew(path) as part:
            write(part)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:  # each library has its own
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be written, is the disk full or read-only? {reason}") from error


def save_weights(path: Path, model: Method, about: Mapping[str, Any]) -> None:
    """Write what was trained as safetensors; `about` (config, labels, seed) goes into its header.

    Raises:
        UserError: when it cannot be written, or a value is no finite number.
    """
    metadata = header({**about, "differences": sorted(model.backbone)})
    tensors = trained_tensors(model)
    if bad := not_finite(tensors):
        raise UserError(f"{path}: is not written: {bad} has values that are no finite numbers")
    write_atomically(path, lambda part: safetensors.torch.save_file(tensors, part, metadata=metadata))


def trained_tensors(model: Method) -> dict[str, Tensor]:
    """Trained parameters and buffers by name, which a fresh model of the same seed and backbone lacks.

    New parameters as they are. Where CLIP's own were tuned, their difference from the backbone in half
    precision, in half of the space: the sum errs by at most 2^-11 of it, or 2^-25 where that is more.
    """
    tensors = {**model.trainable(), **model.trained_buffers()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    tuned = {name: (tensors[name] - start).half() for name, start in model.backbone.items()}
    return tensors | tuned


def header(about: Mapping[str, Any]) -> dict[str, str]:
    """What safetensors keeps of `about`, always with the same bytes."""
    return {"m2clip": json.dumps(about, sort_keys=True)}


@settings
class About:
    """What the header of a file of weights must hold; the config is checked where a model is built of it."""

    config: dict[str, Any]
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_LABELS)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What a file of weights holds: tensors by name; and config, labels, seed and which are differences."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def load_weights(path: Path) -> Saved:
    """Read a file that `save_weights` wrote. Nothing in it is unpickled.

    Raises:
        UserError: when the file is missing, is something else, or has values that are no finite numbers.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such file; train the run first (dvc repro)")
    try:
        check_regular(path)
        with safetensors.safe_open(path, framework="pt") as file:
            about = _about(parse_json((file.metadata() or {})["m2clip"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"{path}: not the weights of a run: {' '.join(str(error).split())}") from None
    if bad := not_finite(tensors):
        raise UserError(f"{path}: {bad} has values that are no finite numbers; train the run again")
    return Saved(tensors=tensors, about=about)


def _about(content: Any) -> dict[str, Any]:
    """The header's content, checked: `inputs` pins the backbone, and each label is one line of its own."""
    asked = [one.name for one in fields(cast(Any, About))]
    about = {key: content[key] for key in asked}
    checked = build(About, about, source="its header")
    if not isinstance(checked.config["inputs"]["backbone"], str):
        raise UserError("its header: config.inputs.backbone: expected a digest")
    for label in checked.labels:
        check_label(label, "its header")
    if len(set(checked.labels)) < len(checked.labels):
        raise UserError("its header: labels: one comes twice")
    return about


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with a value that is no finite number, None where there is none."""
    return next((name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()), None)


def fill(model: Method, saved: Saved, path: Path) -> None:
    """Copy saved tensors into a model just built with the same config, labels and seed.

    Raises:
        UserError: naming the first tensor that is missing, too many or of another shape.
    """
    check_fits(model, saved, path)
    own: dict[str, Tensor] = {**model.trainable(), **model.trained_buffers()}
    for name, tensor in saved.tensors.items():
        with torch.no_grad():
            own[name].copy_(model.backbone[name] + tensor.float() if name in model.backbone else tensor)


def check_fits(model: Method, saved: Saved, path: Path) -> None:
    """Compare names, shapes and kinds of saved tensors with a model's, which may be on the meta device.

    Raises:
        UserError: naming the first tensor that is missing, too many, of another shape, or no real numbers.
    """
    own: dict[str, Tensor] = {**model.trainable(), **model.trained_buffers()}
    differences = set(saved.about["differences"])
    for name in sorted(set(own) | set(saved.tensors)):
        if name not in saved.tensors or name not in own:
            where = "the file" if name not in saved.tensors else "the model"
            raise UserError(f"{path}: does not fit the config: {name} is not in {where}")
        if own[name].shape != saved.tensors[name].shape:
            have, want = list(saved.tensors[name].shape), list(own[name].shape)
            raise UserError(f"{path}: does not fit the config: {name} is {have}, the model has {want}")
        if (name in differences) != (name in model.backbone):
            raise UserError(f"{path}: does not fit the config: {name} is CLIP's own in only one of the two")
        if own[name].is_floating_point() != saved.tensors[name].is_floating_point():
            raise UserError(f"{path}: does not fit the config: {name} is of {saved.tensors[name].dtype}")
