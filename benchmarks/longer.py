"""Would more steps give more? Rows on the validation draw after a third, all and three times their steps.

    python benchmarks/longer.py evidence main ssv2

Each is a training of its own, whose learning rate falls to zero at its end; nothing else differs, the seed
included. What is recorded is not run again, so it can be stopped and goes on. No test video is read.
"""

import csv
import sys
from pathlib import Path

import torch
from recipe import append, measure

from m2clip import backbones, experiment, profiles
from m2clip.report.longer import FACTORS, FOLDER


def main() -> None:
    """Run what is missing, and record each."""
    torch.set_num_threads(1)
    profile, *rows = sys.argv[1:]
    base, records = profiles.read(profile), FOLDER / f"{profile}.csv"
    for row in rows:
        config = experiment.resolve(row, base)
        same = {"row": row, "backbone": backbones.digest(config.backbone)[:12], "lr": str(config.train.lr)}
        for factor in FACTORS:
            steps = round(config.train.steps * factor)
            if recorded(records, same | {"steps": str(steps)}):
                continue
            line = measure(row, {"train": {"steps": steps}}, profile)
            append(records, line | {"command": f"benchmarks/longer.py {profile} {row}"})


def recorded(path: Path, values: dict[str, str]) -> bool:
    """Whether a line of the file has these values."""
    if not path.exists():
        return False
    with path.open(encoding="utf-8", newline="") as file:
        return any(values.items() <= line.items() for line in csv.DictReader(file))


if __name__ == "__main__":
    main()
