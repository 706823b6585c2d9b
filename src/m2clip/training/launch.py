"""Several processes for a stage that DVC runs: M2CLIP_LAUNCH="torchrun --nproc-per-node 8" dvc repro.

A stage that finds the variable replaces itself by that command, which starts the stage in each process. Run
as a module, this file is torchrun without its own report of errors: the processes report theirs.
"""

import logging
import os
import shlex
import sys
import time
from collections.abc import Callable

from m2clip.errors import UserError

VARIABLE = "M2CLIP_LAUNCH"
NOTICED = 3.0  # seconds within which torchrun notices that a process died; it looks ten times a second


def launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def relaunch(module: str) -> None:
    """Replace this process by the command in M2CLIP_LAUNCH, if there is one, followed by this stage.

    Raises:
        UserError: when there is no such command.
    """
    command = shlex.split(os.environ.get(VARIABLE, ""))
    if not command or launched():
        return
    ours = [sys.executable, "-m", "m2clip.training.launch"]  # found also where the environment is not active
    command = [word for given in command for word in (ours if given == "torchrun" else [given])]
    rest = {name: value for name, value in os.environ.items() if name != VARIABLE}
    threads = {"OMP_NUM_THREADS": rest.get("OMP_NUM_THREADS", "1")}
    try:
        os.execvpe(command[0], [*command, "-m", module, *sys.argv[1:]], rest | threads)
    except OSError as error:
        raise UserError(f"{VARIABLE}: {command[0]}: {error.strerror}") from None


def report_first_error(main: Callable[[], None]) -> Callable[[], None]:
    """`main` for one of several processes: the first that fails reports its error, the others end silently.

    A process that cannot reach another waits NOTICED: if the other was killed, torchrun reports it, ends all.
    """

    def run() -> None:
        try:
            main()
        except (Exception, KeyboardInterrupt) as error:
            if launched() and isinstance(error, RuntimeError):  # as those of gloo and NCCL are
                time.sleep(NOTICED)
            if launched() and not _first_to_fail():
                sys.exit(1)
            raise

    return run


def _first_to_fail() -> bool:
    """Whether no other process has failed before, asked of torchrun's own store."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        store = TCPStore(address, port, is_master=False)
        return store.add(f"m2clip/failed/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}", 1) == 1
    except Exception:  # the store may be gone; an error is better reported twice than never
        return True


def main() -> None:
    """Run torchrun; report a process that a signal ended, since it could not report that itself.

    On one machine torchrun and gloo listen on the loopback interface alone.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    from m2clip.training import loopback

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    arguments = run.parse_args(sys.argv[1:])
    if loopback.choose(arguments) and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    try:
        run.run(arguments)
    except SignalException:
        sys.exit(130)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            # A process that is killed leaves its progress bar without an end of line.
            print(f"\nerror: process {rank} was ended by signal {-failure.exitcode}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
