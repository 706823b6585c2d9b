"""Probe many videos in parallel, or copy them first. After an interruption, go on where it stopped.

This runs on the cores of this machine, or on a Dask cluster that sees the same folder, whose address is in
M2CLIP_DASK (tcp://scheduler:8786).
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import FileIO
from pathlib import Path

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from m2clip.data import dataset_root
from m2clip.data.isolated import ENDED, TAKES, probe, transcode
from m2clip.data.transcoding import UNWRITTEN, Copies
from m2clip.data.video import UNREAD, Probe, VideoError
from m2clip.errors import UserError

Outcome = Probe | str  # what was measured, or why it cannot be used
PROBING = 2  # counts the changes of what a probe finds; outcomes of an earlier count are not remembered
CLUSTER = "M2CLIP_DASK"  # address of a Dask scheduler
Key = tuple[str | int, ...]  # path, size and time of change, also of the copy: what tells a file again


def probe_all(
    folder: Path, paths: Iterable[str], log: Path, jobs: int, copies: Copies | None = None
) -> dict[str, Outcome]:
    """Probe every video, or copy it and probe the copy; no video, however broken, stops it.

    Args:
        folder: what paths are relative to.
        paths: the videos.
        log: file of outcomes, from which an interrupted call goes on; the caller removes it.
        jobs: processes.
        copies: how copies are made; None: the videos are probed as they are.

    Raises:
        UserError: the log or a copy cannot be written, or the cluster cannot be reached.
    """
    keys = {path: _key(folder, path) for path in paths}
    known = _remembered(log)
    whole = {path: key + _key_of_copy(copies, path) for path, key in keys.items()}
    done = {path: known[key] for path, key in whole.items() if key in known}
    rest = [path for path in keys if path not in done]
    if copies and rest:
        _tell_sizes(copies, [keys[path] for path in rest])
    with _append_to(log) as file, _workers(jobs) as workers:
        results = Parallel(n_jobs=workers, return_as="generator_unordered", prefer="threads")(
            delayed(_outcome)(folder.absolute(), path, copies) for path in rest
        )
        title = "videos copied" if copies else "videos probed"
        for path, outcome in _progress(results, title, len(keys), len(done)):
            if copies and str(outcome).startswith(UNWRITTEN):
                reason = str(outcome).removeprefix(f"{UNWRITTEN}: ")
                raise cannot_write(copies.folder / copies.path(path), OSError(0, reason))
            done[path] = outcome
            if not str(outcome).startswith((UNREAD, TAKES, ENDED)):  # the next time it may be read
                _remember(file, log, keys[path] + _key_of_copy(copies, path), outcome)
    return done


def make_folder(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None


def cannot_write(path: Path, error: OSError) -> UserError:
    """The line about a full or read-only disk."""
    return UserError(f"{path}: cannot be written: {error.strerror or error}; what was done before is kept")


def _append_to(log: Path) -> FileIO:
    make_folder(log.parent)
    try:
        return log.open("ab", buffering=0)  # so that closing it has nothing left to write
    except OSError as error:
        raise cannot_write(log, error) from None


@contextmanager
def _workers(jobs: int) -> Iterator[int]:
    """The number of processes: `jobs` on this machine, or -1 (all) on the cluster if one is set."""
    address = dataset_root.setting(CLUSTER)
    if address is None:
        yield jobs
        return
    try:
        from distributed import Client
    except ImportError:
        raise UserError(f"{CLUSTER} is set, but distributed is not installed; run make setup") from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise UserError(f"{CLUSTER}: no Dask scheduler answers at {address}: {error}") from None
    with client, parallel_config(backend="dask"):
        yield -1


def _tell_sizes(copies: Copies, keys: list[Key]) -> None:
    """Say before it begins how much is copied, and how much room there is."""
    size, free = sum(max(0, int(key[1])) for key in keys), shutil.disk_usage(copies.folder).free
    print(
        f"{len(keys):,} videos of {size / 1e9:.1f} GB are copied to {copies.folder}, which has "
        f"{free / 1e9:.1f} GB free",
        file=sys.stderr,
    )


def _outcome(folder: Path, path: str, copies: Copies | None) -> tuple[str, Outcome]:
    try:
        if copies is None:
            return path, probe(folder / path)
        target = copies.folder / copies.path(path)
        return path, transcode(folder / path, target, copies.short_side, copies.keyframes)
    except VideoError as error:
        return path, error.reason


def _progress(
    results: Iterable[tuple[str, Outcome]], title: str, total: int, initial: int
) -> Iterator[tuple[str, Outcome]]:
    yield from tqdm(results, title, total=total, initial=initial, unit="", file=sys.stderr)


def _key(folder: Path, path: str) -> Key:
    try:
        stat = (folder / path).stat()
    except OSError:
        return path, -1, -1
    return path, stat.st_size, stat.st_mtime_ns


def _key_of_copy(copies: Copies | None, path: str) -> Key:
    return () if copies is None else _key(copies.folder, copies.path(path))


def _remembered(log: Path) -> dict[Key, Outcome]:
    known: dict[Key, Outcome] = {}
    if not log.is_file():
        return known
    for line in log.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            entry = json.loads(line)
            if entry["probing"] != PROBING:
                continue
            key, outcome = tuple(entry["key"]), entry["outcome"]
            known[key] = outcome if isinstance(outcome, str) else Probe(**outcome)
        except (ValueError, KeyError, TypeError):  # the line that was being written at the stop
            continue
    return known


def _remember(file: FileIO, log: Path, key: Key, outcome: Outcome) -> None:
    plain = outcome if isinstance(outcome, str) else asdict(outcome)
    try:
        # A newline first, since the last line may be half of one.
        file.write(b"\n" + json.dumps({"probing": PROBING, "key": key, "outcome": plain}).encode())
    except OSError as error:
        raise cannot_write(log, error) from None
