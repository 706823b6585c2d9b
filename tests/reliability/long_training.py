"""A long training on tiny data, which tells of itself at intervals: as a script, with a folder and its steps.

In the folder: `config.json`, and `data` with a manifest. It trains as the stage does, with frames that are
kept, checkpoints and MLflow beside it, and leaves `history.csv` and `told.json`: at each interval the step,
the processor's seconds of the steps and of other work that is always the same, the memory and the open files
of the process, and the memory of MLflow's.
"""

import json
import os
import sys
import time
from pathlib import Path

import psutil
import torch

import tiny_runs
from m2clip.config import Run
from m2clip.data import manifest
from m2clip.data.frame_cache import FrameCache
from m2clip.parsing import build
from m2clip.runs import RunKey
from m2clip.tracking import live as tracking
from m2clip.training.loop import train, write_history

KEY = RunKey("long", "main", 0)
INTERVALS = 50


def same_work():
    """The processor's seconds of work that is always the same: how fast the machine is now."""
    began, value = time.process_time(), torch.ones(48, 48)
    for _ in range(5_000):
        value = torch.tanh(value @ value)
    return time.process_time() - began


def now(step, since):
    """What a process may come to lack, and how long its steps took."""
    mine, seconds = psutil.Process(), time.process_time() - since
    return {
        "step": step,
        "seconds": seconds,
        "same_work": same_work(),
        "bytes": mine.memory_info().rss,
        "files": mine.num_fds(),
        "beside": sum(child.memory_info().rss for child in mine.children()),
    }


def main():
    folder, steps, told = Path(sys.argv[1]), int(sys.argv[2]), []
    os.chdir(folder)
    content = json.loads(Path("config.json").read_text())
    config = build(Run, content)
    data = manifest.read(Path("data"))
    model, videos = tiny_runs.open_training(config, data, cache=FrameCache(Path("frames"), data))
    tracking.SECONDS = 600.0  # on a machine with other work
    since = time.process_time()
    with tracking.live(KEY, content) as run:

        def log(step, values):
            nonlocal since
            run.log(step, values)
            if step % (steps // INTERVALS) == 0:
                told.append(now(step, since))
                since = time.process_time()

        trained = train(model, videos, config, 0, Path("checkpoints"), log)
    write_history(Path("history.csv"), trained.history)
    Path("told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
