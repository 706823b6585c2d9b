"""`python -m m2clip.tracking.writer PROFILE ROW SEED`: the process that writes a run to MLflow.

On stdin, one JSON object a line: `{"config": …, "tags": …}`, then one a log step, then `{"close": STATUS}`;
a first `{}` asks for the run to be completed from its files. On stdout: `ready`, then warnings. Where stdin
ends early, the training was killed, and this process ends at once: what it would still write, the resumed
training writes.

A resumed training goes on in the same MLflow run, with every step once.
"""

import json
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from m2clip.errors import UserError
from m2clip.runs import RunKey
from m2clip.tracking import content, mirror
from m2clip.tracking.address import quiet, reason
from m2clip.tracking.content import LOSS
from m2clip.tracking.live import READY
from m2clip.tracking.store import BACKGROUND, PROCESS, Point, Store, alive, this_process

PAUSE = 2.0  # seconds between writes
RETRY = 30.0  # seconds after a failure

Message = Mapping[str, Any]


def main() -> None:
    """Write until the run is closed; exit code 1 where something is missing."""
    key = RunKey(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    say = _speaker()
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(inbox,), daemon=True).start()
    start = inbox.get()
    quiet()
    import mlflow  # noqa: F401  it takes seconds, which are not the store's

    say(READY.decode())
    written = (
        LiveWriter(key, start, say).follow(inbox) if start else attempt(lambda: mirror.complete(key), say)
    )
    os._exit(0 if written else 1)  # without waiting for what MLflow may have left running


def _read(inbox: "queue.SimpleQueue[Message]") -> None:
    """Take lines as they come, so that the pipe is never full."""
    message: Message = {}
    for line in sys.stdin:
        message = json.loads(line)
        inbox.put(message)
    if "close" not in message:
        os._exit(1)


def _speaker() -> Callable[[str], object]:
    """A function that says a line to the training; what libraries print from now on goes nowhere."""
    spoken = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return lambda text: os.write(spoken, text.encode() + b"\n")


def attempt(action: Callable[[], object], say: Callable[[str], object]) -> bool:
    """Do it; a failure is said and no more."""
    try:
        action()
    except Exception as error:
        say(reason(error))
        return False
    return True


class LiveWriter:
    """Collects the log steps of a training and writes them in batches."""

    def __init__(self, key: RunKey, start: Message, say: Callable[[str], object]) -> None:
        self._key, self._config, self._say = key, start["config"], say
        given = dict(start["tags"])
        source = content.source_tags(given.pop("command", None), given.pop("commit", None))
        self._tags = content.base_tags(key, self._config) | source | content.texts(given)
        self._tags[PROCESS] = this_process()
        self._store: Store | None = None
        self._run: Any = None
        self._stored: dict[int, float] = {}
        self._buffer: list[Point] = []

    def follow(self, inbox: "queue.SimpleQueue[Message]") -> bool:
        """Write what comes until the run is closed; whether all of it is written."""
        connected = attempt(self._connect, self._say)
        due = time.monotonic() + (PAUSE if connected else RETRY)
        while True:
            try:
                message = inbox.get(timeout=max(0.0, due - time.monotonic()) if self._buffer else None)
            except queue.Empty:
                message = {}
            if "close" in message:
                return attempt(partial(self.close, message["close"]), self._say)
            if "step" in message:
                self.add(message)
            if time.monotonic() >= due:
                due = time.monotonic() + (PAUSE if attempt(self.write, self._say) else RETRY)

    def add(self, message: Message) -> None:
        """Take a log step, to be written later."""
        self._buffer.append(Point(message["step"], message["time"], content.curves(message["values"])))

    def _connect(self) -> None:
        """Find the unfinished run of this key and config, else any of it, else make one."""
        self._store = store = self._store or Store(self._key.profile, BACKGROUND)
        with store.alone():
            sha = self._tags["config_sha"]
            runs = [run for run in store.runs(self._key) if run.data.tags.get("config_sha") == sha]
            runs.sort(key=lambda run: "evaluate_sha" in run.data.tags)
            if runs and runs[0].info.status == "RUNNING" and alive(runs[0].data.tags.get(PROCESS)):
                raise UserError("another process is training it and writes to MLflow")
            run = runs[0] if runs else store.create(content.name(self._key, self._config), self._tags)
            params = {k: v for k, v in content.settings(self._config).items() if k not in run.data.params}
            store.write(run, params=params, tags=self._tags)
            store.close(run, "RUNNING")
        self._stored = store.curve(run, LOSS) if runs else {}
        self._run = run

    def write(self) -> None:
        """Write what is not stored yet. Where a step differs, what is stored is another training."""
        if self._run is None:
            self._connect()
        assert self._store is not None
        fresh = []
        for point in self._buffer:
            known, value = self._stored.get(point.step), point.values.get(LOSS, math.nan)
            if known is not None and content.same(known, value):
                continue
            if known is not None:
                self._branch(point.step)
            fresh.append(point)
        self._store.write(self._run, fresh)
        self._stored |= {point.step: point.values.get(LOSS, math.nan) for point in fresh}
        self._buffer = []

    def _branch(self, step: int) -> None:
        """Go on in a new run that keeps the curves before `step`; the old run goes to MLflow's bin."""
        assert self._store is not None
        store, old = self._store, self._run
        kept = store.points(store.client.get_run(old.info.run_id), "train/", step)
        with store.alone():
            new = store.create(content.name(self._key, self._config), self._tags, old.info.start_time)
            store.write(new, kept, content.settings(self._config))
            store.discard(old)
        self._run = new
        self._stored = {at: loss for at, loss in self._stored.items() if at < step}

    def close(self, status: str) -> None:
        """Write the rest and set how the run stands."""
        self.write()
        assert self._store is not None
        tags = self._store.client.get_run(self._run.info.run_id).data.tags
        evaluated = "evaluate_sha" in tags and status == "SCHEDULED"
        self._store.close(self._run, "FINISHED" if evaluated else status)


if __name__ == "__main__":
    main()
