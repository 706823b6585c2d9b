"""MLflow completed or rebuilt from the files of runs; doing it twice changes nothing.

One MLflow run stands for one key, one train.yaml and one evaluate.yaml: another config is another run. A
stored curve that contradicts history.csv belongs to a training whose result is gone (other code, same
config): that run goes to MLflow's bin and is made again from the files.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.errors import UserError
from m2clip.runs import LogLine, RunKey
from m2clip.tracking.live import base_tags, same, texts, warn
from m2clip.tracking.store import Point, Store, alive, location, now

PROVENANCE = ("commit", "dirty", "dvc_experiment", "command", "machine", "device")  # those that become tags


@dataclass(frozen=True)
class Result:
    """The files of a run, as MLflow is to show them."""

    key: RunKey
    tags: dict[str, str]
    params: dict[str, str]
    curve: list[LogLine]
    metrics: dict[str, float]
    artifacts: list[Path]
    started: int | None
    ended: int | None

    def points(self) -> list[Point]:
        """The curves, spread over the time of the training: history.csv has no clock."""
        begin, end = self.started or 0, self.ended or self.started or 0
        last = max((line.step for line in self.curve), default=0) or 1
        return [
            Point(
                line.step,
                begin + (end - begin) * line.step // last,
                {f"train/{k}": v for k, v in line.values.items()},
            )
            for line in self.curve
        ]


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


def finish(key: RunKey, tags: Mapping[str, Any] | None = None) -> None:
    """Complete the MLflow run of a key from its files, after evaluation; a failure is only a warning."""
    try:
        result = read(key, tags or {})
        if isinstance(result, str):
            raise UserError(result)
        store = Store(key.profile)
        _mirror(store, result)
    except Exception as error:
        warn(f"{key} is not completed in MLflow", error)


def sync(profile: str | None = None, tables: Mapping[str, Iterable[str]] | None = None) -> Synced:
    """Complete or rebuild the MLflow store from the files of every run of a profile, or of all profiles.

    Args:
        profile: None for all of them.
        tables: names of the tables that show a row, by row; they become the tag `tables`.

    Raises:
        UserError: when a file cannot be read or the store cannot be reached.
    """
    counts = {"new": 0, "completed": 0, "unchanged": 0}
    skipped = []
    stores: dict[str, Store] = {}
    for key in runs.found(profile):
        shown = ", ".join((tables or {}).get(key.row, ()))
        result = read(key, {"tables": shown or None})
        try:
            if isinstance(result, Result):
                store = stores.get(key.profile) or stores.setdefault(key.profile, Store(key.profile))
                counts[_mirror(store, result)] += 1
            else:
                skipped.append(result)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"MLflow store {location()}: {reason}") from error
    return Synced(**counts, skipped=tuple(skipped))


def read(key: RunKey, tags: Mapping[str, Any]) -> Result | str:
    """The files of a run, or why there is nothing to show yet."""
    train, evaluate = runs.read_config(key.train_config), runs.read_config(key.evaluate_config)
    history, metrics = runs.read_history(key), runs.read_metrics(key)
    provenance = runs.read_provenance(key) or {}
    if train is None:
        return f"{key}: {key.train_config} is missing"
    if metrics is None:
        return f"{key}: not evaluated yet, {key.metrics} is missing"
    labels = base_tags(key, train)
    if provenance.get("config_sha", labels["config_sha"]) != labels["config_sha"]:
        return f"{key}: {key.train_config} has changed since it was trained"
    origin = {name: provenance.get(name) for name in PROVENANCE if not isinstance(provenance.get(name), dict)}
    labels |= texts(
        {"dvc_exp" if name == "dvc_experiment" else name: value for name, value in origin.items()}
    )
    labels["evaluate_sha"] = runs.digest(evaluate)
    artifacts = [key.train_config, key.evaluate_config, key.metrics, key.provenance, key.confusion]
    started, ended = _times(provenance)
    return Result(
        key=key,
        tags=labels | texts(tags),
        params=runs.parameters(evaluate or {}) | runs.parameters(train),
        curve=history or [],
        metrics=runs.flatten(metrics),
        artifacts=[file for file in artifacts if file.exists()],
        started=started,
        ended=ended,
    )


def _times(provenance: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Start and end in milliseconds; `started` is an ISO time or seconds since 1970."""
    started, seconds = provenance.get("started"), provenance.get("seconds") or 0
    if started is None:
        return None, None
    since = datetime.fromisoformat(started).timestamp() if isinstance(started, str) else float(started)
    return int(since * 1000), int((since + seconds) * 1000)


def _mirror(store: Store, result: Result) -> str:
    """Make MLflow show `result` and tell what that took: new, completed or unchanged."""
    with store.alone():
        mine: list[Any] = []
        others: list[Any] = []
        for run in store.runs(result.key):
            (mine if _matches(run, result.tags) else others).append(run)
        if any(run.info.status == "RUNNING" and alive(run.data.tags.get("process")) for run in mine):
            return "unchanged"  # training right now: its own process writes it
        for run in others:
            if run.info.status == "RUNNING" and alive(run.data.tags.get("process")) is False:
                store.close(run, "KILLED", now())
        run = next((run for run in mine if not _contradicts(store, run, result.curve)), None)
        for other in mine:
            if other is not run:
                store.discard(other)
        new = run is None
        run = run or store.create(result.key, result.tags, result.started)
        added = _complete(store, run, result)
        return "new" if new else "completed" if added else "unchanged"


def _matches(run: Any, tags: Mapping[str, str]) -> bool:
    """Whether a run is of this training and of this evaluation, or of none yet."""
    shas = ("config_sha", "evaluate_sha")
    stored = run.data.tags
    return shas[0] in stored and all(stored.get(name, tags[name]) == tags[name] for name in shas)


def _contradicts(store: Store, run: Any, curve: list[LogLine]) -> bool:
    """Whether the stored loss differs from the files' at any step, or knows a step that they do not."""
    losses = {line.step: line.values["loss"] for line in curve if "loss" in line.values}
    stored = store.curve(run, "train/loss")
    return any(step not in losses or not same(losses[step], value) for step, value in stored.items())


def _complete(store: Store, run: Any, result: Result) -> bool:
    """Write what `run` lacks of `result`; whether anything was lacking."""
    stored = store.curve(run, "train/loss")
    points = [point for point in result.points() if point.step not in stored]
    last = max((line.step for line in result.curve), default=0)
    known = run.data.metrics
    finals = {k: v for k, v in result.metrics.items() if k not in known or str(known[k]) != str(v)}
    tags = {k: v for k, v in result.tags.items() if run.data.tags.get(k) != v}
    params = {k: v for k, v in result.params.items() if k not in run.data.params}
    if finals:
        points.append(Point(last, now(), finals))
    store.write(run, points, params, tags)
    files = hashlib.sha256(b"".join(file.read_bytes() for file in result.artifacts)).hexdigest()[:12]
    stale = run.data.tags.get("files_sha") != files
    if stale:
        store.upload(run, result.artifacts)
        store.write(run, tags={"files_sha": files})
    open_still = run.info.status != "FINISHED"
    if open_still:
        store.close(run, "FINISHED", max(result.ended or now(), run.info.start_time))
    return bool(points or params or tags or stale or open_still)
