"""Choose the learning rate of methods on the validation draw, as experiments/sweeps/<profile>.yaml says.

    python benchmarks/sweep.py embedded xclip aim  # these rows; without names all
    python benchmarks/sweep.py embedded --show     # the rates that the records choose

Tries that are recorded are not run again, so it can be stopped and goes on. No test video is read.
"""

import csv
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from m2clip import backbones, experiment, profiles
from m2clip.config import Run
from m2clip.files import read_mapping

SPECS = Path("experiments/sweeps")
RESULTS = Path("benchmarks/results")


@dataclass(frozen=True)
class Try:
    """A recorded try: its rate, top-1 on the validation draw."""

    lr: float
    top1: float


@dataclass(frozen=True)
class Sweep:
    """The search of a profile: the rates that its rows begin at, factors on these, a try's steps."""

    profile: str
    steps: dict[str, int]
    factors: tuple[float, ...]
    first: dict[str, float]

    @property
    def records(self) -> Path:
        """Its tries, one a line; those of `embedded` are older than the other profiles' searches."""
        return RESULTS / ("sweep.csv" if self.profile == "embedded" else f"sweep_{self.profile}.csv")

    @cached_property
    def base(self) -> profiles.Profile:
        """Its profile."""
        return profiles.read(self.profile)

    def config(self, row: str) -> Run:
        """A row's config under the profile."""
        return experiment.resolve(row, self.base)

    def tries(self, row: str) -> list[Try]:
        """The recorded tries of a row with the profile's backbone, in the order in which they were run."""
        if not self.records.exists():
            return []
        digest = backbones.digest(self.config(row).backbone)[:12]
        with self.records.open(encoding="utf-8", newline="") as file:
            lines = [
                line for line in csv.DictReader(file) if (line["row"], line["backbone"]) == (row, digest)
            ]
        return [
            Try(float(line["lr"]), float(line["validation_vc"] or line["validation_eq11"])) for line in lines
        ]

    def next_rate(self, row: str, done: list[Try]) -> float | None:
        """The rate of the next try; None where all are done."""
        for factor in self.factors:
            rate = self.first[row] * factor
            if not any(abs(one.lr / rate - 1) < 1e-6 for one in done):
                return rate
        return None

    def chosen(self, row: str) -> float | None:
        """The rate that the records choose, to two digits; None while tries are missing."""
        done = self.tries(row)
        return None if self.next_rate(row, done) else float(f"{best(done).lr:.1e}")

    def at_an_end(self, row: str) -> bool:
        """Whether the best rate is the lowest or the highest of those tried: a better one may lie beyond."""
        done = self.tries(row)
        rates = [one.lr for one in done]
        return bool(done) and best(done).lr in (min(rates), max(rates))

    def run(self, row: str) -> None:
        """Run what is missing of a row's tries, and record each."""
        from recipe import append, measure

        while (rate := self.next_rate(row, self.tries(row))) is not None:
            steps = self.steps[self.config(row).data.dataset]
            line = measure(row, {"train": {"lr": rate, "steps": steps}}, self.profile)
            append(self.records, line | {"command": f"benchmarks/sweep.py {self.profile} {row}"})


def best(done: list[Try]) -> Try:
    """The try with the highest top-1; of equals the lowest rate."""
    return min(done, key=lambda one: (-one.top1, one.lr))


def read(profile: str) -> Sweep:
    """The search of a profile."""
    spec = read_mapping(SPECS / f"{profile}.yaml")
    first = {row: float(rate) for row, rate in spec["first"].items()}
    return Sweep(profile, spec["steps"], tuple(map(float, spec["factors"])), first)


def main() -> None:
    """Run, or show."""
    torch.set_num_threads(1)
    profile, *rows = sys.argv[1:] or ["embedded"]
    sweep = read(profile)
    if rows == ["--show"]:
        for row in sweep.first:
            end = " (at an end of those tried)" if sweep.at_an_end(row) else ""
            print(f"{row}: {sweep.chosen(row)}{end}")
        return
    for row in rows or sweep.first:
        sweep.run(row)


if __name__ == "__main__":
    main()
