"""Adapters and heads on disk: what a training leaves, and what a trained run is opened from.

Only what was trained is saved; config, labels and seed lie in the file's header.
"""

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from m2clip.errors import UserError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Write to a file beside `path` and rename it, so that `path` is whole or as it was.

    Raises:
        UserError: when it cannot be written, as on a full disk.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:  # each library has its own
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be written, is the disk full or read-only? {reason}") from error


def save_adapters(path: Path, trainable: Mapping[str, nn.Parameter], about: Mapping[str, Any]) -> None:
    """Adapters and heads as safetensors; `about` (config, labels, backbone's digest) goes into its header."""
    tensors = {name: p.detach().cpu().contiguous() for name, p in trainable.items()}
    write_atomically(path, lambda part: safetensors.torch.save_file(tensors, part, metadata=header(about)))


def header(about: Mapping[str, Any]) -> dict[str, str]:
    """What safetensors keeps of `about`, always with the same bytes."""
    return {"m2clip": json.dumps(about, sort_keys=True)}


def load_adapters(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file that `save_adapters` wrote.

    Raises:
        UserError: when the file is missing or is something else.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["m2clip"])
            about = {key: about[key] for key in ("config", "labels", "seed")}
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; train the run first (dvc repro)") from None
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not the adapters of a run: {error}") from None


def fill(trainable: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy saved tensors into the model's parameters.

    Raises:
        UserError: naming the first tensor that is missing, too many or of another shape.
    """
    for name in sorted(set(trainable) | set(tensors)):
        if name not in tensors or name not in trainable:
            where = "the file" if name not in tensors else "the model"
            raise UserError(f"{path}: does not fit the config: {name} is not in {where}")
        if trainable[name].shape != tensors[name].shape:
            have, want = list(tensors[name].shape), list(trainable[name].shape)
            raise UserError(f"{path}: does not fit the config: {name} is {have}, the model has {want}")
        with torch.no_grad():
            trainable[name].copy_(tensors[name])
