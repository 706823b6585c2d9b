"""Is the data informative: the levels that the world was made to reach, each with what was measured.

And whether training has converged: the mean loss of the last tenth of the steps against the tenth before.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from m2clip.report.chance import MARGIN, told
from m2clip.report.names import MISSING
from m2clip.report.results import Row, Value, get_path
from m2clip.report.tables.columns import Context, title
from m2clip.report.tables.formats import Listing, shown
from m2clip.runs import LogLine, RunKey

PAIRS = {"k400": ("clip", "main"), "ssv2": ("clip-ssv2", "ssv2")}  # CLIP's row and the trained row
LEAST = {("k400", "clip"): 60, ("k400", "main"): 85, ("ssv2", "ssv2"): 79}  # top-1 that a row must reach
BRANCHES = {"k400": ("te", "td"), "ssv2": ("te-ssv2", "td-ssv2")}  # the two halves of the TED-Adapter alone
TESTED = ("ucf101", "hmdb51")
ERRORS, APART, SATURATED, VIDEOS = 3, 2, 97, 1000
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
        if dataset in context.names.synthetic
    }
    found = []
    for (dataset, name), least in LEAST.items():
        if dataset in pairs:
            found.append(_least(by_name.get(name), name, dataset, least, context))
    if "k400" in pairs:
        found.append(_below(*pairs["k400"], context))
    if "ssv2" in pairs:
        found.append(_near_chance(pairs["ssv2"][0], "ssv2", context))
    trained = [row for row in rows if row.trained]
    found += [_above_chance(trained, context), _unsaturated(trained)]
    found += [_apart(dataset, by_name, context) for dataset in pairs]
    found += [
        _videos(_tested(clip) if clip else None, dataset, context) for dataset, (clip, _) in pairs.items()
    ]
    zero_shot = [dataset for dataset in TESTED if dataset in context.names.synthetic]
    return found + [_videos(_scored(trained, dataset), dataset, context) for dataset in zero_shot]


def _top1(row: Row | None, dataset: str) -> Value | None:
    return row.value("supervised", "top1") if row and row.dataset == dataset else None


def _tested(row: Row) -> int | None:
    return row.same(lambda run: get_path(run.metrics, "supervised", "videos"))


def _scored(trained: Sequence[Row], dataset: str) -> int | None:
    """Videos of a zero-shot set, as the first row that was tested on it has them."""
    counts = (row.same(lambda run: get_path(run.metrics, "zero_shot", dataset, "videos")) for row in trained)
    return next((count for count in counts if count), None)


def _least(row: Row | None, name: str, dataset: str, least: float, context: Context) -> Level:
    called = title(row, context) if row else f"{name} on {context.names.dataset(dataset)}"
    top1 = _top1(row, dataset)
    asked = f"{called}: at least {least} %"
    return Level(asked, f"{top1.mean:.1f} %" if top1 else None, top1.mean >= least if top1 else None)


def _apart(dataset: str, by_name: Mapping[str, Row], context: Context) -> Level:
    """Whether two branches of the adapter can be told apart, by the same videos."""
    rows = [by_name.get(name) for name in BRANCHES[dataset]]
    asked = f"{context.names.dataset(dataset)}: TE and TD alone apart by more than {APART} standard errors"
    first, second = (row.hits() if row else None for row in rows)
    if first is None or second is None:
        return Level(asked, None, None)
    gaps = [100 * (one - other) for one, other in zip(first, second, strict=True)]
    error = math.sqrt(variance(gaps) / len(gaps))
    gap = fmean(gaps)
    return Level(asked, f"{gap:+.1f} ± {error:.1f} points", abs(gap) > APART * error)


def _near_chance(clip: Row | None, dataset: str, context: Context) -> Level:
    name = context.names.dataset(dataset)
    asked = f"CLIP zero-shot on {name}: within {ERRORS} standard errors of chance"
    top1, chance = _top1(clip, dataset), context.chance(dataset)
    videos = _tested(clip) if clip else None
    if top1 is None or chance is None or not videos:
        return Level(asked, None, None)
    error = chance_error(chance, videos)
    distance = (top1.mean - chance) / error
    side = "above" if distance > 0 else "below"
    measured = f"{top1.mean:.1f} %, {abs(distance):.1f} standard errors {side} {chance:.1f} ± {error:.2f} %"
    return Level(asked, measured, abs(distance) <= ERRORS)


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


def _videos(videos: int | None, dataset: str, context: Context) -> Level:
    asked = f"{context.names.dataset(dataset)}: {VIDEOS:,} test videos or more"
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


def endings(rows: Sequence[Row], context: Context) -> Listing:
    """How the loss of each trained run ends; of a run near chance, that it has not learned, level or not."""
    headers = ["Row", "Seed", "Loss, last tenth of the steps", "Loss, tenth before", "Change", "Verdict"]
    lines = []
    for row in rows:
        for run in row.runs if row.trained else ():
            found = convergence(run.key, run.history)
            numbers, verdict = [MISSING] * 3, found.verdict if found else MISSING
            if found:
                change = f"{found.last - found.before:+.3f} ± {found.noise:.3f}"
                numbers = [f"{found.last:.3f}", f"{found.before:.3f}", change]
            unlearned = told(run.metrics, context.facts.get(row.dataset or ""))
            lines.append([title(row, context), str(run.key.seed), *numbers, unlearned or verdict])
    return Listing(headers, lines, [True, False, False, False, False, True])
