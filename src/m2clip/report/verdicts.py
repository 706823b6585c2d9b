"""Whether a claim holds here: the rule of claims.yaml, of the paired difference between rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np

from m2clip.experiment import MAIN
from m2clip.report import accuracy, correlation, longer, statistics
from m2clip.report.accuracy import Difference, Weighted
from m2clip.report.claims import Claim, Printed
from m2clip.report.numbers import MARGIN
from m2clip.report.results import Results
from m2clip.report.row import Row, is_number
from m2clip.report.statistics import Interval, Test
from m2clip.report.ticks import text_adapters

HOLDS, FAILS, SAME, UNDECIDED = "holds", "does not hold", "no difference", "undecided"
NO_RESULT, MISSING, NOT_JUDGED = "no result", "not run yet", "not judged"
ALPHA = 0.05
EQUAL = 1.0  # points: a difference that lies within is none
LEAST_SEEDS = 3  # of a verdict


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim with what was measured here.

    verdict: empty with fewer than three seeds. why: what prevents a difference. test: by which it is decided;
    None where no outcomes of the same videos were kept. p: by Holm within the claim's section. p_seeds: the
    same by Student's t over the seeds alone; None if all seeds have the same difference. remarks: what
    weakens the verdict, or would decide it. beside: whether the paper's numbers may stand beside it, which is
    so only where the labels are the published ones.
    """

    claim: Claim
    verdict: str = ""
    why: str = ""
    difference: Difference | None = None
    test: Test | None = None
    p: float | None = None
    p_seeds: float | None = None
    remarks: tuple[str, ...] = ()
    beside: bool = True

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the difference."""
        return self.test.interval if self.test else None

    @property
    def printed(self) -> Printed | None:
        """The paper's numbers; none beside rows or sets that are not the paper's."""
        return self.claim.published if self.beside and self.verdict != NOT_JUDGED else None

    @property
    def seeds(self) -> int:
        """How many seeds the difference is the mean of."""
        return len(self.difference.seeds) if self.difference else 0

    @property
    def spread(self) -> float | None:
        """Standard deviation of the difference between seeds."""
        return stdev(self.difference.by_seed) if self.difference and self.seeds > 1 else None

    def short(self) -> str:
        """`holds`; of too few seeds how many there are: `one seed`."""
        return self.verdict or {1: "one seed"}.get(self.seeds, f"{self.seeds} seeds")


def judge(results: Results, stated: Mapping[str, Claim]) -> list[Judged]:
    """Every claim, in the order of the file; what is decided is corrected for the claims of its section."""
    measured = [_measured(results, claim) for claim in stated.values()]
    families: dict[str, list[Judged]] = {}
    for one in measured:
        if one.test and one.seeds >= LEAST_SEEDS:
            families.setdefault(one.claim.section, []).append(one)
    decided = {}
    for family in families.values():
        corrected = statistics.holm([one.test.p for one in family if one.test])
        by_seeds = _by_seeds(family)
        for one, p in zip(family, corrected, strict=True):
            with_seeds = replace(one, p_seeds=by_seeds.get(one.claim.name))
            decided[one.claim.name] = _decided(with_seeds, p, len(family))
    return [decided.get(one.claim.name, one) for one in measured]


def _by_seeds(family: Sequence[Judged]) -> dict[str, float]:
    """Of each claim that has one, p by Student's t over the seeds alone, by Holm for these claims."""
    found = {
        one.claim.name: test.p
        for one in family
        if one.difference and (test := statistics.of_seeds(one.difference.by_seed, EQUAL, _floor(one.claim)))
    }
    return dict(zip(found, statistics.holm(list(found.values())), strict=True))


def _decided(one: Judged, p: float, family: int) -> Judged:
    """The claim with its verdict by the rule and, if undecided, a remark on what would decide it."""
    assert one.test is not None
    said, remarks = verdict(one.test, p, one.claim), list(one.remarks)
    if said == UNDECIDED:
        if p > ALPHA and verdict(one.test, ALPHA, one.claim) != UNDECIDED:
            remarks.append("decided but for Holm")
        if one.difference and one.difference.tested and one.claim.asks != "no-loss":
            remarks.append(_would_decide(one.difference.tested, ALPHA / family))
    return replace(one, p=p, verdict=said, remarks=tuple(remarks))


def verdict(test: Test, p: float, claim: Claim) -> str:
    """HOLDS, FAILS, SAME or UNDECIDED, by the interval, the corrected p and what the claim asks."""
    low, high = sorted(claim.towards * end for end in test.interval)
    if p <= ALPHA and high < 0:
        return FAILS
    if p <= ALPHA and low > _floor(claim):
        return HOLDS
    return SAME if test.p_same <= ALPHA else UNDECIDED


def _floor(claim: Claim) -> float:
    """The bound above which the interval has to lie: zero, or a loss so small that it counts as none."""
    return -EQUAL if claim.asks == "no-loss" else 0.0


def _would_decide(tested: accuracy.Tested, level: float) -> str:
    videos, seeds = statistics.needed(tested.hits, tested.members, EQUAL, level)
    told = [f"{count:,} {what}" for count, what in ((seeds, "seeds"), (videos, "videos")) if count]
    return f"about {' or '.join(told)} would decide" if told else "more of both seeds and videos would decide"


def _measured(results: Results, claim: Claim) -> Judged:
    rows = [results.rows[name] for name in claim.rows]
    one = Judged(claim=claim, beside=all(map(results.is_papers, (claim.set, claim.trained_on))))
    if claim.set not in results.names.synthetic:  # whose verbs are not known
        claim = replace(claim, verbs="all")
    if why := _unfit(results, claim, rows):
        return replace(one, verdict=NOT_JUDGED, why=why)
    if why := _lacking(results, claim, rows):
        return replace(one, verdict=MISSING, why=why)
    counted = _counted(results, claim, rows)
    if why := "; ".join(_unlearned(results, claim, row) for row, _ in counted if results.unlearned(row)):
        return replace(one, verdict=NO_RESULT, why=why)
    if claim.statistic:
        found = correlation.difference(rows[0], rows[1], claim.statistic)
        test = statistics.of_seeds(found.by_seed, EQUAL / 100) if found else None
    else:
        found = accuracy.contrast(counted, claim.set, claim.verbs, claim.head)
        drawn = statistics.draws(found.tested.hits, found.tested.members) if found and found.tested else None
        test = None if drawn is None else statistics.of_draws(drawn, EQUAL, _floor(claim))
    if found is None:
        names = " and ".join(row.name for row, _ in counted)
        return replace(one, verdict=MISSING, why=f"{names} share no seed")
    remarks = _remarks(found, max(len(row.runs) for row, _ in counted), test or claim.statistic)
    if len(found.seeds) >= LEAST_SEEDS:
        remarks += _of_steps(results, [row for row, _ in counted])
    if claim.best_of:
        remarks = (*remarks, f"the best is {counted[1][0].name}")
        sizes = (size for row in rows if (number := results.parameters(row)) for size in number.sources)
        chosen = (*accuracy.sources(rows, claim.set, claim.verbs, claim.head), *sizes)
        found = replace(found, number=found.number.of(dict.fromkeys(chosen)))
    return replace(one, difference=found, test=test, remarks=remarks)


def _unfit(results: Results, claim: Claim, rows: Sequence[Row]) -> str:
    """Why the rows are not those of which the claim speaks; empty where they are."""
    if MAIN in claim.rows and results.explored:
        return f"{MAIN} is explored: {'; '.join(results.explored)}"
    named = results.names.dataset
    return "; ".join(
        f"{row.name} is on {named(row.dataset)}, not on {named(claim.trained_on)}"
        for row in rows
        if row.dataset and row.dataset != claim.trained_on
    )


def _lacking(results: Results, claim: Claim, rows: Sequence[Row]) -> str:
    """What is missing to judge the claim: runs, numbers, counts of parameters; empty if nothing is."""
    if missing := [row.name for row in rows if row.config is None or not row.measured]:
        return ", ".join(missing)
    if claim.statistic:
        features = [run.label_features for row in rows for run in row.measured]
        counts = {0 if one is None else len(one) for one in features}
        return "" if len(counts) == 1 and min(counts) > 1 else "label features of the same labels"
    if missing := [row.name for row in rows if not _accuracies(row, claim)]:
        kind = "" if claim.verbs == "all" else f", {claim.verbs} verbs,"
        return f"{results.names.dataset(claim.set)}{kind} of {', '.join(missing)}"
    if not claim.best_of:
        return ""
    if missing := [row.name for row in rows if results.parameters(row) is None]:
        return f"trainable parameters of {', '.join(missing)}"
    return "" if _rivals(results, rows) else f"a rival with as many trainable parameters as {rows[0].name}"


def _accuracies(row: Row, claim: Claim) -> list[float]:
    """Top-1 of each evaluated run on the claim's set; empty where one run has none."""
    found = [accuracy.top1(run, claim.set, claim.verbs, claim.head) for run in row.measured]
    there = list(filter(is_number, found))
    return there if len(there) == len(found) else []


def _rivals(results: Results, rows: Sequence[Row]) -> list[Row]:
    """The rows after the first that have as many trainable parameters at full size or fewer."""
    limit, *sizes = [count.value if count else 0 for count in map(results.parameters, rows)]
    return [row for row, size in zip(rows[1:], sizes, strict=True) if size <= limit]


def _counted(results: Results, claim: Claim, rows: Sequence[Row]) -> Weighted:
    """The rows with their weights: +1 for the better and -1 for the other, or for the best of the others.

    For a slope the sum is the change of the least-squares line from the fewest text adapters to the most.
    """
    if claim.asks == "slope":
        counts = np.array([number.value if (number := text_adapters(row)) else 0 for row in rows], float)
        apart = counts - counts.mean()
        return list(zip(rows, map(float, np.ptp(counts) * apart / (apart @ apart)), strict=True))
    other = rows[1]
    if claim.best_of:
        other = max(_rivals(results, rows), key=lambda row: fmean(_accuracies(row, claim)))
    return [(rows[0], 1.0), (other, -1.0)]


def _remarks(found: Difference, asked: int, judged: object) -> tuple[str, ...]:
    """How many of the asked seeds, whether they agree, why there is no interval."""
    signs = Counter(np.sign(number) for number in found.by_seed)
    told = {
        f"{len(found.seeds)} of {asked} seeds": 1 < len(found.seeds) < asked,
        "seeds disagree in sign": len(signs) > 1,
        "no interval: no outcomes of the same videos": not judged,
    }
    return tuple(words for words, so in told.items() if so)


def _of_steps(results: Results, rows: Sequence[Row]) -> tuple[str, ...]:
    """Remarks on which trained rows are known to gain by more steps, and for which that was not tried."""
    gains = longer.gains(results, rows)
    known = [
        f"{row.name} gains {gain:.1f} points of supervised top-1 by three times the steps"
        for row, gain in gains
        if gain is not None and gain >= longer.POINTS
    ]
    untried = [row.name for row, gain in gains if gain is None]
    return (*known, *([f"more steps not tried: {', '.join(untried)}"] if untried else ()))


def _unlearned(results: Results, claim: Claim, row: Row) -> str:
    """`te is within 10 points of chance`, with the training set where the claim measures something else."""
    own = results.names.dataset(row.dataset)
    on = f" on {own}" if claim.zero_shot or claim.statistic else ""
    return f"{row.name} is within {MARGIN} points of chance{on}"
