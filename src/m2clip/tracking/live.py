"""A run in MLflow while it trains. Training never waits for it and never fails with it.

    with live(key, config, tags) as run:
        run.log(step, {"loss": 1.2, "contrastive": 0.7, "lr": 1e-3})

The store is opened and written by a process beside the training (`writer`), which is fed through a pipe that
never blocks. At its end a training waits for that process `SECONDS` at most; what has not arrived by then is
added from the files by `make ui`, and one line says so.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import m2clip
from m2clip.parsing import plain
from m2clip.runs import RunKey

SECONDS = 10.0  # that the end of a training, or of an evaluation, waits for the store
START_SECONDS = 60.0  # that it waits for MLflow's import on a machine at work, before those
READY = b"ready"  # what the process says once MLflow is imported
REBUILT = "`make ui` adds what is missing from the files"


def live(key: RunKey, config: Any, tags: Mapping[str, Any] | None = None) -> "LiveRun":
    """The run of `key` in MLflow, to be used with `with`.

    Args:
        key: profile, row and seed.
        config: content of the row's train.yaml, as a dataclass or plain; its digest identifies the run.
        tags: more tags, such as commit and command; null values are left out.
    """
    return LiveRun(key, config, tags or {})


def finish(key: RunKey) -> None:
    """Complete the MLflow run of a key from its files, after evaluation; a failure is only a warning."""
    Writer(key, {}).end(SECONDS)


class LiveRun:
    """Hands log steps on; see `live`."""

    def __init__(self, key: RunKey, config: Any, tags: Mapping[str, Any]) -> None:
        self._key = key
        self._start = {"config": plain(config) if is_dataclass(config) else config, "tags": dict(tags)}

    def __enter__(self) -> Self:
        self._writer = Writer(self._key, self._start)
        return self

    def log(self, step: int, values: Mapping[str, float | None]) -> None:
        """Add one log step: the columns of history.csv without `step`."""
        numbers = {name: float(value) for name, value in values.items() if value is not None}
        self._writer.send({"step": step, "time": int(time.time() * 1000), "values": numbers})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "SCHEDULED"  # trained; waits for its evaluation
        if kind is not None:
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
        self._writer.send({"close": status})
        self._writer.end(SECONDS)


class Writer:
    """The process that writes. Nothing here blocks but `end`, and that not for long.

    Each line that the process says is a warning, of which the first is passed on.
    """

    def __init__(self, key: RunKey, start: Mapping[str, Any]) -> None:
        self._key = key
        self._waiting: deque[bytes] = deque()  # lines that the pipe has not taken yet
        self._heard = b""  # the beginning of a line
        self._told = self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        paths = [str(Path(m2clip.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "m2clip.tracking.writer", key.profile, key.row, str(key.seed)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                start_new_session=True,  # Ctrl-C is for the training, which then closes its run
            )  # fmt: skip
        except OSError as error:
            self._tell(str(error))
            return
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self.send(start)

    def send(self, message: Mapping[str, Any]) -> None:
        """Hand a message on, as far as the pipe takes it now."""
        self._waiting.append(json.dumps(message).encode() + b"\n")
        self._push()
        self._listen()

    def end(self, seconds: float) -> None:
        """Wait for the process to have written everything, `seconds` at most; then end it."""
        process = self._process
        if process is None:
            return
        limit, counted = time.monotonic() + START_SECONDS, False
        while process.poll() is None and time.monotonic() < limit:
            self._push()
            self._listen()
            if self._ready and not counted:
                limit, counted = min(limit, time.monotonic() + seconds), True
            time.sleep(0.02)
        self._listen()
        if process.poll() is None:
            process.kill()
            process.wait()
            self._tell(f"the store did not answer within {seconds:.0f} s")
        elif process.returncode:
            self._tell(f"its process ended with code {process.returncode}")
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close() if pipe else None
        self._process = None

    def _push(self) -> None:
        """Write what the pipe takes now; a process that is gone takes nothing more."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            while self._waiting:
                line = self._waiting[0]
                taken = os.write(self._process.stdin.fileno(), line)
                if taken == len(line):
                    self._waiting.popleft()
                else:
                    self._waiting[0] = line[taken:]
        except BlockingIOError:
            return
        except OSError:
            self._waiting.clear()

    def _listen(self) -> None:
        """Pass on what the process says."""
        if self._process is None or self._process.stdout is None:
            return
        with contextlib.suppress(BlockingIOError):
            while text := os.read(self._process.stdout.fileno(), 1 << 16):
                self._heard += text
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            if line == READY:
                self._ready = True
            else:
                self._tell(line.decode(errors="replace"))

    def _tell(self, why: str) -> None:
        """One line on stderr, once, which also says what to do."""
        if not self._told:
            print(f"warning: {self._key} is not all in MLflow ({why}); {REBUILT}", file=sys.stderr)
        self._told = True
