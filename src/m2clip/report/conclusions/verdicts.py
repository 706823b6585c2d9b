"""Whether a claim holds here: the side of zero on which the interval of a paired difference lies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np

from m2clip.report import chance, correlation, names, outcomes
from m2clip.report.conclusions.claims import Claim, Printed
from m2clip.report.differences import ELSEWHERE, difference
from m2clip.report.outcomes import Difference
from m2clip.report.results import Row, is_number
from m2clip.report.tables.columns import Context
from m2clip.report.tables.formats import signed
from m2clip.rows import MAIN

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided at this size"
NO_RULE, NO_RESULT = "not decided by this rule", "no result"
MISSING, NOT_JUDGED = "not run yet", "not judged"
VERDICTS = (HOLDS, FAILS, UNDECIDED, NO_RULE, NO_RESULT, MISSING, NOT_JUDGED)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim with what was measured here.

    difference: better - worse with its interval and its value for each seed; None where it is not run, not
    judged or rests on a row that has not learned, and `why` says what is in the way. remarks: what weakens
    the verdict. digits: of the numbers.
    beside: whether the paper's numbers may stand beside it, which is only so where labels are its own.
    """

    name: str
    claim: Claim
    difference: Difference | None
    verdict: str
    remarks: tuple[str, ...] = ()
    why: str = ""
    digits: int = 1
    beside: bool = True

    @property
    def printed(self) -> Printed | None:
        """The paper's numbers; none beside rows or sets that are not the paper's."""
        return None if self.verdict == NOT_JUDGED or not self.beside else self.claim.published

    @property
    def spread(self) -> float | None:
        """Standard deviation of the difference between seeds."""
        seeds = self.difference.by_seed if self.difference else ()
        return stdev(seeds) if len(seeds) > 1 else None

    def value(self) -> str:
        """The difference as it is printed."""
        return signed(self.difference.points, self.digits) if self.difference else names.MISSING

    @property
    def one_seed(self) -> bool:
        """Whether a single seed stands behind the verdict."""
        return self.difference is not None and len(self.difference.seeds) == 1

    def short(self) -> str:
        """`one seed: holds`; of several seeds `holds`."""
        return f"one seed: {self.verdict}" if self.one_seed else self.verdict

    def told(self) -> str:
        """`one seed: holds`, `holds (2 of 3 seeds)`, `not run yet: te`."""
        if self.why:
            return f"{self.verdict}: {self.why}"
        return f"{self.short()} ({', '.join(self.remarks)})" if self.remarks else self.short()


def judge(claims: Mapping[str, Claim], rows: Iterable[Row], context: Context) -> list[Judged]:
    """Every claim, in the order of the file."""
    by_name = {row.name: row for row in rows}
    judged = []
    for name, claim in claims.items():
        one = _judged(name, claim, [by_name[row] for row in claim.rows], context)
        sets = (claim.set, claim.trained_on)
        judged.append(replace(one, beside=all(map(context.is_papers, sets))))
    return judged


def _judged(name: str, claim: Claim, rows: Sequence[Row], context: Context) -> Judged:
    if why := _unfit(claim, rows, context):
        return Judged(name=name, claim=claim, difference=None, verdict=NOT_JUDGED, why=why)
    if why := _lacking(claim, rows, context):
        return Judged(name=name, claim=claim, difference=None, verdict=MISSING, why=why)
    better, other = rows[0], _against(claim, rows, context)
    unlearned = tuple(_unlearned(row, claim, context) for row in (better, other) if context.unlearned(row))
    if unlearned and not claim.is_correlation:
        why = "; ".join(unlearned)
        return Judged(name=name, claim=claim, difference=None, verdict=NO_RESULT, why=why)
    found = _correlation if claim.is_correlation else _top1
    apart = found(better, other, claim)
    if apart is None:
        why = f"{better.name} and {other.name} share no seed"
        return Judged(name=name, claim=claim, difference=None, verdict=MISSING, why=why)
    told = (*remarks(apart, max(len(row.runs) for row in (better, other)), claim), *unlearned)
    return Judged(
        name=name, claim=claim, difference=apart,
        verdict=verdict(apart, 1 if claim.direction == "higher" else -1),
        remarks=(*told, f"the best is {other.name}") if claim.measure == "trade" else told,
        digits=3 if claim.is_correlation else 1,
    )  # fmt: skip


def _unfit(claim: Claim, rows: Sequence[Row], context: Context) -> str:
    """Why the rows are not those of which the claim speaks, where they are not."""
    for row in rows:
        if row.name == MAIN and row.config:
            differs = difference(row.config, context.profile)
            changed = [text for text in differs if text.partition("=")[0] not in ELSEWHERE]
            if changed:
                return f"{MAIN} is explored: {'; '.join(changed)}"
    shown = context.names.dataset
    return "; ".join(
        f"{row.name} is on {shown(row.dataset)}, not on {shown(claim.trained_on)}"
        for row in rows
        if row.dataset and row.dataset != claim.trained_on
    )


def _lacking(claim: Claim, rows: Sequence[Row], context: Context) -> str:
    """What is not there to judge it by: runs, numbers, counts of parameters."""
    if missing := [row.name for row in rows if row.config is None or not row.measured]:
        return ", ".join(missing)
    if claim.is_correlation:
        features = [run.label_features for row in rows for run in row.measured]
        counts = {0 if one is None else len(one) for one in features}
        return "" if len(counts) == 1 and min(counts) > 1 else "label features of the same labels"
    if missing := [row.name for row in rows if not _accuracies(row, claim)]:
        kind = "" if claim.verbs == "all" else f", {claim.verbs} verbs,"
        return f"{context.names.dataset(claim.set)}{kind} of {', '.join(missing)}"
    if claim.measure != "trade":
        return ""
    if missing := [row.name for row in rows if _size(row, context) is None]:
        return f"trainable parameters of {', '.join(missing)}"
    return "" if _rivals(rows, context) else f"a rival with as many trainable parameters as {rows[0].name}"


def _accuracies(row: Row, claim: Claim) -> list[float]:
    """Of each run on the claim's set; nothing where one has none."""
    found = [outcomes.top1(run, claim.set, row.dataset, claim.verbs) for run in row.measured]
    return [float(number) for number in found if number is not None] if all(map(is_number, found)) else []


def _size(row: Row, context: Context) -> int | None:
    return context.parameters.trainable(row.name, row.config.data.frames) if row.config else None


def _rivals(rows: Sequence[Row], context: Context) -> list[Row]:
    """The rows after the first that have as many trainable parameters at full size or fewer."""
    limit, *sizes = [_size(row, context) or 0 for row in rows]
    return [row for row, size in zip(rows[1:], sizes, strict=True) if size <= limit]


def _against(claim: Claim, rows: Sequence[Row], context: Context) -> Row:
    """The other row; of a trade the best rival on the claim's set, the first of several."""
    if claim.measure != "trade":
        return rows[1]
    return max(_rivals(rows, context), key=lambda row: fmean(_accuracies(row, claim)))


def verdict(found: Difference, towards: int) -> str:
    """By the interval alone; where there is none, no size decides the claim."""
    if found.interval is None:
        return NO_RULE
    ends = (found.interval.low * towards, found.interval.high * towards)
    if min(ends) > 0:
        return HOLDS
    return FAILS if max(ends) < 0 else UNDECIDED


def remarks(found: Difference, asked: int, claim: Claim) -> tuple[str, ...]:
    """How many of the asked seeds, whether they agree, why there is no interval."""
    told = []
    if 1 < len(found.seeds) < asked:
        told.append(f"{len(found.seeds)} of {asked} seeds")
    if len({np.sign(number) for number in found.by_seed}) > 1:
        told.append("seeds disagree in sign")
    if found.interval is None:
        pairs = "pairs of labels are not independent"
        told.append(f"no interval: {pairs if claim.is_correlation else 'no outcomes of the same videos'}")
    return tuple(told)


def _unlearned(row: Row, claim: Claim, context: Context) -> str:
    """The set is named where the claim is not of accuracy on it."""
    own = context.names.dataset(row.dataset or "")
    on = f" on {own}" if claim.zero_shot or claim.is_correlation else ""
    return f"{row.name} is within {chance.MARGIN} points of chance{on}"


def _top1(better: Row, worse: Row, claim: Claim) -> Difference | None:
    return outcomes.difference(better, worse, claim.set, claim.verbs)


def _correlation(better: Row, worse: Row, claim: Claim) -> Difference | None:
    """The claim's statistic of the labels of Figure 2b, which the worse row chooses over its seeds."""
    whole = correlation.matrix(worse)
    pairs = outcomes.by_seed([better, worse])
    if whole is None or not pairs:
        return None
    chosen = correlation.most_alike(whole)
    number = correlation.STATISTICS[claim.statistic].of
    found = {}
    for seed, runs in pairs.items():
        maps = [one for run in runs if (one := correlation.of_run(run)) is not None]
        ours, theirs = (number(correlation.off_diagonal(one[np.ix_(chosen, chosen)])) for one in maps)
        found[seed] = ours - theirs
    return Difference(fmean(found.values()), tuple(found), tuple(found.values()))
