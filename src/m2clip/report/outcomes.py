"""How sure a number is: intervals over the test videos, and the paired difference between two rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from m2clip.report import facts, statistics
from m2clip.report.results import Row, SeedRun, get_path, is_number, marks, summary
from m2clip.report.statistics import Array, Interval

Verbs = Literal["all", "trained", "untrained"]
"""Which labels of a zero-shot set: all, those whose verb is trained on, or those whose verb is not."""


@dataclass(frozen=True)
class Step:
    """Points from a reference row, with a 95 % interval over the test videos where they are kept.

    std: over seeds. mark: of one seed, or of fewer than asked for.
    """

    points: float
    low: float | None = None
    high: float | None = None
    is_reference: bool = False
    std: float | None = None
    mark: str = ""


@dataclass(frozen=True)
class Tested:
    """Of each video of a set: percent of the seeds that were right, (N,), and which split has it, (S, N)."""

    hits: Array
    members: Array


@dataclass(frozen=True)
class Difference:
    """Points of one row over another on a set: of each seed, their mean, and its interval over the videos.

    seeds: those that both rows have, in the order of by_seed. videos: how many were tested; None, as the
    interval, where the outcomes of the videos are not kept.
    """

    points: float
    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]
    interval: Interval | None = None
    videos: int | None = None


def tested(row: Row, dataset: str) -> Tested | None:
    """A row on the set that it was trained for, or zero-shot on another; None where nothing was kept."""
    return _mean([_of_run(run, dataset, row.dataset) for run in row.measured])


def _of_run(run: SeedRun, dataset: str, own: str | None, verbs: Verbs = "all") -> Tested | None:
    found = _of_all_verbs(run, dataset, own)
    if found is None or verbs == "all":
        return found
    lines = facts.read_classes(run.key.profile, dataset)
    if len(lines) != len(found.hits):
        return None
    trained = np.array([line["verb_trained"] == "yes" for line in lines])
    return Tested(found.hits, found.members * (trained if verbs == "trained" else ~trained))


def _of_all_verbs(run: SeedRun, dataset: str, own: str | None) -> Tested | None:
    supervised = dataset == own
    head = get_path(run.metrics, "supervised", "head") if supervised else "eq11"
    bits = get_path(run.outcomes, dataset, "hits", str(head))
    if not isinstance(bits, str) or not bits:
        return None
    if supervised:
        return Tested(100 * _numbers(bits), np.ones((1, len(bits))))
    splits = get_path(run.outcomes, dataset, "splits") or {}
    members = [_numbers(part) for name, part in splits.items() if name.startswith("test") and "1" in part]
    return Tested(100 * _numbers(bits), np.array(members)) if members else None


def _mean(found: list[Tested | None]) -> Tested | None:
    """Over seeds; None unless all were tested on the same videos."""
    there = [one for one in found if one is not None]
    if not there or len(there) < len(found):
        return None
    if any(not np.array_equal(one.members, there[0].members) for one in there):
        return None
    return Tested(np.mean([one.hits for one in there], axis=0), there[0].members)


def _numbers(bits: str) -> Array:
    return np.array([bit == "1" for bit in bits], float)


Reach = tuple[float, float]


def spread(row: Row, dataset: str) -> Reach | None:
    """How far an error bar reaches below and above the mean, in points.

    Over seeds the standard deviation, of one seed the 95 % interval over videos.
    """
    if row.trained and len(row.measured) > 1:
        over = summary(top1(run, dataset, row.dataset) for run in row.measured)
        return (over.std, over.std) if over and over.std is not None else None
    found = tested(row, dataset)
    interval = statistics.over_videos(found.hits, found.members) if found else None
    if found is None or interval is None:
        return None
    mean = float(statistics.mean_over_splits(found.hits, *found.members))
    return mean - interval.low, interval.high - mean


def bars(reaches: Sequence[Reach | None]) -> list[list[float]] | None:
    """Of points in their order what Matplotlib draws as error bars, (2, N): below, above; None of none."""
    if not any(reaches):
        return None
    return [[reach[side] if reach else 0.0 for reach in reaches] for side in (0, 1)]


def top1(run: SeedRun, dataset: str, own: str | None, verbs: Verbs = "all") -> float | None:
    """Accuracy of one run: supervised on its own set, else the mean over splits."""
    if verbs != "all":
        found = _of_run(run, dataset, own, verbs)
        return float(statistics.mean_over_splits(found.hits, *found.members)) if found else None
    if dataset == own:
        return get_path(run.metrics, "supervised", "top1")
    splits: Mapping[str, Any] = get_path(run.metrics, "zero_shot", dataset, "splits") or {}
    numbers = [get_path(split, "top1") for split in splits.values()]
    return float(np.mean(numbers)) if numbers and all(map(is_number, numbers)) else None


def by_seed(rows: list[Row]) -> dict[int, tuple[SeedRun, ...]]:
    """The evaluated runs of each seed that all rows have; a row that trains nothing has one run for all."""
    found = [{run.key.seed: run for run in row.measured} for row in rows]
    seeds = [set(runs) for row, runs in zip(rows, found, strict=True) if row.trained or not runs]
    common = set.intersection(*seeds) if seeds else set.intersection(*map(set, found))
    return {
        seed: tuple(runs.get(seed) or next(iter(runs.values())) for runs in found) for seed in sorted(common)
    }


def difference(one: Row, other: Row, dataset: str, verbs: Verbs = "all") -> Difference | None:
    """Top-1 of a row minus that of another on a set, of the seeds that both have, paired by video."""
    pairs = by_seed([one, other])
    apart, videos = {}, []
    for seed, (ours, theirs) in pairs.items():
        numbers = top1(ours, dataset, one.dataset, verbs), top1(theirs, dataset, other.dataset, verbs)
        if not all(map(is_number, numbers)):
            return None
        apart[seed] = float(numbers[0] or 0) - float(numbers[1] or 0)
        mine = _of_run(ours, dataset, one.dataset, verbs)
        videos.append(_paired(mine, _of_run(theirs, dataset, other.dataset, verbs)))
    if not apart:
        return None
    mean = _mean(videos)
    return Difference(
        points=float(np.mean(list(apart.values()))),
        seeds=tuple(apart),
        by_seed=tuple(apart.values()),
        interval=statistics.over_videos(mean.hits, mean.members) if mean else None,
        videos=int(mean.members.any(axis=0).sum()) if mean else None,
    )


def _paired(ours: Tested | None, theirs: Tested | None) -> Tested | None:
    """Points of each video of one seed; None unless both were tested on the same videos."""
    if ours is None or theirs is None or not np.array_equal(ours.members, theirs.members):
        return None
    return Tested(ours.hits - theirs.hits, ours.members)


def step(row: Row, reference: Row | None) -> Step | None:
    """Top-1 of a row minus that of the reference on the same set; the interval is of paired videos."""
    if reference is None or row.dataset is None or row.dataset != reference.dataset:
        return None
    if row.name == reference.name:
        return Step(0.0, is_reference=True) if row.value("supervised", "top1") else None
    return step_on(row.dataset, row, reference)


def step_on(dataset: str, row: Row, reference: Row, verbs: Verbs = "all") -> Step | None:
    """Points of a row over another on any set that both were tested on."""
    found = difference(row, reference, dataset, verbs)
    if found is None:
        return None
    over, trained = summary(found.by_seed), row.trained or reference.trained
    return Step(
        points=found.points,
        low=found.interval.low if found.interval else None,
        high=found.interval.high if found.interval else None,
        std=over.std if over and trained else None,
        mark=marks(len(found.seeds), len(row.runs)) if trained else "",
    )
