"""Ctrl-C and SIGTERM end a training after the step that it is at, whose checkpoint is then written."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the training was asked to stop, to be used with `with`. A second signal ends it at once.

    Several processes would each stop at another step and wait for the others for ever. So with several, and
    in a thread, signals keep their usual effect.
    """

    def __init__(self, alone: bool) -> None:
        self.asked = False
        self._alone = alone
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        try:
            for number in SIGNALS if self._alone else ():
                self._before[number] = signal.signal(number, self._ask)
        except ValueError:  # not the main thread
            self._alone = False
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self.asked and isinstance(error, Exception):  # such as a worker that the same signal has ended
            raise KeyboardInterrupt from error
