"""A run in MLflow while it trains. Training never waits for it and never fails with it.

    with live(key, config, tags) as run:
        run.log(step, {"loss": 1.2, "contrastive": 0.7, "lr": 1e-3})

A resumed training goes on in the same MLflow run, with every step once. Whatever did not arrive is added
from the files by `mirror.finish` or `mirror.sync`.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from m2clip.runs import RunKey, digest, parameters
from m2clip.tracking.store import Point, Store, alive, now, this_process

SECONDS = 2.0  # between writes, at least
SHARE = 0.01  # of the time, at most, goes into writes


def live(key: RunKey, config: Any, tags: Mapping[str, Any] | None = None) -> "LiveRun":
    """The run of `key` in MLflow, to be used with `with`.

    Args:
        key: profile, row and seed.
        config: content of the row's train.yaml, as a dataclass or plain; its digest identifies the run.
        tags: more tags, such as commit; null values are left out.
    """
    return LiveRun(key, config, tags or {})


class LiveRun:
    """Collects log steps and writes them in batches; see `live`."""

    def __init__(self, key: RunKey, config: Any, tags: Mapping[str, Any]) -> None:
        self._key, self._config = key, config
        self._tags = base_tags(key, config) | texts(tags) | {"process": this_process()}
        self._store: Store | None = None
        self._run: Any = None
        self._stored: dict[int, float] = {}
        self._buffer: list[Point] = []
        self._due = 0.0
        self._muted = self._warned = False

    def __enter__(self) -> Self:
        self._try(lambda: None)
        self._due = min(self._due, time.monotonic() + SECONDS) if self._run else self._due
        return self

    def log(self, step: int, values: Mapping[str, float | None]) -> None:
        """Add one log step: the columns of history.csv without `step`."""
        if self._muted:
            return
        numbers = {f"train/{name}": float(value) for name, value in values.items() if value is not None}
        self._buffer.append(Point(step, now(), numbers))
        if time.monotonic() >= self._due:
            self._try(self._write)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "SCHEDULED"  # trained; waits for its evaluation
        if kind is not None:
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
        if not self._muted:
            self._try(lambda: self._close(status))

    def _try(self, action: Callable[[], None]) -> None:
        """Connect if needed and act; a failure is told once, in one line, and tried again much later."""
        began = time.monotonic()
        try:
            if self._run is None:
                self._connect()
            if not self._muted:
                action()
        except Exception as error:
            if not self._warned:
                warn(f"{self._key} is not written to MLflow for now", error)
            self._warned = True
        took = time.monotonic() - began
        self._due = began + took + max(SECONDS, took / SHARE)

    def _connect(self) -> None:
        """Find the unfinished run of this key and config, else any of it, else make one."""
        self._store = store = Store(self._key.profile)
        with store.alone():
            runs = [
                run
                for run in store.runs(self._key)
                if run.data.tags.get("config_sha") == self._tags["config_sha"]
            ]
            runs.sort(key=lambda run: "evaluate_sha" in run.data.tags)
            if runs and runs[0].info.status == "RUNNING" and alive(runs[0].data.tags.get("process")):
                self._muted = True
                print(
                    f"warning: another process is training {self._key}; it writes to MLflow", file=sys.stderr
                )
                return
            run = runs[0] if runs else store.create(self._key, self._tags)
            params = {k: v for k, v in parameters(self._config).items() if k not in run.data.params}
            store.write(run, params=params, tags=self._tags)
            store.close(run, "RUNNING")
        self._stored = store.curve(run, "train/loss") if runs else {}
        self._run = run

    def _write(self) -> None:
        """Write what is not stored yet. Where a step differs, what is stored is another training."""
        assert self._store is not None
        fresh = []
        for point in self._buffer:
            known, value = self._stored.get(point.step), point.values.get("train/loss", math.nan)
            if known is not None and same(known, value):
                continue
            if known is not None:
                self._branch(point.step)
            fresh.append(point)
        self._store.write(self._run, fresh)
        self._stored |= {point.step: point.values.get("train/loss", math.nan) for point in fresh}
        self._buffer = []

    def _branch(self, step: int) -> None:
        """Go on in a new run that keeps the curves before `step`; the old run goes to MLflow's bin."""
        assert self._store is not None
        store, old = self._store, self._run
        kept = store.points(store.client.get_run(old.info.run_id), "train/", step)
        with store.alone():
            new = store.create(self._key, self._tags, old.info.start_time)
            store.write(new, kept, parameters(self._config))
            store.discard(old)
        self._run = new
        self._stored = {at: loss for at, loss in self._stored.items() if at < step}

    def _close(self, status: str) -> None:
        assert self._store is not None
        self._write()
        tags = self._store.client.get_run(self._run.info.run_id).data.tags
        evaluated = "evaluate_sha" in tags and status == "SCHEDULED"
        self._store.close(self._run, "FINISHED" if evaluated else status)


def base_tags(key: RunKey, config: Any) -> dict[str, str]:
    """The tags that key, config and environment give."""
    settings = parameters(config)
    tags = {
        "run_key": str(key),
        "profile": key.profile,
        "row": key.row,
        "seed": key.seed,
        "config_sha": digest(config),
        "dataset": settings.get("data.dataset"),
        "method": settings.get("method"),
        "dvc_exp": os.environ.get("DVC_EXP_NAME"),
    }
    return texts(tags)


def texts(tags: Mapping[str, Any]) -> dict[str, str]:
    """Tags as MLflow takes them, without the null ones; true and false as in YAML."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in tags.items()
        if value is not None
    }


def same(one: float, other: float) -> bool:
    """Equal as far as the digits of history.csv go."""
    return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))


def warn(what: str, error: Exception) -> None:
    """One line on stderr, which also says what to do."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    print(f"warning: {what} ({reason}); sync adds it from the files", file=sys.stderr)
