"""Trainings and savings that SIGKILL ends at moments drawn at random, each in a fork of this process.

Run as a script with a folder, a manifest's folder, a config (a file) and a number, and what to do:
`kill` ends a training so many times, resuming it each time, and leaves `end.pt`; `save` ends so many savings
of checkpoints; `forget NAME` resumes a training that was killed once, with one thing less restored.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import decord  # noqa: F401  # these two are imported late, which every life would pay for
import open_clip  # noqa: F401
import torch

import tiny_runs
from m2clip.config import Run
from m2clip.data import manifest
from m2clip.parsing import build
from m2clip.training import loop
from m2clip.training.checkpoint import load_state, save_state

FORGOTTEN = ("weights", "optimizer", "history", "step")


def fork(do):
    """Call a function in a child, which then ends; the child."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            do()
            status = 0
        finally:
            os._exit(status)
    return child


def killed_after(child, seconds):
    """Kill a child after so long; whether it was still there."""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def finish(config, opened, folder, name="end.pt"):
    weights, trained = tiny_runs.run(config, None, folder / "checkpoints", opened=opened)
    torch.save({"weights": weights, "history": trained.history, "dropped": trained.dropped}, folder / name)


def kill(config, opened, folder, count):
    """Kill trainings until so many have died, each over and over until one kill comes after its end."""
    draw, done, ends, number = random.Random(0), 0, 0, 0
    began = time.monotonic()
    os.waitpid(fork(lambda: finish(config, opened(), folder, "alone.pt")), 0)
    seconds = time.monotonic() - began
    while done < count:
        place = folder / str(number)
        place.mkdir()
        while killed_after(fork(lambda at=place: finish(config, opened(), at)), draw.random() * seconds / 2):
            done += 1
            if done >= count:
                break
        os.waitpid(fork(lambda at=place: finish(config, opened(), at)), 0)
        number += 1
        ends += 1
    return {"kills": done, "trainings": ends}


def save(folder, count):
    """Kill savings; in which lives the checkpoint was lost that the last finished saving had made.

    A life tells each saving that it has finished. After its death the newest valid checkpoint is that one, or
    the one that came next, where the death came between its being in place and its being told.
    """
    draw, lost, kills, finished = random.Random(0), [], 0, 0
    place = folder / "saving"
    save_state(place, 0, {"a": torch.zeros(100_000)})
    for number in range(count):
        begin = load_state(place)[0]
        hear, tell = os.pipe()

        def endless(step=begin, tell=tell):
            while True:
                step += 1
                save_state(place, step, {"a": torch.full((100_000,), float(step))})
                os.write(tell, b"1")

        child = fork(endless)
        os.close(tell)
        kills += killed_after(child, 0.01 + draw.random() * 0.02)
        with open(hear, "rb") as heard:  # noqa: PTH123  # a pipe
            saved = len(heard.read())
        finished += saved
        found = load_state(place)
        if found is None or not (found[1]["a"] == found[0]).all() or found[0] - begin - saved not in (0, 1):
            lost.append(number)
    save_state(place, 10**7, {"a": torch.zeros(1)})
    left = sorted(file.name for file in place.iterdir())
    return {"kills": kills, "finished": finished, "lost": lost, "left": left}


def forget(config, opened, folder, what):
    """Resume with one thing less: what a state that lacks it would give."""
    load = load_state

    def less(place):
        found = load(place)
        if found is None:
            return None
        step, state = found
        fresh = tiny_runs.open_training(config, opened.manifest)[0]
        if what == "weights":
            state["weights"] = {**fresh.trainable(), **fresh.trained_buffers()}
        if what == "optimizer":
            state["optimizer"]["state"] = {}
        if what == "history":
            state["history"] = []
        return (step - 1 if what == "step" else step), state

    os.waitpid(fork(lambda: tiny_runs.run_until(5, config, opened.manifest, folder / "checkpoints")), 0)
    loop.load_state = less
    os.waitpid(fork(lambda: finish(config, opened(), folder)), 0)


class Opened:
    """A fresh training for each fork, made once."""

    def __init__(self, config, folder):
        self.manifest = manifest.read(folder)
        self.made = tiny_runs.open_training(config, self.manifest)

    def __call__(self):
        return self.made


def main():
    folder, videos, content, what = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    told = {}
    if what == "save":
        told = save(folder, int(sys.argv[5]))
    else:
        config = build(Run, json.loads(content.read_text()))
        opened = Opened(config, videos)
        if what == "kill":
            told = kill(config, opened, folder, int(sys.argv[5]))
        else:
            for name in FORGOTTEN:
                (folder / name).mkdir()
                forget(config, opened, folder / name, name)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
