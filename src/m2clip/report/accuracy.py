"""How often a row is right: top-1 supervised and zero-shot, its error bar, its difference from another."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import numpy as np

from m2clip.report import facts, statistics
from m2clip.report.numbers import Number, Source
from m2clip.report.row import Row, SeedRun, get_path, is_number, marks, mean
from m2clip.report.statistics import Array

Verbs = Literal["all", "trained", "untrained"]
"""Which labels of a zero-shot set: all, those whose verb is trained on, or those whose verb is not."""


def zero_shot(row: Row, dataset: str, *under: str) -> Number | None:
    """Top-1 on a set that was not trained on: mean ± standard deviation over its splits.

    Of several seeds each split is their mean first.

    Args:
        row: as run here.
        dataset: tested on.
        under: keys below the dataset's, such as no_text_adapter.
    """
    path = ("zero_shot", dataset, *under, "splits")
    names = dict.fromkeys(name for run in row.measured for name in get_path(run.metrics, *path) or {})
    splits = [row.number(*path, name, "top1") for name in names]
    found = mean(split.value for split in splits if split)
    if found is None or not all(splits):
        return None
    first = splits[0].marks if splits[0] else ""
    return found.marked(first).of(row.sources(".".join((*path, "*.top1"))))


def half(row: Row, dataset: str) -> Number | None:
    """Mean ± standard deviation over draws of half of the classes, each draw averaged over seeds."""
    over = row.number("zero_shot", dataset, "half", "top1")
    draws = [get_path(run.metrics, "zero_shot", dataset, "half", "draws") for run in row.measured]
    if over is None or not all(draws):
        return None
    found = mean(fmean(seeds) for seeds in zip(*draws, strict=True))
    return found and found.marked(over.marks).of(row.sources(f"zero_shot.{dataset}.half.draws.*"))


def of_verbs(row: Row, dataset: str, verbs: Verbs) -> Number | None:
    """Zero-shot top-1 on the labels of one kind of verb, mean ± standard deviation over seeds."""
    found = row.over_seeds(top1(run, dataset, row.dataset, verbs) for run in row.measured)
    return found and found.of(sources((row,), dataset, verbs))


def top1(run: SeedRun, dataset: str, own: str | None, verbs: Verbs = "all") -> float | None:
    """Top-1 of one run: supervised on its own set, else zero-shot, the mean over splits."""
    if verbs != "all":
        found = tested(run, dataset, own, verbs)
        return float(statistics.mean_over_splits(found.hits, *found.members)) if found else None
    if dataset == own:
        return get_path(run.metrics, "supervised", "top1")
    splits: Mapping[str, Any] = get_path(run.metrics, "zero_shot", dataset, "splits") or {}
    numbers = [get_path(split, "top1") for split in splits.values()]
    return float(np.mean(numbers)) if numbers and all(map(is_number, numbers)) else None


@dataclass(frozen=True)
class Tested:
    """Of each video of a set: percent of the seeds that were right, (N,), and which split has it, (S, N)."""

    hits: Array
    members: Array


def tested(run: SeedRun, dataset: str, own: str | None, verbs: Verbs = "all") -> Tested | None:
    """One run on the set it was trained on (`own`), or zero-shot on another; None where nothing was kept.

    Of one kind of verb alone, the videos of the others are in no split.
    """
    found = _tested(run, dataset, own)
    if found is None or verbs == "all":
        return found
    lines = facts.read_classes(run.key.profile, dataset)
    if len(lines) != len(found.hits):
        return None
    trained = np.array([line["verb_trained"] == "yes" for line in lines])
    return Tested(found.hits, found.members * (trained if verbs == "trained" else ~trained))


def _tested(run: SeedRun, dataset: str, own: str | None) -> Tested | None:
    head = get_path(run.metrics, "supervised", "head") if dataset == own else "eq11"
    bits = get_path(run.outcomes, dataset, "hits", str(head))
    if not isinstance(bits, str) or not bits:
        return None
    if dataset == own:
        return Tested(100 * _numbers(bits), np.ones((1, len(bits))))
    splits = get_path(run.outcomes, dataset, "splits") or {}
    members = [_numbers(part) for name, part in splits.items() if name.startswith("test") and "1" in part]
    return Tested(100 * _numbers(bits), np.array(members)) if members else None


def over_seeds(found: list[Tested | None]) -> Tested | None:
    """The mean over seeds; None unless all were tested on the same videos."""
    there = [one for one in found if one is not None]
    if not there or len(there) < len(found):
        return None
    if any(not np.array_equal(one.members, there[0].members) for one in there):
        return None
    return Tested(np.mean([one.hits for one in there], axis=0), there[0].members)


def _numbers(bits: str) -> Array:
    return np.array([bit == "1" for bit in bits], float)


def error_bar(row: Row, dataset: str) -> tuple[float, float] | None:
    """Points below and above the mean: standard deviation over seeds; of one seed 95 % over the videos."""
    if row.trained and len(row.measured) > 1:
        over = mean(top1(run, dataset, row.dataset) for run in row.measured)
        return (over.std, over.std) if over and over.std is not None else None
    found = over_seeds([tested(run, dataset, row.dataset) for run in row.measured])
    interval = statistics.over_videos(found.hits, found.members) if found else None
    if found is None or interval is None:
        return None
    middle = float(statistics.mean_over_splits(found.hits, *found.members))
    return middle - interval.low, interval.high - middle


@dataclass(frozen=True)
class Difference:
    """Top-1 of one row less that of another on a set, in points, of the seeds that both rows have.

    number: mean over seeds, standard deviation over seeds, 95 % interval over the videos, paired; no interval
    where the outcomes of the same videos were not kept. seeds, by_seed: in the same order. videos: tested.
    """

    number: Number
    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]
    videos: int | None = None


def by_seed(rows: list[Row]) -> dict[int, tuple[SeedRun, ...]]:
    """The evaluated runs of each seed that all rows have; a row that trains nothing has one run for all."""
    found = [{run.key.seed: run for run in row.measured} for row in rows]
    seeds = [set(runs) for row, runs in zip(rows, found, strict=True) if row.trained or not runs]
    common = set.intersection(*seeds) if seeds else set.intersection(*map(set, found))
    return {
        seed: tuple(runs.get(seed) or next(iter(runs.values())) for runs in found) for seed in sorted(common)
    }


def difference(one: Row, other: Row, dataset: str, verbs: Verbs = "all") -> Difference | None:
    """Of `one` from `other` on a set that both were tested on; None where they share no seed or number."""
    apart = {}
    for seed, (ours, theirs) in by_seed([one, other]).items():
        numbers = top1(ours, dataset, one.dataset, verbs), top1(theirs, dataset, other.dataset, verbs)
        if not all(map(is_number, numbers)):
            return None
        apart[seed] = float(numbers[0] or 0) - float(numbers[1] or 0)
    over, trained = mean(apart.values()), one.trained or other.trained
    paired = over_seeds(pairs(one, other, dataset, verbs))
    if over is None:
        return None
    interval = statistics.over_videos(paired.hits, paired.members) if paired else None
    number = Number(
        value=float(np.mean(list(apart.values()))),
        std=over.std if trained else None,
        interval=(interval.low, interval.high) if interval else None,
        signed=True,
        marks=marks(len(apart), len(one.runs)) if trained else "",
        sources=tuple(sources((one, other), dataset, verbs)),
    )
    tested_videos = int(paired.members.any(axis=0).sum()) if paired else None
    return Difference(number, tuple(apart), tuple(apart.values()), tested_videos)


def pairs(one: Row, other: Row, dataset: str, verbs: Verbs = "all") -> list[Tested | None]:
    """Points of each video, of every seed that both rows have; None unless both had the same videos."""
    return [
        _paired(tested(ours, dataset, one.dataset, verbs), tested(theirs, dataset, other.dataset, verbs))
        for ours, theirs in by_seed([one, other]).values()
    ]


def _paired(ours: Tested | None, theirs: Tested | None) -> Tested | None:
    """Points of each video of one seed; None unless both were tested on the same videos."""
    if ours is None or theirs is None or not np.array_equal(ours.members, theirs.members):
        return None
    return Tested(ours.hits - theirs.hits, ours.members)


def sources(rows: Iterable[Row], dataset: str, verbs: Verbs = "all") -> Iterator[Source]:
    """What a difference is made of: of each row its number, and which videos each seed had right.

    Of one kind of verb, which videos were right, and which label each has.
    """
    profile = ""
    for row in rows:
        supervised, profile = row.dataset == dataset, row.runs[0].key.profile
        if verbs == "all":
            yield from row.sources("supervised.top1" if supervised else f"zero_shot.{dataset}.splits.*.top1")
        for run in row.measured:
            head = get_path(run.metrics, "supervised", "head") if supervised else "eq11"
            keys = [f"{dataset}.hits.{head}", *([] if supervised else [f"{dataset}.splits"])]
            yield from (Source(run.key.outcomes, key, run.key) for key in keys if run.outcomes)
    if verbs != "all":
        yield Source(facts.classes_file(profile, dataset), "verb_trained")
