"""Trainings in several processes. Run by torchrun; each process leaves what it ended with.

A case is a training that is stopped before some of its updates and begun again, and then goes to its end. Of
one that is to be killed, the second process kills itself before an update, where torchrun has not started it
again yet. The first process also leaves the addresses on which they all listen.
"""

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import torch

import methods.cases  # noqa: F401  # the example of the docs is a method, too
import tiny_runs
from m2clip.config import Run
from m2clip.data import manifest
from m2clip.errors import UserError
from m2clip.parsing import build
from m2clip.training.devices import open_fabric
from m2clip.training.launch import report_first_error
from m2clip.training.loop import train


class StopsBefore(torch.optim.AdamW):
    """AdamW up to an update, counted in this life of a training."""

    left = None
    killed = False

    def step(self, *arguments):
        if self.left is not None:
            StopsBefore.left -= 1
            if self.left < 0 and self.killed:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.left < 0:
                raise tiny_runs.Stopped
        return super().step(*arguments)


def live(case, updates):
    """One life of a case; its weights and what it told, or the line that ended it."""
    StopsBefore.left = updates
    config = build(Run, case["config"])
    videos = manifest.read(Path(case["data"]))
    fabric = open_fabric("cpu", config)
    checkpoints = Path(case["folder"]) / "checkpoints"
    if fabric.global_rank:  # whose disk is another, and empty
        checkpoints = checkpoints / "elsewhere"
    logged = []

    def log(step, values):
        logged.append({"step": step, **values})

    model, opened = tiny_runs.open_training(config, videos)
    try:
        trained = train(model, opened, config, 0, checkpoints, log, fabric)
    except tiny_runs.Stopped:
        return None
    except UserError as error:
        return {"error": str(error)}
    return {
        "weights": tiny_runs.weights_of(model),
        "history": trained.history,
        "dropped": trained.dropped,
        "resumed": trained.resumed,
        "logged": logged,
        "files": sorted(path.name for path in checkpoints.glob("*")),
    }


def listening():
    """The addresses on which torchrun and its processes listen."""
    torchrun = psutil.Process(os.getppid())
    found = [each for one in (torchrun, *torchrun.children()) for each in one.net_connections("inet")]
    return sorted({each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN})


@report_first_error
def main():
    torch.set_num_threads(1)
    torch.optim.AdamW = StopsBefore
    told, rank = Path(sys.argv[1]), os.environ["RANK"]
    for case in json.loads(told.read_text()):
        last = None
        if "killed" in case and (rank, os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", "0"):
            StopsBefore.killed, last = True, case["killed"]
        *_, end = [live(case, updates) for updates in (*case["updates"], last)]
        torch.save(end, Path(case["folder"]) / f"{rank}.pt")
    if rank == "0":
        told.with_name("listening.json").write_text(json.dumps(listening()))


if __name__ == "__main__":
    main()
