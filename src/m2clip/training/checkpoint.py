"""What a killed run needs to go on with the same bits, and what a finished one leaves.

Checkpoints lie outside of DVC's outs, which DVC deletes before a stage runs again. Their name is a digest
of all that decides the result, so that a changed config never continues an old run.
"""

import contextlib
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from m2clip.errors import UserError


def checkpoint_folder(root: Path, decides: Iterable[str]) -> Path:
    """Where the checkpoints of a run lie, named by a digest of everything that decides its result."""
    digest = hashlib.sha256("\0".join(decides).encode()).hexdigest()[:16]
    return root / ".work" / "checkpoints" / digest


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


def save_state(folder: Path, step: int, state: Mapping[str, Any]) -> None:
    """Save what the step `step` starts from; the one before it is removed only then."""
    new = folder / f"{step:08d}.pt"
    write_atomically(new, lambda path: torch.save(dict(state), path))
    for other in folder.glob("*.pt"):
        if other != new:  # older, or newer and damaged, or it would have been gone on with
            other.unlink()


def load_state(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """The newest readable state and its step, or None where there is none."""
    for path in sorted(folder.glob("*.pt"), reverse=True):
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:  # checksums, which torch.load does not look at
                    continue
            return int(path.stem), torch.load(path, weights_only=True, map_location="cpu")
        except Exception:  # whatever a damaged file raises, the one before it is still there or we start anew
            continue
    return None


def forget(folder: Path) -> None:
    """Remove the checkpoints of a finished run."""
    shutil.rmtree(folder, ignore_errors=True)


def save_adapters(path: Path, trainable: Mapping[str, nn.Parameter], about: Mapping[str, Any]) -> None:
    """Adapters and heads as safetensors; `about` (config, labels, backbone's digest) goes into its header."""
    tensors = {name: p.detach().cpu().contiguous() for name, p in trainable.items()}
    header = {"m2clip": json.dumps(about, sort_keys=True)}
    write_atomically(path, lambda part: safetensors.torch.save_file(tensors, part, metadata=header))


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
