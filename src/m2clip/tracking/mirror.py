"""MLflow completed or rebuilt from the files of runs; doing it twice changes nothing.

One MLflow run stands for one key, one train.yaml and one evaluate.yaml: another config is another run. A
stored curve that contradicts history.csv belongs to a training whose result is gone (other code, same
config): that run goes to MLflow's bin and is made again from the files.
"""

import contextlib
import hashlib
import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.errors import UserError
from m2clip.runs import LogLine, RunKey
from m2clip.tracking import content, experiments, models, page
from m2clip.tracking.address import location, reason, without_password
from m2clip.tracking.content import LAYOUT, LOSS, Result, same
from m2clip.tracking.store import BACKGROUND, HIDDEN, PROCESS, Point, Store, alive, now


@dataclass(frozen=True)
class Synced:
    """What a sync did, in numbers of runs."""

    new: int = 0
    completed: int = 0
    unchanged: int = 0
    skipped: tuple[str, ...] = ()  # one reason per run

    def __str__(self) -> str:
        """One line, and one more for each run that was skipped."""
        head = f"{self.new} new, {self.completed} completed, {self.unchanged} unchanged"
        return "\n".join([head, *(f"skipped {reason}" for reason in self.skipped)])


def sync(profile: str | None = None, tables: Mapping[str, Iterable[str]] | None = None) -> Synced:
    """Complete or rebuild the MLflow store from the files of every run of a profile, or of all profiles.

    These are the runs in the working folder and those of `dvc exp` in git; where two have the same configs,
    the one in the working folder counts.

    Args:
        profile: None for all of them.
        tables: names of the tables that show a row, by row; each becomes a tag `table.<name>`. None leaves
            those tags as they are.

    Raises:
        UserError: when a file cannot be read or the store cannot be reached.
    """
    counts = {"new": 0, "completed": 0, "unchanged": 0}
    skipped: list[str] = []
    stores: dict[str, Store] = {}
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        here = (Path.cwd(), runs.found(profile))
        for place, keys in (here, *experiments.unpack(Path(folder), profile)):
            for key in keys:
                with contextlib.chdir(place):
                    result = content.read(key, tables)
                if isinstance(result, str):
                    skipped += [result] if place == here[0] else []
                elif (identity := (key, result.tags["config_sha"], result.tags["evaluate_sha"])) not in seen:
                    seen.add(identity)
                    counts[_put(stores, result, place)] += 1
    return Synced(**counts, skipped=tuple(skipped))


def _put(stores: dict[str, Store], result: Result, place: Path) -> str:
    """Mirror a result whose files are below `place`."""
    profile = result.key.profile
    try:
        if profile not in stores:
            stores[profile] = Store(profile)
            page.prepare(stores[profile])
        with contextlib.chdir(place):
            return _mirror(stores[profile], result)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"MLflow store {without_password(location())}: {reason(error)}") from error


def complete(key: RunKey) -> None:
    """Complete the MLflow run of a key from its files, in a process that nobody waits for.

    Raises:
        UserError: when a file cannot be read or is not there, or the store cannot be reached.
    """
    result = content.read(key, None)
    if isinstance(result, str):
        raise UserError(result)
    _mirror(Store(key.profile, BACKGROUND), result)


def _mirror(store: Store, result: Result) -> str:
    """Make MLflow show `result` and tell what that took: new, completed or unchanged."""
    with store.alone():
        mine: list[Any] = []
        others: list[Any] = []
        for run in store.runs(result.key):
            (mine if _matches(run, result.tags) else others).append(run)
        if any(run.info.status == "RUNNING" and alive(run.data.tags.get(PROCESS)) for run in mine):
            return "unchanged"  # training right now: its own process writes it
        for run in others:
            if run.info.status == "RUNNING" and alive(run.data.tags.get(PROCESS)) is False:
                store.close(run, "KILLED", now())
        run = next((run for run in mine if not _contradicts(store, run, result.curve)), None)
        for other in mine:
            if other is not run:
                store.discard(other)
        new = run is None
        run = run or store.create(result.name, result.tags, result.started)
        added = _complete(store, run, result)
        return "new" if new else "completed" if added else "unchanged"


def _matches(run: Any, tags: Mapping[str, str]) -> bool:
    """Whether a run is of this training and of this evaluation, or of none yet."""
    shas = ("config_sha", "evaluate_sha")
    stored = run.data.tags
    return shas[0] in stored and all(stored.get(name, tags[name]) == tags[name] for name in shas)


def _contradicts(store: Store, run: Any, curve: list[LogLine]) -> bool:
    """Whether a run is of an older layout, or its loss differs from the files' at any step."""
    if run.data.tags.get(f"{HIDDEN}layout") != LAYOUT:
        return True
    losses = {line.step: line.values["loss"] for line in curve if "loss" in line.values}
    stored = store.curve(run, LOSS)
    return any(step not in losses or not same(losses[step], value) for step, value in stored.items())


def _complete(store: Store, run: Any, result: Result) -> bool:
    """Write what `run` lacks of `result`; whether anything was lacking."""
    stored = store.curve(run, LOSS)
    points = [point for point in result.points() if point.step not in stored]
    known, old = run.data.metrics, run.data.tags
    finals = {k: v for k, v in result.metrics.items() if k not in known or not _equal(known[k], v)}
    if finals:
        points = [
            Point(0, now(), finals),
            *points,
        ]  # first, and at step 0: MLflow compares them, and draws bars
    tags = {k: v for k, v in result.tags.items() if old.get(k) != v}
    params = {k: v for k, v in result.params.items() if k not in run.data.params}
    gone = [tag for tag in old if tag.startswith("table.") and tag not in result.tags and result.in_tables]
    store.write(run, points, params, tags)
    for tag in gone:
        store.client.delete_tag(run.info.run_id, tag)
    if renamed := run.info.run_name != result.name:
        store.client.update_run(run.info.run_id, name=result.name)
    files = hashlib.sha256(b"".join(file.read_bytes() for file in result.artifacts)).hexdigest()[:12]
    if stale := old.get(f"{HIDDEN}files") != files:
        for file in result.artifacts:
            store.client.log_artifact(run.info.run_id, str(file))
        _log_datasets(store, run, result)
        store.write(run, tags={f"{HIDDEN}files": files})
    modelled = models.log(store, run, result)
    if open_still := run.info.status != "FINISHED":
        store.close(run, "FINISHED", max(result.ended or now(), run.info.start_time))
    return any((points, params, tags, gone, renamed, stale, modelled, open_still))


def _equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _log_datasets(store: Store, run: Any, result: Result) -> None:
    """Which datasets were read, with the digests of their manifests; MLflow keeps each once."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = [
        DatasetInput(
            Dataset(name=each.name, digest=each.digest, source_type="local", source=each.source()),
            [InputTag("mlflow.data.context", each.context)],
        )
        for each in result.datasets
    ]
    if inputs:
        store.client.log_inputs(run.info.run_id, inputs)
