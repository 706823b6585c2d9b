"""How often a row is right: top-1 supervised and zero-shot, its error bar, its difference from other rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
Head = Literal["", "eq11", "vc"]
"""The head whose predictions count in supervised tests; empty: the one that the run itself predicts by."""
Weighted = Sequence[tuple[Row, float]]
"""Rows and their weights in a sum: +1 and -1 for the difference between two."""


def zero_shot(row: Row, dataset: str, *under: str) -> Number | None:
    """Top-1 on a set that was not trained on: mean ± standard deviation over its splits.

    With several seeds each split is averaged over them first. under: keys below the dataset's in
    metrics.json, such as no_text_adapter.
    """
    path = ("zero_shot", dataset, *under, "splits")
    names = dict.fromkeys(name for run in row.measured for name in get_path(run.metrics, *path) or {})
    splits = [split for name in names if (split := row.number(*path, name, "top1"))]
    found = mean(split.value for split in splits)
    if found is None or len(splits) < len(names):
        return None
    return found.marked(splits[0].marks).of(row.sources(".".join((*path, "*.top1"))))


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
    found = row.over_seeds(top1(run, dataset, verbs) for run in row.measured)
    return found and found.of(sources((row,), dataset, verbs))


def top1(run: SeedRun, dataset: str, verbs: Verbs = "all", head: Head = "") -> float | None:
    """Top-1 of one run: supervised on its own set, else zero-shot, the mean over splits."""
    if verbs != "all":
        found = tested(run, dataset, verbs)
        return float(statistics.mean_over_splits(found.hits, *found.members)) if found else None
    if dataset == run.dataset:
        return get_path(run.metrics, "supervised", *_top1_path(run, head))
    splits: Mapping[str, Any] = get_path(run.metrics, "zero_shot", dataset, "splits") or {}
    numbers = [get_path(split, "top1") for split in splits.values()]
    return float(np.mean(numbers)) if numbers and all(map(is_number, numbers)) else None


def _top1_path(run: SeedRun, head: Head) -> tuple[str, ...]:
    """The keys in metrics.json of a head's supervised top-1; those of the run's where the head has none."""
    has = head and get_path(run.metrics, "supervised", "top1_by_head", head) is not None
    return ("top1_by_head", head) if has else ("top1",)


def _answers_by(run: SeedRun, dataset: str, head: Head) -> str:
    """The head whose outcomes are read: Eq. 11 in zero-shot; else `head`, or if that is absent the run's."""
    if dataset != run.dataset:
        return "eq11"
    *_, last = _top1_path(run, head)
    return last if last == head else str(get_path(run.metrics, "supervised", "head"))


@dataclass(frozen=True)
class Tested:
    """Which of N videos of a set were right.

    hits: 100 where a video was right, else 0, (N,), or by seed (R, N); of several rows their weighted sum.
    members: 1 where one of S splits has the video, (S, N).
    """

    hits: Array
    members: Array


def tested(run: SeedRun, dataset: str, verbs: Verbs = "all", head: Head = "") -> Tested | None:
    """One run on the set that it was trained on, or zero-shot on another; None without saved outcomes.

    With one kind of verb alone, videos with other verbs belong to no split.
    """
    bits = get_path(run.outcomes, dataset, "hits", _answers_by(run, dataset, head))
    if not isinstance(bits, str) or not bits:
        return None
    if dataset == run.dataset:
        return Tested(100 * _zeros_and_ones(bits), np.ones((1, len(bits))))
    splits = get_path(run.outcomes, dataset, "splits") or {}
    tests = (part for name, part in splits.items() if name.startswith("test") and "1" in part)
    members = [_zeros_and_ones(part) for part in tests]
    lines = facts.read_classes(run.key.profile, dataset) if verbs != "all" else []
    if not members or (verbs != "all" and len(lines) != len(bits)):
        return None
    kind = np.array([line["verb_trained"] == "yes" for line in lines]) == (verbs == "trained")
    return Tested(100 * _zeros_and_ones(bits), np.array(members) * (1 if verbs == "all" else kind))


def _zeros_and_ones(bits: str) -> Array:
    return np.array([bit == "1" for bit in bits], float)


def outcomes(weighted: Weighted, dataset: str, verbs: Verbs = "all", head: Head = "") -> Tested | None:
    """The weighted sum of the rows' hits for each seed that all rows have and each video, (R, N).

    None unless all rows were tested on the same videos.
    """
    rows, weights = zip(*weighted, strict=True)
    hits, all_members = [], []
    for runs in by_seed(rows).values():
        there = [one for run in runs if (one := tested(run, dataset, verbs, head))]
        if len(there) < len(runs):
            return None
        all_members += [one.members for one in there]
        hits.append(sum(weight * one.hits for one, weight in zip(there, weights, strict=True)))
    if not hits or any(not np.array_equal(one, all_members[0]) for one in all_members):
        return None
    return Tested(np.array(hits), all_members[0])


def error_bar(row: Row, dataset: str) -> tuple[float, float] | None:
    """Points below and above the mean: standard deviation over seeds; of one seed 95 % over the videos."""
    if row.trained and len(row.measured) > 1:
        over = mean(top1(run, dataset) for run in row.measured)
        return (over.std, over.std) if over and over.std is not None else None
    found = outcomes([(row, 1.0)], dataset)
    interval = statistics.over_videos(found.hits.mean(axis=0), found.members) if found else None
    if found is None or interval is None:
        return None
    middle = float(statistics.mean_over_splits(found.hits.mean(axis=0), *found.members))
    return middle - interval.low, interval.high - middle


@dataclass(frozen=True)
class Difference:
    """Top-1 of rows less that of others on a set, in points, of the seeds that all of them have.

    number: mean over seeds, standard deviation over seeds, 95 % interval over the videos, paired; no interval
    where the outcomes of the same videos were not kept. seeds, by_seed: in the same order. tested: of each
    seed and video; None where they were not kept.
    """

    number: Number
    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]
    tested: Tested | None = None

    @property
    def videos(self) -> int | None:
        """How many were tested."""
        return int(self.tested.members.any(axis=0).sum()) if self.tested else None


def by_seed(rows: Sequence[Row]) -> dict[int, tuple[SeedRun, ...]]:
    """The evaluated runs of each seed that all rows have; a row that trains nothing has one run for all."""
    found = [{run.key.seed: run for run in row.measured} for row in rows]
    seeds = [set(runs) for row, runs in zip(rows, found, strict=True) if row.trained or not runs]
    common = set.intersection(*seeds) if seeds else set.intersection(*map(set, found))
    return {
        seed: tuple(runs.get(seed) or next(iter(runs.values())) for runs in found) for seed in sorted(common)
    }


def difference(one: Row, other: Row, dataset: str, verbs: Verbs = "all") -> Difference | None:
    """Top-1 of `one` less that of `other` on a set; None where they share no seed or one has no number."""
    return contrast([(one, 1.0), (other, -1.0)], dataset, verbs)


def contrast(weighted: Weighted, dataset: str, verbs: Verbs = "all", head: Head = "") -> Difference | None:
    """The weighted sum of the rows' top-1; None where they share no seed or one has no number."""
    rows, weights = zip(*weighted, strict=True)
    apart = {}
    for seed, runs in by_seed(rows).items():
        numbers = list(filter(is_number, (top1(run, dataset, verbs, head) for run in runs)))
        if len(numbers) < len(runs):
            return None
        apart[seed] = sum(weight * number for number, weight in zip(numbers, weights, strict=True))
    over, trained = mean(apart.values()), any(row.trained for row in rows)
    if over is None:
        return None
    paired = outcomes(weighted, dataset, verbs, head)
    interval = statistics.over_videos(paired.hits.mean(axis=0), paired.members) if paired else None
    number = Number(
        value=float(np.mean(list(apart.values()))),
        std=over.std if trained else None,
        interval=interval,
        signed=True,
        marks=marks(len(apart), len(rows[0].runs)) if trained else "",
        sources=tuple(sources(rows, dataset, verbs, head)),
    )
    return Difference(number, tuple(apart), tuple(apart.values()), paired)


def sources(rows: Iterable[Row], dataset: str, verbs: Verbs = "all", head: Head = "") -> Iterator[Source]:
    """What a difference is made of: of each row its number, and which videos each seed had right.

    Of one kind of verb, which videos were right, and which label each has.
    """
    profile = ""
    for row in rows:
        supervised, profile = row.dataset == dataset, row.runs[0].key.profile
        for run in row.measured if verbs == "all" else ():
            key = ".".join(("supervised", *_top1_path(run, head)))
            yield Source(
                run.key.metrics, key if supervised else f"zero_shot.{dataset}.splits.*.top1", run.key
            )
        for run in row.measured:
            hits = f"{dataset}.hits.{_answers_by(run, dataset, head)}"
            keys = [hits, *([] if supervised else [f"{dataset}.splits"])]
            yield from (Source(run.key.outcomes, key, run.key) for key in keys if run.outcomes)
    if verbs != "all":
        yield Source(facts.sheet(profile, f"{dataset}_classes"), "verb_trained")
