"""Checkpoints of a training, from which a killed run resumes to the same bits.

Checkpoints lie outside of DVC's outs, which DVC deletes before a stage runs again. Their name is a digest
of all that decides the result, so that a changed config never continues an old run.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from m2clip.models.weights_io import write_atomically


def checkpoint_folder(root: Path, decides: Iterable[str]) -> Path:
    """Where the checkpoints of a run lie, named by a digest of everything that decides its result."""
    digest = hashlib.sha256("\0".join(decides).encode()).hexdigest()[:16]
    return root / ".work" / "checkpoints" / digest


def save_state(folder: Path, step: int, state: Mapping[str, Any]) -> None:
    """Save the state before step `step`, counted from 0; the older state is removed only after that."""
    new = folder / f"{step:08d}.pt"
    write_atomically(new, lambda path: torch.save(dict(state), path))
    for other in folder.glob("[0-9]*.pt"):
        if other != new:  # an older one, or a newer one that could not be read
            other.unlink(missing_ok=True)  # another process that trains the same may have done it


def load_state(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """The newest readable state and its step, or None where there is none."""
    for path in sorted(folder.glob("[0-9]*.pt"), reverse=True):
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
