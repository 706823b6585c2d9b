"""The repository's root, which outlives temporary folders, and what this machine has."""

import os
from pathlib import Path


def root() -> Path:
    """DVC's root, also while a stage runs in the temporary folder of an experiment.

    Without DVC, the first folder upwards that holds a repository, else the working folder.
    """
    if named := os.environ.get("DVC_ROOT"):
        return Path(named).resolve()
    here = Path.cwd()
    return next(
        (at for at in (here, *here.parents) if (at / ".dvc").exists() or (at / ".git").exists()), here
    )


def frames() -> Path:
    """Where decoded frames of small datasets are kept, for all stages and experiments."""
    return root() / ".work" / "frames"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
