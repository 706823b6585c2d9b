"""All that a report of one profile is made of: its rows, data sheets, counts and the paper's numbers.

results = read("embedded", ["clip", "main"])
results.step(results.rows["main"], results.rows["clip"])  # Number: +24.0, with the files that it is made of
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from m2clip import rows as declared_rows
from m2clip.report import accuracy, chance, facts
from m2clip.report.accuracy import Difference
from m2clip.report.facts import AS_PUBLISHED, Line, Parameters
from m2clip.report.names import Names
from m2clip.report.numbers import MARGIN, NEAR_CHANCE, Number, Source
from m2clip.report.row import Nested, Row, SeedRun, get_path, is_number, marks
from m2clip.report.row import read as read_row
from m2clip.rows import Profile

__all__ = ["Nested", "Row", "SeedRun", "get_path", "is_number", "marks"]  # of row.py, for those still to move


@dataclass(frozen=True)
class Results:
    """The rows that were asked for, by name, and what their numbers are read beside.

    sheets: facts of every dataset, None where no data sheet has been drawn. complexity: parameters and
    multiply-adds at full size. seeds: that were asked for.
    """

    profile: Profile
    rows: Mapping[str, Row]
    names: Names
    sheets: Mapping[str, Line | None]
    complexity: Parameters
    seeds: tuple[int, ...] = (0,)

    def title(self, row: Row) -> str:
        """What a row is called where nothing beside it names its dataset."""
        return f"{row.label} on {self.names.dataset(row.dataset)}" if row.dataset else row.label

    def chance(self, dataset: str | None) -> Number | None:
        """Percent of a guess among the labels of a dataset, from its data sheet."""
        guessed = chance.percent(self.sheets.get(dataset or ""))
        sheet = facts.sheets(self.profile.name) / f"{dataset}.csv"
        return None if guessed is None else Number(value=guessed, sources=(Source(sheet, "line 2, labels"),))

    def unlearned(self, row: Row | None) -> bool:
        """Whether a trained row is within ten points of chance on its own set."""
        top1 = row.number("supervised", "top1") if row and row.trained else None
        guessed = self.chance(row.dataset) if row else None
        return top1 is not None and guessed is not None and top1.value <= guessed.value + MARGIN

    def is_papers(self, dataset: str) -> bool:
        """Whether the paper's numbers may stand beside a set: its labels are the published ones.

        Of a generated set and of one that the profile leaves out there is nothing to hold to them.
        """
        if dataset in self.names.synthetic or dataset in self.profile.left_out:
            return True
        return (self.sheets.get(dataset) or {}).get("class_ids") == AS_PUBLISHED

    def top1(self, row: Row, dataset: str | None = None) -> Number | None:
        """Top-1 in percent: of its own set, marked where it has not learned it, or zero-shot on another."""
        if dataset not in (None, row.dataset):
            return accuracy.zero_shot(row, str(dataset))
        found = row.number("supervised", "top1")
        return found.marked(NEAR_CHANCE) if found and self.unlearned(row) else found

    def difference(self, row: Row, other: Row, dataset: str) -> Difference | None:
        """Top-1 of a row less that of another on a set, in points, with seeds and videos."""
        return accuracy.difference(row, other, dataset)

    def step(self, row: Row, reference: Row | None) -> Number | None:
        """Top-1 of a row less that of the reference on the same set, in points; None on different sets.

        Marked where either of the two has not learned its labels.
        """
        if reference is None or row.dataset is None or row.dataset != reference.dataset:
            return None
        if row.name == reference.name:
            there = row.number("supervised", "top1")
            return there and Number(value=0.0, signed=True, is_reference=True)
        found = accuracy.difference(row, reference, row.dataset)
        unlearned = self.unlearned(row) or self.unlearned(reference)
        if found is None:
            return None
        return found.number.marked(NEAR_CHANCE) if unlearned else found.number

    def parameters(self, row: Row) -> Number | None:
        """Trainable parameters at full size, in millions."""
        count = self.complexity.trainable(row.name, row.config.data.frames if row.config else None)
        if count is None:
            return None
        return Number(value=count / 1e6, digits=2, sources=self.complexity.source(row, "trainable_total"))

    def gmacs(self, row: Row) -> Number | None:
        """Multiply-adds of one view at full size, in units of 10^9."""
        count = self.complexity.gmacs(row.name, row.config.data.frames) if row.config else None
        return (
            None if count is None else Number(value=count, sources=self.complexity.source(row, "gmacs_view"))
        )


def read(profile: Profile, names: Iterable[str], labels: Mapping[str, str]) -> Results:
    """What the runs of the named rows gave under a profile, whether or not they exist.

    Args:
        profile: whose runs.
        names: of rows that are declared.
        labels: of rows that have one; the others are called by how they differ from the paper's model.
    """
    seeds = declared_rows.seeds(profile)
    return Results(
        profile=profile,
        rows={name: read_row(profile, name, seeds, labels.get(name)) for name in names},
        names=Names(tuple(profile.synthetic)),
        sheets={dataset: facts.read_facts(profile.name, dataset) for dataset in declared_rows.DATASETS},
        complexity=facts.read_parameters(),
        seeds=seeds,
    )


# What follows is the older way, for modules that have not moved to Number yet.


@dataclass(frozen=True)
class Value:
    """A mean with the standard deviation and the number of what it is the mean of."""

    mean: float
    std: float | None = None
    count: int = 1
    digits: int = 1
    mark: str = ""


def summary(numbers: Iterable[Any]) -> Value | None:
    """Mean and sample standard deviation of the numbers that are there; None of nothing."""
    there = [float(number) for number in numbers if is_number(number)]
    if not there:
        return None
    return Value(fmean(there), stdev(there) if len(there) > 1 else None, len(there))


def load(
    profile: Profile, names: Iterable[str], seeds: Iterable[int], labels: Mapping[str, str]
) -> list[Row]:
    """The declared rows of a profile, whether or not their runs exist."""
    seeds = list(seeds)
    return [read_row(profile, name, seeds, labels.get(name)) for name in names]
