"""Measure many videos in parallel; go on after a stop where it was.

On this machine's cores, or with M2CLIP_DASK=tcp://scheduler:8786 on a Dask cluster that sees the same folder.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from m2clip.data import dataset_root
from m2clip.data.isolated import probe
from m2clip.data.video import UNREAD, Probe, VideoError
from m2clip.errors import UserError

Outcome = Probe | str  # what was measured, or why it cannot be used
CLUSTER = "M2CLIP_DASK"  # address of a Dask scheduler
Key = tuple[str, int, int]  # path, size and time of change: what tells a file that was probed before


def probe_all(folder: Path, paths: Iterable[str], log: Path, jobs: int) -> dict[str, Outcome]:
    """Probe every video; no video, however broken, stops it.

    Args:
        folder: what paths are relative to.
        paths: the videos.
        log: file that remembers outcomes, so that a stopped call goes on; whoever is done removes it.
        jobs: processes.
    """
    keys = {path: _key(folder, path) for path in paths}
    known = _remembered(log)
    done = {path: known[key] for path, key in keys.items() if key in known}
    rest = [path for path in keys if path not in done]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file, _workers(jobs) as workers:
        results = Parallel(n_jobs=workers, return_as="generator_unordered", prefer="threads")(
            delayed(_outcome)(folder.absolute(), path) for path in rest
        )
        for path, outcome in _progress(results, len(keys), len(done)):
            done[path] = outcome
            if not str(outcome).startswith(UNREAD):  # a disk that failed may do better the next time
                _remember(file, keys[path], outcome)
    return done


@contextmanager
def _workers(jobs: int) -> Iterator[int]:
    """How many processes there are: `jobs` here, or all of the cluster, where one is named."""
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


def _outcome(folder: Path, path: str) -> tuple[str, Outcome]:
    try:
        return path, probe(folder / path)
    except VideoError as error:
        return path, error.reason


def _progress(
    results: Iterable[tuple[str, Outcome]], total: int, initial: int
) -> Iterator[tuple[str, Outcome]]:
    yield from tqdm(results, "videos probed", total=total, initial=initial, unit="", file=sys.stderr)


def _key(folder: Path, path: str) -> Key:
    try:
        stat = (folder / path).stat()
    except OSError:
        return path, -1, -1
    return path, stat.st_size, stat.st_mtime_ns


def _remembered(log: Path) -> dict[Key, Outcome]:
    known: dict[Key, Outcome] = {}
    if not log.exists():
        return known
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # the line that was being written at the stop
            continue
        outcome = entry["outcome"]
        known[tuple(entry["key"])] = outcome if isinstance(outcome, str) else Probe(**outcome)
    return known


def _remember(file: TextIO, key: Key, outcome: Outcome) -> None:
    plain = outcome if isinstance(outcome, str) else asdict(outcome)
    # A newline first, since the last line may be half of one.
    file.write("\n" + json.dumps({"key": key, "outcome": plain}))
    file.flush()
