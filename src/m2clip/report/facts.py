"""Small files that are not runs: facts of the data sheets, and parameters and multiply-adds at full size."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from m2clip.report.numbers import Number, Source

COMPLEXITY = Path("reports/complexity.csv")
AS_PUBLISHED = "as published"  # `class_ids` in the data sheet of a set with the published labels
Line = dict[str, str]


def sheets(profile: str) -> Path:
    """Where the data sheets of a profile lie."""
    return Path("reports") / profile / "data"


def sheet(profile: str, name: str) -> Path:
    """One of its files, by name.

    `k400`: facts of the dataset. `ucf101_overlap`: its labels that a training set has too. `ucf101_classes`:
    the label of each of its test videos, and whether the verb is trained on.
    """
    return sheets(profile) / f"{name}.csv"


def read_facts(profile: str, dataset: str) -> Line | None:
    """The facts of a dataset, or None where no sheet has been drawn."""
    return next(iter(lines(sheet(profile, dataset))), None)


def classes(facts: Line | None) -> int | None:
    """How many labels a dataset has, by its data sheet; None where it does not tell."""
    labels = (facts or {}).get("labels") or ""
    return int(labels) if labels.isdigit() and int(labels) else None


def read_classes(profile: str, dataset: str) -> list[Line]:
    """A line for each test video, in the order of the outcomes; none where labels have no verbs."""
    return lines(sheet(profile, f"{dataset}_classes"))


def training_videos(profile: str, dataset: str) -> int | None:
    """Valid videos of the training split, as the data sheet counts them; None where it does not."""
    told = (read_facts(profile, dataset) or {}).get("splits", "")
    found = re.search(r"(?:^|, )train (\d{1,3}(?:,\d{3})*)", told)  # train 2,016, validation 504
    return int(found[1].replace(",", "")) if found else None


@dataclass(frozen=True)
class Parameters:
    """Parameters and multiply-adds at full size, a line for each row and number of frames."""

    lines: list[Line]

    def number(self, row: str, frames: int | None, column: str) -> Number | None:
        """A count of a row; its number of frames is asked for only where the count depends on it."""
        own = {line["frames"]: at for at, line in enumerate(self.lines) if line["row"] == row}
        same = len({self.lines[at].get(column) for at in own.values()}) == 1
        at = own.get(str(frames), next(iter(own.values())) if same else None)
        text = "" if at is None else self.lines[at].get(column, "")
        if at is None or not re.fullmatch(r"\d+(\.\d+)?", text):
            return None
        return Number(value=float(text), sources=(Source(COMPLEXITY, f"line {at + 2}, {column}"),))

    def tunes_clip(self, row: str) -> bool | None:
        """Whether more than a hundredth of CLIP is trained: those weights are not among the frozen."""
        frozen = {line["row"]: int(line["frozen_total"]) for line in self.lines if "frozen_total" in line}
        return frozen[row] < 0.99 * max(frozen.values()) if row in frozen else None


def read_parameters() -> Parameters:
    """reports/complexity.csv, or nothing where it has not been counted."""
    return Parameters(lines(COMPLEXITY))


def lines(path: Path) -> list[Line]:
    """The lines of a CSV by its columns; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
