"""The MLflow store: one whatever way a run is started.

Default: `mlflow.db` and `mlartifacts/` under `DVC_ROOT` (`dvc exp run --temp` and the queue work in a
folder that is deleted afterwards), else under the repository's root. Two processes that create a sqlite
store at the same time break it, so a lock guards creation.
"""

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from m2clip.errors import UserError
from m2clip.paths import root
from m2clip.runs import RunKey
from m2clip.tracking.address import SERVERS, SQLITE, check, location, quiet

LOCK_SECONDS = 60.0  # that a user waits for other writers
BACKGROUND = 3600.0  # that a process waits which nobody waits for
METRICS, TAGS = 900, 90  # in one call; MLflow takes 1000 and 100
HIDDEN = "mlflow.m2clip."  # tags that MLflow's pages do not show
PROCESS = f"{HIDDEN}process"


@dataclass(frozen=True)
class Point:
    """What one log step adds to the curves, at a time in milliseconds."""

    step: int
    milliseconds: int
    values: Mapping[str, float]


def now() -> int:
    """Milliseconds, as MLflow counts."""
    return int(time.time() * 1000)


class Store:
    """The experiment of one profile.

    Args:
        profile: of the runs.
        patience: seconds to wait for other writers; None: LOCK_SECONDS.

    Raises:
        UserError: when the store cannot be reached, within seconds.
    """

    def __init__(self, profile: str, patience: float | None = None) -> None:
        uri = location()
        database = (
            Path(uri.removeprefix(SQLITE)).resolve() if uri.startswith(SQLITE) else root() / "mlflow.db"
        )
        self._lock = FileLock(f"{database}.lock", timeout=LOCK_SECONDS if patience is None else patience)
        quiet()
        check(uri)
        with self.alone():
            if uri.startswith(SQLITE) and not database.exists():
                _create(database)
            self.client = _client(uri, own="MLFLOW_TRACKING_URI" not in os.environ)
            artifacts = None if uri.startswith(SERVERS) else database.parent / "mlartifacts"
            self.experiment = self._experiment(experiment_name(profile), artifacts)

    def alone(self) -> contextlib.AbstractContextManager[Any]:
        """Hold the store against other processes of this repository."""
        return self._lock

    def _experiment(self, name: str, artifacts: Path | None) -> str:
        """Get or create: two machines may both find it missing. A server keeps artifacts where it wants."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            folder = (artifacts / name).as_uri() if artifacts else None
            try:
                return self.client.create_experiment(name, artifact_location=folder)
            except MlflowException:
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        return found.experiment_id

    def runs(self, key: RunKey | None = None) -> list[Any]:
        """MLflow's runs of a key, or of all; the newest first."""
        query = f"tags.run_key = '{key}'" if key else ""
        order = ["attributes.start_time DESC"]
        page, token = [], None
        while True:
            answer = self.client.search_runs(
                [self.experiment], query, max_results=1000, order_by=order, page_token=token
            )
            page += answer
            token = answer.token
            if not token:
                return page

    def create(self, name: str, tags: Mapping[str, str], started: int | None = None) -> Any:
        """A new run, marked as running; its tags are there from the start, so that it is always found."""
        return self.client.create_run(self.experiment, started, dict(tags), run_name=name)

    def curve(self, run: Any, name: str) -> dict[int, float]:
        """The stored values of a metric by step."""
        return {point.step: point.value for point in self.client.get_metric_history(run.info.run_id, name)}

    def points(self, run: Any, prefix: str, before: float) -> list[Point]:
        """Every stored point of the curves under `prefix`, at steps below `before`."""
        names = [name for name in run.data.metrics if name.startswith(prefix)]
        return [
            Point(point.step, point.timestamp, {name: point.value})
            for name in names
            for point in self.client.get_metric_history(run.info.run_id, name)
            if point.step < before
        ]

    def write(
        self,
        run: Any,
        points: Iterable[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a run; a step goes in as a whole or not at all, as long as it fits one call."""
        from mlflow.entities import Metric, Param, RunTag

        batch: list[Any] = []
        for point in points:
            if len(batch) + len(point.values) > METRICS:
                self.client.log_batch(run.info.run_id, metrics=batch)
                batch = []
            batch += [
                Metric(name, value, point.milliseconds, point.step) for name, value in point.values.items()
            ]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()]
        if batch or labels:
            self.client.log_batch(run.info.run_id, metrics=batch, tags=labels)
        settings = [Param(name, value) for name, value in (params or {}).items()]
        for first in range(0, len(settings), TAGS):
            self.client.log_batch(run.info.run_id, params=settings[first : first + TAGS])

    def close(self, run: Any, status: str, ended: int | None = None) -> None:
        """Set how the run stands; only a terminal status has an end."""
        if status in ("RUNNING", "SCHEDULED"):
            self.client.update_run(run.info.run_id, status)
        else:
            self.client.set_terminated(run.info.run_id, status, ended)

    def discard(self, run: Any) -> None:
        """Move a run to MLflow's bin, from which its page can restore it."""
        self.client.delete_run(run.info.run_id)


def experiment_name(profile: str) -> str:
    """What MLflow calls the experiment of a profile."""
    return f"m2clip-{profile}"


def run_id(key: RunKey, config_sha: str | None) -> str:
    """MLflow's id of the newest run of a key and a config, or why there is none; nothing is created.

    Args:
        key: profile, row and seed.
        config_sha: digest of the train config, as provenance.json has it; None where that is not known.
    """
    uri = location()
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        return "no MLflow store here; `make ui` fills one from the files"
    quiet()
    try:
        check(uri)
    except UserError as error:
        return str(error)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(experiment_name(key.profile))
        query = f"tags.run_key = '{key}'" + (f" and tags.config_sha = '{config_sha}'" if config_sha else "")
        order = ["attributes.start_time DESC"]
        found = client.search_runs([experiment.experiment_id], query, order_by=order) if experiment else []
    except MlflowException as error:
        return f"the MLflow store {uri} cannot be read: {' '.join(str(error).split())[:200]}"
    return found[0].info.run_id if found else "not in the MLflow store; `make ui` adds it"


def _create(database: Path) -> None:
    """Make a new store beside its place and move it there: one that is killed halfway can never be opened."""
    part = database.with_name(f".{database.name}.part")
    part.unlink(missing_ok=True)
    _client(f"{SQLITE}{part}", own=True)
    part.replace(database)


def _client(uri: str, own: bool) -> Any:
    """A client whose store exists and has this MLflow's schema; ours is migrated, another's is not."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        if not own or "out-of-date database schema" not in str(error):
            raise
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
        subprocess.run(upgrade, check=True, capture_output=True)
        client = MlflowClient(tracking_uri=uri)
    return client


def this_process() -> str:
    """Who writes a run, as the tag PROCESS says."""
    return f"{platform.node()}:{os.getpid()}"


def alive(process: str | None) -> bool | None:
    """Whether another process of this machine is at work; None where this machine cannot know."""
    node, _, number = (process or "").rpartition(":")
    if node != platform.node() or not number.isdecimal():
        return None
    if int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
