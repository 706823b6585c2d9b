"""Choose the learning rate of methods on the validation draw, as experiments/sweep.yaml says.

    python benchmarks/sweep.py xclip aim           # these rows; without names all
    python benchmarks/sweep.py --show              # the rates that the records choose

Tries that are recorded are not run again, so it can be stopped and goes on. No test video is read.
"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from m2clip import backbones, experiment, profiles
from m2clip.config import Run
from m2clip.files import read_mapping

SPEC = Path("experiments/sweep.yaml")


@dataclass(frozen=True)
class Try:
    """A recorded try: its rate, top-1 on the validation draw."""

    lr: float
    top1: float


def spec() -> dict[str, Any]:
    """experiments/sweep.yaml."""
    return read_mapping(SPEC)


def rows() -> dict[str, float]:
    """The rows that are swept, with the rates that they begin at."""
    return {row: float(rate) for row, rate in spec()["first"].items()}


def recorded(row: str, config: Run) -> list[Try]:
    """The tries of a row with this backbone, in the order in which they were run."""
    path, digest = Path(spec()["records"]), backbones.digest(config.backbone)[:12]
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if (line["row"], line["backbone"]) == (row, digest)]
    return [Try(float(line["lr"]), float(line["validation_vc"] or line["validation_eq11"])) for line in lines]


def next_rate(first: float, done: list[Try]) -> float | None:
    """The rate of the next try; None where all are done."""
    for factor in spec()["factors"]:
        if not any(abs(one.lr / (first * factor) - 1) < 1e-6 for one in done):
            return first * factor
    return None


def best(done: list[Try]) -> Try:
    """The try with the highest top-1; of equals the lowest rate."""
    return min(done, key=lambda one: (-one.top1, one.lr))


def chosen(row: str) -> float | None:
    """The rate that the records choose, to two digits; None while tries are missing."""
    config = experiment.resolve(row, profiles.read(spec()["profile"]))
    done = recorded(row, config)
    return None if next_rate(rows()[row], done) else float(f"{best(done).lr:.1e}")


def at_an_end(row: str) -> bool:
    """Whether the best rate is the lowest or the highest of those tried: a better one may lie beyond."""
    done = recorded(row, experiment.resolve(row, profiles.read(spec()["profile"])))
    rates = [one.lr for one in done]
    return bool(done) and best(done).lr in (min(rates), max(rates))


def run(row: str) -> None:
    """Run what is missing of a row's tries, and record each."""
    from recipe import append, measure

    settings = spec()
    config = experiment.resolve(row, profiles.read(settings["profile"]))
    while (rate := next_rate(rows()[row], recorded(row, config))) is not None:
        steps = round(config.train.steps * settings["share"])
        line = measure(row, {"train": {"lr": rate, "steps": steps}}) | {
            "command": f"benchmarks/sweep.py {row}"
        }
        append(Path(settings["records"]), line)


def main() -> None:
    """Run, or show."""
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--show"]:
        for row in rows():
            print(f"{row}: {chosen(row)}{' (at an end of those tried)' if at_an_end(row) else ''}")
        return
    for row in sys.argv[1:] or rows():
        run(row)


if __name__ == "__main__":
    main()
