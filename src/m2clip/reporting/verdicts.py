"""Whether a claim holds here, by a rule that was fixed before any number was seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from m2clip.reporting import correlation, names, outcomes
from m2clip.reporting.claims import Claim
from m2clip.reporting.columns import Context
from m2clip.reporting.outcomes import Difference
from m2clip.reporting.results import Row, is_number, look
from m2clip.reporting.tables import signed

HOLDS, FAILS, UNDECIDED, MISSING = "holds", "does not hold", "undecided at this size", "not run yet"
VERDICTS = (HOLDS, FAILS, UNDECIDED, MISSING)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim with what was measured here.

    difference: better - worse with its interval and its value for each seed; None where a run is missing.
    remarks: what weakens the verdict. missing: the rows without a run. digits: of the numbers when shown.
    """

    name: str
    claim: Claim
    difference: Difference | None
    verdict: str
    remarks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    digits: int = 1

    @property
    def spread(self) -> float | None:
        """Standard deviation of the difference between seeds."""
        seeds = self.difference.by_seed if self.difference else ()
        return stdev(seeds) if len(seeds) > 1 else None

    def value(self) -> str:
        """The difference as it is printed."""
        return signed(self.difference.points, self.digits) if self.difference else names.MISSING

    def told(self) -> str:
        """`holds (one seed)`."""
        return f"{self.verdict} ({', '.join(self.remarks)})" if self.remarks else self.verdict


def judge(claims: Mapping[str, Claim], rows: Iterable[Row], context: Context) -> list[Judged]:
    """Every claim, in the order of the file."""
    by_name = {row.name: row for row in rows}
    return [
        _judged(name, claim, [by_name[row] for row in claim.rows], context) for name, claim in claims.items()
    ]


def _judged(name: str, claim: Claim, rows: Sequence[Row], context: Context) -> Judged:
    digits = 3 if claim.measure == "correlation" else 1
    missing = tuple(row.name for row in rows if not row.measured)
    found = None if missing else measured(claim, rows, context)
    if found is None:
        return Judged(
            name=name, claim=claim, difference=None, verdict=MISSING, missing=missing, digits=digits
        )
    towards = 1 if claim.direction == "higher" else -1
    return Judged(
        name=name, claim=claim, difference=found, verdict=verdict(found, towards),
        remarks=remarks(found, max(len(row.runs) for row in rows)), digits=digits,
    )  # fmt: skip


def measured(claim: Claim, rows: Sequence[Row], context: Context) -> Difference | None:
    """The difference better - worse, as the claim measures it."""
    better, *worse = rows
    if claim.measure == "correlation":
        return _correlation(better, worse[0])
    if claim.measure == "trade":
        return _trade(better, worse, claim.set, context)
    supervised = claim.measure == "supervised"
    if any((row.dataset == claim.set) != supervised for row in rows):
        return None
    return outcomes.difference(better, worse[0], claim.set)


def verdict(found: Difference, towards: int) -> str:
    """By the interval; where there can be none, by the seeds: two or more, all on one side."""
    inside = (found.interval.low, found.interval.high) if found.interval else found.by_seed
    if not found.interval and len(found.by_seed) < 2:
        return UNDECIDED
    if all(number * towards > 0 for number in inside):
        return HOLDS
    return FAILS if all(number * towards < 0 for number in inside) else UNDECIDED


def remarks(found: Difference, asked: int) -> tuple[str, ...]:
    """How many seeds, whether they agree, whether there is an interval."""
    told = []
    if len(found.seeds) == 1:
        told.append("one seed")
    elif len(found.seeds) < asked:
        told.append(f"{len(found.seeds)} of {asked} seeds")
    if len({np.sign(number) for number in found.by_seed}) > 1:
        told.append("seeds disagree in sign")
    if found.interval is None:
        told.append("no interval")
    return tuple(told)


def _of_seeds(values: Mapping[int, float]) -> Difference | None:
    if not values or not all(map(is_number, values.values())):
        return None
    return Difference(fmean(values.values()), tuple(values), tuple(values.values()))


def _correlation(better: Row, worse: Row) -> Difference | None:
    """Mean correlation of the labels of Figure 2b, which the worse row chooses over its seeds."""
    whole = correlation.matrix(worse)
    if whole is None or len(whole) < 2:
        return None
    chosen = correlation.most_alike(whole)
    found = {}
    for seed, runs in outcomes.by_seed([better, worse]).items():
        maps = [correlation.of_run(run) for run in runs]
        if any(one is None or len(one) != len(whole) for one in maps):
            return None
        ours, theirs = (
            float(correlation.off_diagonal(one[np.ix_(chosen, chosen)]).mean())
            for one in maps
            if one is not None
        )
        found[seed] = ours - theirs
    return _of_seeds(found)


def _trade(better: Row, rivals: Sequence[Row], unseen: str, context: Context) -> Difference | None:
    """Points by which it exceeds that rival that comes closest to being as good in both accuracies.

    Of a rival what counts is the accuracy in which it is exceeded most: above zero, no rival is as good both
    supervised and zero-shot. Rivals are those with as many trainable parameters or fewer.
    """
    rows = [better, *rivals]
    sizes = [
        context.parameters.trainable(row.name, row.config.data.frames) if row.config else None for row in rows
    ]
    if any(size is None for size in sizes):
        return None
    rows = [row for row, size in zip(rows, sizes, strict=True) if (size or 0) <= (sizes[0] or 0)]
    if len(rows) < 2:
        return None
    found = {}
    for seed, runs in outcomes.by_seed(rows).items():
        points = [
            (look(run.metrics, "supervised", "top1"), outcomes.top1(run, unseen, row.dataset))
            for row, run in zip(rows, runs, strict=True)
        ]
        if not all(is_number(number) for point in points for number in point):
            return None
        own, *others = points
        found[seed] = min(max(a - b for a, b in zip(own, other, strict=True)) for other in others)
    return _of_seeds(found)
