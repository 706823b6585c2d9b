"""The repository's root, which outlives temporary folders; how outputs are written; the cores there are."""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def written_anew(path: Path) -> Iterator[Path]:
    """Where to write a file or a folder that takes the place of `path` when it is whole.

    An output that is there is never written into: it may be a hard link into DVC's cache. After an error
    it is as it was. What a process that was killed has left beside it is removed.

    Yields:
        a path beside `path` where nothing is yet, with the same ending.
    """
    node = re.sub(r"\W", "", platform.node())
    part = path.with_name(f".{path.stem}.{node}-{os.getpid()}.part{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(part)
    for left in path.parent.glob(f".*.{node}-*.part{path.suffix}"):
        found = re.search(rf"\.{node}-(\d+)\.part", left.name)
        if found and not _alive(int(found[1])):
            _remove(left)
    try:
        yield part
        if part.is_file():
            with part.open("rb") as file:
                os.fsync(file.fileno())
        if path.is_dir():
            shutil.rmtree(path)
        part.replace(path)
    finally:
        _remove(part)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    elif part.exists():
        with suppress(OSError):
            part.unlink()


def _alive(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
