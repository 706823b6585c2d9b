"""How sure a number is: intervals over the test videos, and the paired step between two rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from m2clip.reporting.results import Row, SeedRun, is_number, look, summary

Z = 1.96  # of a 95 % interval
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Step:
    """Points from a reference row, with a 95 % interval over the test videos where they are kept."""

    points: float
    low: float | None = None
    high: float | None = None
    is_reference: bool = False


@dataclass(frozen=True)
class Tested:
    """Of each video of a set: percent of the seeds that were right, and its share of the accuracy."""

    hits: Array
    weights: Array


def tested(row: Row, dataset: str) -> Tested | None:
    """A row on the set that it was trained for, or zero-shot on another; None where nothing was kept."""
    found = [_hits(run, dataset, row.dataset == dataset) for run in row.measured]
    if not found or any(hits is None or len(hits) != len(found[0] or ()) for hits in found):
        return None
    hits = np.mean([_numbers(hits or "") for hits in found], axis=0) * 100
    if row.dataset == dataset:
        return Tested(hits, np.full(len(hits), 1 / len(hits)))
    splits = look(row.measured[0].outcomes, dataset, "splits") or {}
    weights = [_numbers(bits) / bits.count("1") for bits in splits.values() if "1" in bits]
    return Tested(hits, np.mean(weights, axis=0)) if weights else None


def _hits(run: SeedRun, dataset: str, supervised: bool) -> str | None:
    head = look(run.metrics, "supervised", "head") if supervised else "eq11"
    bits = look(run.outcomes, dataset, "hits", str(head))
    return bits if isinstance(bits, str) and bits else None


def _numbers(bits: str) -> Array:
    return np.array([bit == "1" for bit in bits], float)


def error(values: Array, weights: Array) -> float | None:
    """Standard error of a weighted mean over videos; with equal weights, deviation / sqrt(n)."""
    count = int((weights > 0).sum())
    if count < 2:
        return None
    apart = values - (weights * values).sum()
    return float(np.sqrt((weights**2 * apart**2).sum() * count / (count - 1)))


def spread(row: Row, dataset: str) -> float | None:
    """Half of an error bar: over seeds the standard deviation, of one seed the 95 % interval over videos."""
    if row.trained and len(row.measured) > 1:
        over = summary(top1(run, dataset, row.dataset) for run in row.measured)
        return over.std if over else None
    found = tested(row, dataset)
    half = error(found.hits, found.weights) if found else None
    return None if half is None else Z * half


def top1(run: SeedRun, dataset: str, own: str | None) -> float | None:
    """Accuracy of one run: supervised on its own set, else the mean over splits."""
    if dataset == own:
        return look(run.metrics, "supervised", "top1")
    splits: Mapping[str, Any] = look(run.metrics, "zero_shot", dataset, "splits") or {}
    numbers = [look(split, "top1") for split in splits.values()]
    return float(np.mean(numbers)) if numbers and all(map(is_number, numbers)) else None


def step(row: Row, reference: Row | None) -> Step | None:
    """Top-1 of a row minus that of the reference on the same set; the interval is of paired videos."""
    if reference is None or row.dataset is None or row.dataset != reference.dataset:
        return None
    ours, theirs = row.value("supervised", "top1"), reference.value("supervised", "top1")
    if ours is None or theirs is None:
        return None
    if row.name == reference.name:
        return Step(0.0, is_reference=True)
    points = ours.mean - theirs.mean
    one, other = tested(row, row.dataset), tested(reference, row.dataset)
    if one is None or other is None or len(one.hits) != len(other.hits):
        return Step(points)
    half = error(one.hits - other.hits, one.weights)
    return Step(points) if half is None else Step(points, points - Z * half, points + Z * half)
