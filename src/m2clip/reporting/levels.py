"""Is the data informative: levels decided before any ablation was run, each with what was measured.

And whether training has converged: the mean loss of the last tenth of the steps against the tenth before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from m2clip.reporting.columns import Context, title
from m2clip.reporting.results import Row, Value, look
from m2clip.reporting.tables import shown
from m2clip.runs import LogLine, RunKey

PAIRS = {"k400": ("clip", "main"), "ssv2": ("clip-ssv2", "ssv2")}  # CLIP's row and the trained row
ERRORS, MARGIN, SATURATED, VIDEOS = 3, 10, 97, 1000
TENTH = 0.1


@dataclass(frozen=True)
class Level:
    """What was asked, what was measured, and whether that is met; None where it was not measured."""

    asked: str
    measured: str | None
    met: bool | None

    def verdict(self) -> str | None:
        """In words."""
        return {True: "met", False: "not met", None: None}[self.met]


def chance_error(chance: float, videos: int) -> float:
    """Standard error, in percent, of the accuracy of guessing."""
    return math.sqrt(chance * (100 - chance) / videos)


def levels(rows: Sequence[Row], context: Context) -> list[Level]:
    """Every level that was set for a set that the profile generates."""
    by_name = {row.name: row for row in rows}
    pairs = {
        dataset: (by_name.get(clip), by_name.get(trained))
        for dataset, (clip, trained) in PAIRS.items()
        if dataset in context.names.standins
    }
    found = []
    if "k400" in pairs:
        clip, main = pairs["k400"]
        found += [_against_chance(clip, "k400", context, above=True), _below(clip, main, context)]
    if "ssv2" in pairs:
        found.append(_against_chance(pairs["ssv2"][0], "ssv2", context, above=False))
    trained = [row for row in rows if row.trained]
    found += [_above_chance(trained, context), _unsaturated(trained)]
    return [*found, *(_videos(clip, dataset, context) for dataset, (clip, _) in pairs.items())]


def _top1(row: Row | None, dataset: str) -> Value | None:
    return row.value("supervised", "top1") if row and row.dataset == dataset else None


def _tested(row: Row) -> int | None:
    return row.same(lambda run: look(run.metrics, "supervised", "videos"))


def _against_chance(clip: Row | None, dataset: str, context: Context, *, above: bool) -> Level:
    name, errors = context.names.dataset(dataset), f"{ERRORS} standard errors"
    place = f"more than {errors} above chance" if above else f"within {errors} of chance"
    asked = f"CLIP zero-shot on {name}: {place}"
    top1, chance = _top1(clip, dataset), context.chance(dataset)
    videos = _tested(clip) if clip else None
    if top1 is None or chance is None or not videos:
        return Level(asked, None, None)
    error = chance_error(chance, videos)
    distance = (top1.mean - chance) / error
    side = "above" if distance > 0 else "below"
    measured = f"{top1.mean:.1f} %, {abs(distance):.1f} standard errors {side} {chance:.1f} ± {error:.2f} %"
    return Level(asked, measured, distance > ERRORS if above else abs(distance) <= ERRORS)


def _below(clip: Row | None, trained: Row | None, context: Context) -> Level:
    name = trained.label if trained else "the trained row"
    asked = f"CLIP zero-shot on {context.names.dataset('k400')}: at least {MARGIN} points below {name}"
    ours, theirs = _top1(trained, "k400"), _top1(clip, "k400")
    if ours is None or theirs is None:
        return Level(asked, None, None)
    gap = ours.mean - theirs.mean
    return Level(asked, f"{theirs.mean:.1f} % and {ours.mean:.1f} %: {gap:.1f} points", gap >= MARGIN)


def _above_chance(trained: Sequence[Row], context: Context) -> Level:
    asked = f"Every trained row: more than {MARGIN} points above chance"
    gaps = []
    for row in trained:
        top1, chance = row.value("supervised", "top1"), context.chance(row.dataset)
        if top1 is None or chance is None:
            return Level(asked, None, None)
        gaps.append((top1.mean - chance, row))
    if not gaps:
        return Level(asked, None, None)
    gap, row = min(gaps, key=lambda pair: pair[0])
    return Level(asked, f"at least {gap:.1f} points: {title(row, context)}", gap > MARGIN)


def _unsaturated(trained: Sequence[Row]) -> Level:
    asked = f"Every trained row: below {SATURATED} %"
    values = [row.value("supervised", "top1") for row in trained]
    there = [value.mean for value in values if value]
    if not there or len(there) < len(values):
        return Level(asked, None, None)
    return Level(asked, f"at most {max(there):.1f} %", max(there) < SATURATED)


def _videos(clip: Row | None, dataset: str, context: Context) -> Level:
    asked = f"{context.names.dataset(dataset)}: {VIDEOS:,} test videos or more"
    videos = _tested(clip) if clip and clip.dataset == dataset else None
    return Level(asked, shown(videos) if videos else None, None if not videos else videos >= VIDEOS)


@dataclass(frozen=True)
class Convergence:
    """Mean loss of the last tenth of the steps and of the tenth before; twice their difference's error."""

    key: RunKey
    before: float
    last: float
    noise: float

    @property
    def verdict(self) -> str:
        """In plain words."""
        change = self.last - self.before
        if abs(change) <= self.noise:
            return "level: the change is within the noise of the batches"
        return "still falling: more steps might give more" if change < 0 else "rising"


def convergence(key: RunKey, history: list[LogLine] | None) -> Convergence | None:
    """Of one run; None where it has too few log lines to tell."""
    lines = [line for line in history or [] if "loss" in line.values]
    if not lines:
        return None
    end = lines[-1].step
    last = [line.values["loss"] for line in lines if line.step > (1 - TENTH) * end]
    before = [line.values["loss"] for line in lines if (1 - 2 * TENTH) * end < line.step <= (1 - TENTH) * end]
    if len(last) < 3 or len(before) < 3:
        return None
    error = math.sqrt(variance(last) / len(last) + variance(before) / len(before))
    return Convergence(key, fmean(before), fmean(last), 2 * error)
