"""Trainings in several processes. Run by torchrun; each process leaves what it ended with.

A case is a training that is stopped before some of its updates and begun again, and then goes to its end.
"""

import json
import os
import sys
from pathlib import Path

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

    def step(self, *arguments):
        if self.left is not None:
            StopsBefore.left -= 1
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


@report_first_error
def main():
    torch.set_num_threads(1)
    torch.optim.AdamW = StopsBefore
    for case in json.loads(Path(sys.argv[1]).read_text()):
        *_, end = [live(case, updates) for updates in (*case["updates"], None)]
        torch.save(end, Path(case["folder"]) / f"{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main()
