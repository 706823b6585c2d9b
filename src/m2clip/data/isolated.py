"""Decoding, and copying, in a process of its own: what kills it or holds it up is one line about one file.

Decoders are C and C++ that read files of strangers. decord ends its process at some damaged headers, a small
file can announce frames that fill the memory, and nothing bounds how long a decoder takes. So where files
are read for the first time (`prepare`, `predict`), a process decodes one after the other with a limit on
memory and on the time for a file. When one ends, another takes its place.
"""

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from m2clip.data.transcoding import unfinished
from m2clip.data.video import AUTO, Frames, Probe, VideoError

SECONDS, SECONDS_A_MEGABYTE = 60.0, 2.0  # for a file of that size
TIMES = {"transcode": 5.0}  # as long for what decodes a file twice and encodes it
MEMORY = 3 << 30  # bytes that a decoder may take beyond what its libraries do
TAKES = "decoding it takes"  # how the reason begins where a limit of this machine was reached
ENDED = "decoding it was ended from outside"  # and where it was told to end, which says nothing of the file
OUTSIDE = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PROGRAM = "import sys; sys.path[:] = {path!r}; from m2clip.data.isolated import serve; serve({end})"


def probe(path: Path) -> Probe:
    """As video.probe.

    Raises:
        VideoError: also where decoding crashes, or takes too long or too much memory.
    """
    found: Probe = _ask("probe", path)
    return found


def read(path: Path, indices: Sequence[int], expected_frames: int, asked: str = AUTO) -> Frames:
    """As video.read.

    Raises:
        VideoError: also where decoding crashes, or takes too long or too much memory.
    """
    found: Frames = _ask("read", path, indices, expected_frames, asked)
    return found


def transcode(path: Path, target: Path, short_side: int, keyframes: int) -> Probe:
    """As transcoding.transcode.

    Raises:
        VideoError: also where it crashes, or takes too long or too much memory.
    """
    target = target.absolute()
    try:
        found: Probe = _ask("transcode", path, target, short_side, keyframes)
    finally:
        with suppress(OSError):
            unfinished(target).unlink(missing_ok=True)
    return found


class _Process:
    """A process that decodes, and this end of its pipe."""

    def __init__(self) -> None:
        self.pipe, other = Pipe()
        program = PROGRAM.format(path=sys.path, end=other.fileno())
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=[other.fileno()],
            env=os.environ | threads,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        other.close()

    def ask(self, path: Path, seconds: float, *question: Any) -> Any:
        """The answer to a question.

        Raises:
            VideoError: there is none; the process has ended.
        """
        try:
            # Absolute, since the working directory of that process is the one of its start.
            self.pipe.send((*question[:1], path.absolute(), *question[1:]))
            if self.pipe.poll(seconds):
                return self.pipe.recv()
        except (EOFError, OSError):
            self.process.wait()
            raise VideoError(path, _death(self.process.returncode)) from None
        self.end()
        raise VideoError(path, f"{TAKES} longer than {seconds:.0f} seconds")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.pipe.close()


_idle: list[_Process] = []
os.register_at_fork(after_in_child=_idle.clear)  # they answer the process that started them


def _ask(question: str, path: Path, *more: Any) -> Any:
    process = _take()
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    seconds = (SECONDS + SECONDS_A_MEGABYTE * size / 1e6) * TIMES.get(question, 1.0)
    answer = process.ask(path, seconds, question, *more)
    _idle.append(process)
    if isinstance(answer, VideoError):
        raise type(answer)(path, answer.reason)
    if isinstance(answer, Exception):  # a mistake of ours
        raise answer
    return answer


def _take() -> _Process:
    """One that waits for a question, and a new one where none does; those that have ended are left out."""
    while _idle:
        process = _idle.pop()
        if process.process.poll() is None:
            return process
        process.end()
    return _Process()


@atexit.register
def close() -> None:
    """End the processes that wait for a question."""
    while _idle:
        _idle.pop().end()


def _death(code: int) -> str:
    if code == -signal.SIGKILL:
        return f"{TAKES} more memory than there is, or something else killed it (SIGKILL)"
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    if -code in OUTSIDE:
        return f"{ENDED} ({name})"
    return f"damaged: decoding it crashes ({name})"


def serve(end: int) -> None:
    """Answer questions until the other end of the pipe closes; what the process of a _Process runs."""
    from m2clip.data import transcoding, video

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the asking process, and its end this one
    video.load_decoders()
    _limit_memory()
    functions = {"probe": video.probe, "read": video.read, "transcode": transcoding.transcode}
    with Connection(end) as pipe:
        while True:
            try:
                question, *given = pipe.recv()
            except EOFError:
                return
            pipe.send(_answer(functions[question], given))


def _answer(function: Any, given: list[Any]) -> Any:
    try:
        return function(*given)
    except MemoryError:
        return VideoError(given[0], f"{TAKES} more than {MEMORY >> 30} GiB of memory")
    except Exception as error:
        return error


def _limit_memory() -> None:
    """Where the system counts it: what this process has written to or may write to (Linux)."""
    import resource

    try:
        taken = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = taken + MEMORY if hard == resource.RLIM_INFINITY else min(hard, taken + MEMORY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
