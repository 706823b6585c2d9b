"""A `python` for the rows of `make repro` that has imported everything already.

A quarter of the processor time of a small world's row goes into imports: of torch and open_clip in both of
its stages, of MLflow in the two processes that record them, of DVC. So `repro` keeps one process, the server,
that has imported all of these, and forks it for each of these processes:

    repro ── warm.python() ── a folder for PATH whose `python` is a script of a few lines
      └ server: imports, waits ── fork: runs `python -m MODULE ...` as if it had just been started

The script hands its arguments, environment and standard streams to the server and ends as the fork ends. A
signal that the script gets goes to the fork; where the script is killed, the fork is ended. A fork begins
with imported modules and nothing else: no random state was used, no model was opened, and its results are
those of the command alone, to the bit. Whatever the server does not know is run by the real `python`.
"""

import array
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from m2clip import closure, experiment, profiles

SERVED = ("m2clip.stages.train", "m2clip.stages.evaluate", "m2clip.tracking.writer", "dvc")
IMPORTED = (
    *SERVED[:3],
    "open_clip",
    "mlflow",
    "mlflow.tracking",
    "dvc.cli",
    "dvc.commands.repro",
    "dvc.repo",
)
POSSIBLE = hasattr(os, "pidfd_open")  # on Linux; elsewhere a fork may not use what was imported before it
STREAMS = 3  # stdin, stdout, stderr
KILLED = 128  # and the signal: the exit code of a process that a signal ended

CLIENT = """\
import array, json, os, signal, socket, sys

def alone():
    os.execv({executable!r}, [{executable!r}, *sys.argv[1:]])

words = sys.argv[1:]
if words[:1] != ["-m"] or words[1:2] == [] or words[1] not in {served!r} or os.getcwd() != {folder!r}:
    alone()
server = socket.socket(socket.AF_UNIX)
try:
    server.connect({address!r})
except OSError:
    alone()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a shell, or under nohup
        signal.signal(number, lambda number, _: server.send(bytes([number])))
asked = json.dumps({{"words": words[1:], "environment": dict(os.environ)}}).encode()
streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
server.sendmsg([len(asked).to_bytes(4, "little")], streams)
server.sendall(asked)
code = server.recv(1)
os._exit(code[0] if code else 1)
"""


@contextmanager
def python(served: Sequence[str] = SERVED, imported: Sequence[str] = IMPORTED) -> Iterator[Path]:
    """A folder with a `python`, to be put before all others in PATH, for as long as the context lasts.

    Args:
        served: modules that are run in a fork when they are asked for by `python -m`, in this folder.
        imported: what the server imports before it forks.
    """
    with tempfile.TemporaryDirectory(prefix="m2clip-") as name:
        folder = Path(name)
        address = folder / "socket"
        values = {"executable": sys.executable, "served": tuple(served), "folder": str(Path.cwd())}
        (folder / "client.py").write_text(CLIENT.format(**values, address=str(address)), encoding="utf-8")
        script = folder / "python"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{folder}/client.py" "$@"\n')
        script.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, "-m", "m2clip.stages.warm", str(address), str(script), *imported],
            stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            while not address.exists() and server.poll() is None:
                time.sleep(0.01)
            yield folder
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait()


class Server:
    """Forks for each connection, and tells it how the fork ended."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ, self._stop)
        self.selector.register(listening, selectors.EVENT_READ, self._accept)
        self.running: dict[int, tuple[int, socket.socket]] = {}  # process id -> its pidfd, the client
        self.stopped = False
        self.to_run: list[str] | None = None  # in a fork: module and arguments

    def serve(self) -> list[str] | None:
        """Serve until stdin ends and all forks have; None. In a fork: what it is to run."""
        while not (self.stopped and not self.running):
            for key, _ in self.selector.select():
                key.data()
                if self.to_run is not None:
                    return self.to_run
        return None

    def _stop(self) -> None:
        if not os.read(0, 1):
            self.stopped = True
            self.selector.unregister(0)
            self.selector.unregister(self.listening)
            self.listening.close()

    def _accept(self) -> None:
        connection, _ = self.listening.accept()
        size, found, *_ = connection.recvmsg(4, socket.CMSG_SPACE(STREAMS * array.array("i").itemsize))
        if not size:
            connection.close()
            return
        streams = array.array("i")
        for *_, content in found:
            streams.frombytes(content)
        asked = json.loads(_exactly(connection, int.from_bytes(size, "little")))
        if child := os.fork():
            os.setpgid(child, child)  # here, too: a signal may come before the fork has done so
            for stream in streams:
                os.close(stream)
            handle = os.pidfd_open(child)
            self.running[child] = (handle, connection)
            self.selector.register(handle, selectors.EVENT_READ, lambda: self._ended(child))
            self.selector.register(connection, selectors.EVENT_READ, lambda: self._said(child))
        else:
            connection.close()
            self._become(asked, streams)

    def _become(self, asked: dict[str, Any], streams: Sequence[int]) -> None:
        """In the fork: close the server's files, take over the client's streams and environment."""
        os.setpgid(0, 0)
        self.selector.close()
        self.listening.close()
        for handle, connection in self.running.values():
            os.close(handle)
            connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(asked["environment"])
        self.to_run = asked["words"]

    def _ended(self, child: int) -> None:
        handle, connection = self.running.pop(child)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        for watched in (handle, connection):
            if watched in self.selector.get_map():
                self.selector.unregister(watched)
        os.close(handle)
        with suppress(OSError):  # the client is gone
            connection.send(bytes([code if code >= 0 else KILLED - code]))
        connection.close()

    def _said(self, child: int) -> None:
        """Pass a signal from the client on to its fork; where the client is gone, end the fork."""
        if child not in self.running:
            return
        _, connection = self.running[child]
        number = connection.recv(1)
        if not number:
            self.selector.unregister(connection)
        os.killpg(child, number[0] if number else signal.SIGTERM)


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size and (more := connection.recv(size - len(content))):
        content += more
    return content


def main() -> None:
    """`warm SOCKET PYTHON MODULE...`: import, serve; in a fork, run what was asked for."""
    address, script, *imported = sys.argv[1:]
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(address)
    except OSError:  # such as a path that is too long: everything is run by the real `python`
        return
    listening.listen(64)
    for name in imported:
        import_module(name)
    if SERVED[0] in imported:  # digests of code are kept by the text of each file
        method = experiment.resolve(experiment.MAIN, profiles.read()).method
        closure.of_row("train", method)
        closure.of_row("evaluate", method)
    for name in SERVED[:3]:
        sys.modules.pop(name, None)  # is run, not imported; what it imports stays
    asked = Server(listening).serve()
    if asked is None:
        return
    sys.executable = script
    sys.argv = asked
    runpy.run_module(asked[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
