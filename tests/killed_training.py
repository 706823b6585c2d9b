"""Trainings that SIGKILL ends where a test says. Run as a script, so that nothing of pytest is inherited.

Each life of a training is a fork of this process, which trains nothing itself. A case is a folder for the
checkpoints and a list of deaths; after the last one a life goes to the end and leaves its weights and curve.
"""

import json
import os
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


def at_call(number, original, before=lambda *arguments, **more: None):
    """A function that dies at its so-manyeth call, after `before`."""
    calls = 0

    def call(*arguments, **more):
        nonlocal calls
        calls += 1
        if calls == number:
            before(*arguments, **more)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **more)

    return call


def arm(kind, number):
    """Let this process die at the so-manyeth event of a kind."""
    save = torch.save

    def half(content, path):
        save(content, path)
        os.truncate(path, Path(path).stat().st_size // 2)

    if kind == "update":
        torch.optim.AdamW.step = at_call(number, torch.optim.AdamW.step)
    if kind == "writing":
        torch.save = at_call(number, save, half)
    if kind == "renaming":
        Path.replace = at_call(number, Path.replace)
    if kind == "removing":
        Path.unlink = at_call(number, Path.unlink)


def live(case, opened, death):
    """One life: a fork that dies at `death`, or leaves its result; the signal that ended it."""
    folder = Path(case["folder"])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if death is not None:
                arm(*death)
            config = build(Run, case["config"])
            weights, trained = tiny_runs.run(config, None, folder / "checkpoints", opened=opened)
            torch.save(
                {"weights": weights, "history": trained.history, "dropped": trained.dropped},
                folder / "end.pt",
            )
            status = 0
        finally:
            os._exit(status)
    if death is not None and death[0] == "milliseconds":
        while not list(folder.glob("checkpoints/*.pt")):
            time.sleep(0.002)
        time.sleep(death[1] / 1000)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def main():
    cases = json.loads(Path(sys.argv[1]).read_text())
    ended = {}
    for name, case in cases.items():
        opened = tiny_runs.open_training(build(Run, case["config"]), manifest.read(Path(case["data"])))
        ended[name] = [live(case, opened, death) for death in [*case["deaths"], None]]
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
