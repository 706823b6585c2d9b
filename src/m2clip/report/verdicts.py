"""Whether a claim holds here: the rule, of the paired difference between two rows (claims.yaml)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np

from m2clip.experiment import MAIN
from m2clip.report import accuracy, correlation, statistics
from m2clip.report.accuracy import Difference
from m2clip.report.claims import Claim, Printed
from m2clip.report.differences import ELSEWHERE, difference
from m2clip.report.numbers import MARGIN, Number
from m2clip.report.results import Results
from m2clip.report.row import Row, is_number

HOLDS, FAILS, SAME, UNDECIDED = "holds", "does not hold", "no difference", "undecided"
NO_RULE, NO_RESULT, MISSING, NOT_JUDGED = "not decided", "no result", "not run yet", "not judged"
VERDICTS = (HOLDS, FAILS, SAME, UNDECIDED, NO_RULE, NO_RESULT, MISSING, NOT_JUDGED)
ALPHA = 0.05
EQUAL = 1.0  # points: a difference that lies within is none


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim with what was measured here.

    difference: better - worse; None where there is none, and `why` says what is in the way. drawn: by the
    bootstrap over videos and seeds; None where no outcomes of the same videos were kept. p: that there is no
    difference, by Holm within the claim's section. remarks: what weakens the verdict. beside: whether the
    paper's numbers may stand beside it, which is only so where labels are its own.
    """

    claim: Claim
    verdict: str
    why: str = ""
    difference: Difference | None = None
    drawn: statistics.Array | None = None
    p: float | None = None
    remarks: tuple[str, ...] = ()
    beside: bool = True

    @property
    def interval(self) -> statistics.Interval | None:
        """The 95 % interval of the difference."""
        return None if self.drawn is None else statistics.interval(self.drawn)

    @property
    def printed(self) -> Printed | None:
        """The paper's numbers; none beside rows or sets that are not the paper's."""
        return self.claim.published if self.beside and self.verdict != NOT_JUDGED else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of the difference between seeds."""
        seeds = self.difference.by_seed if self.difference else ()
        return stdev(seeds) if len(seeds) > 1 else None

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


def judge(results: Results, stated: Mapping[str, Claim]) -> list[Judged]:
    """Every claim, in the order of the file; what is decided is corrected for the claims of its section."""
    measured = [_measured(results, claim) for claim in stated.values()]
    p_values = _holm(measured)
    return [_decided(results, one, p_values.get(one.claim.name)) for one in measured]


def _holm(measured: Iterable[Judged]) -> dict[str, float]:
    """The corrected p of every claim that has one, by its name."""
    sections: dict[str, dict[str, float]] = {}
    for one in measured:
        if one.drawn is not None:
            sections.setdefault(one.claim.section, {})[one.claim.name] = statistics.p_value(one.drawn)
    return {
        name: p
        for found in sections.values()
        for name, p in zip(found, statistics.holm(list(found.values())), strict=True)
    }


def _decided(results: Results, one: Judged, p: float | None) -> Judged:
    """With the verdict of the rule, where there is a p."""
    claim = one.claim
    one = replace(one, p=p, beside=all(map(results.is_papers, (claim.set, claim.trained_on))))
    if one.drawn is None or one.interval is None or p is None:
        return one
    lost = p > ALPHA and one.interval.low * one.interval.high > 0
    said = verdict(one.drawn, p, 1 if claim.direction == "higher" else -1)
    return replace(one, verdict=said, remarks=(*one.remarks, *(["decided but for Holm"] if lost else [])))


def verdict(drawn: statistics.Array, p: float, towards: int) -> str:
    """By what the bootstrap drew, the corrected p, and the paper's side of zero."""
    found = statistics.interval(drawn)
    ends = (found.low * towards, found.high * towards)
    if p <= ALPHA and min(ends) > 0:
        return HOLDS
    if p <= ALPHA and max(ends) < 0:
        return FAILS
    return SAME if statistics.p_apart(drawn, EQUAL) <= ALPHA else UNDECIDED


def _measured(results: Results, claim: Claim) -> Judged:
    rows = [results.rows[name] for name in claim.rows]
    if why := _unfit(results, claim, rows):
        return Judged(claim=claim, verdict=NOT_JUDGED, why=why)
    if why := _lacking(results, claim, rows):
        return Judged(claim=claim, verdict=MISSING, why=why)
    better, other = rows[0], _against(results, claim, rows)
    unlearned = tuple(_unlearned(results, claim, row) for row in (better, other) if results.unlearned(row))
    if unlearned and not claim.statistic:
        return Judged(claim=claim, verdict=NO_RESULT, why="; ".join(unlearned))
    found = (
        _correlation(better, other, claim)
        if claim.statistic
        else accuracy.difference(better, other, claim.set, claim.verbs)
    )
    if found is None:
        return Judged(claim=claim, verdict=MISSING, why=f"{better.name} and {other.name} share no seed")
    if claim.measure == "trade":
        counted = (results.parameters(row) for row in rows)
        sources = (source for number in counted if number for source in number.sources)
        compared = accuracy.sources(rows, claim.set)
        found = replace(found, number=found.number.of((*compared, *sources)))
    drawn = None if claim.statistic else _drawn(better, other, claim)
    told = remarks(found, max(len(row.runs) for row in (better, other)), claim, drawn is not None)
    best = (f"the best is {other.name}",) if claim.measure == "trade" else ()
    return Judged(
        claim=claim, verdict=NO_RULE, difference=found, drawn=drawn, remarks=(*told, *unlearned, *best)
    )


def _drawn(better: Row, other: Row, claim: Claim) -> statistics.Array | None:
    """The bootstrap over videos and the seeds that both rows have."""
    found = accuracy.pairs(better, other, claim.set, claim.verbs)
    if accuracy.over_seeds(found) is None:
        return None
    there = [one for one in found if one is not None]
    return statistics.draws(np.stack([one.hits for one in there]), there[0].members)


def _unfit(results: Results, claim: Claim, rows: Sequence[Row]) -> str:
    """Why the rows are not those of which the claim speaks, where they are not."""
    for row in rows:
        if row.name == MAIN and row.config:
            differs = difference(row.config, results.profile)
            if changed := [text for text in differs if text.partition("=")[0] not in ELSEWHERE]:
                return f"{MAIN} is explored: {'; '.join(changed)}"
    named = results.names.dataset
    return "; ".join(
        f"{row.name} is on {named(row.dataset)}, not on {named(claim.trained_on)}"
        for row in rows
        if row.dataset and row.dataset != claim.trained_on
    )


def _lacking(results: Results, claim: Claim, rows: Sequence[Row]) -> str:
    """What is not there to judge it by: runs, numbers, counts of parameters."""
    if missing := [row.name for row in rows if row.config is None or not row.measured]:
        return ", ".join(missing)
    if claim.statistic:
        features = [run.label_features for row in rows for run in row.measured]
        counts = {0 if one is None else len(one) for one in features}
        return "" if len(counts) == 1 and min(counts) > 1 else "label features of the same labels"
    if missing := [row.name for row in rows if not _accuracies(row, claim)]:
        kind = "" if claim.verbs == "all" else f", {claim.verbs} verbs,"
        return f"{results.names.dataset(claim.set)}{kind} of {', '.join(missing)}"
    if claim.measure != "trade":
        return ""
    if missing := [row.name for row in rows if results.parameters(row) is None]:
        return f"trainable parameters of {', '.join(missing)}"
    return "" if _rivals(results, rows) else f"a rival with as many trainable parameters as {rows[0].name}"


def _accuracies(row: Row, claim: Claim) -> list[float]:
    """Of each run on the claim's set; nothing where one has none."""
    found = [accuracy.top1(run, claim.set, row.dataset, claim.verbs) for run in row.measured]
    return [float(number) for number in found if number is not None] if all(map(is_number, found)) else []


def _rivals(results: Results, rows: Sequence[Row]) -> list[Row]:
    """The rows after the first that have as many trainable parameters at full size or fewer."""
    counts = [results.parameters(row) for row in rows]
    limit, *sizes = [count.value if count else 0 for count in counts]
    return [row for row, size in zip(rows[1:], sizes, strict=True) if size <= limit]


def _against(results: Results, claim: Claim, rows: Sequence[Row]) -> Row:
    """The other row; of a trade the best rival on the claim's set, the first of several."""
    if claim.measure != "trade":
        return rows[1]
    return max(_rivals(results, rows), key=lambda row: fmean(_accuracies(row, claim)))


def remarks(found: Difference, asked: int, claim: Claim, has_interval: bool) -> tuple[str, ...]:
    """How many of the asked seeds, whether they agree, why there is no interval."""
    told = [f"{len(found.seeds)} of {asked} seeds"] if 1 < len(found.seeds) < asked else []
    if len({np.sign(number) for number in found.by_seed}) > 1:
        told.append("seeds disagree in sign")
    if not has_interval:
        pairs = "pairs of labels are not independent"
        told.append(f"no interval: {pairs if claim.statistic else 'no outcomes of the same videos'}")
    return tuple(told)


def _unlearned(results: Results, claim: Claim, row: Row) -> str:
    """The set is named where the claim is not of accuracy on it."""
    own = results.names.dataset(row.dataset or "")
    on = f" on {own}" if claim.zero_shot or claim.statistic else ""
    return f"{row.name} is within {MARGIN} points of chance{on}"


def _correlation(better: Row, worse: Row, claim: Claim) -> Difference | None:
    """The claim's statistic of the labels of Figure 2b, which the worse row chooses over its seeds."""
    whole, pairs = correlation.matrix(worse), accuracy.by_seed([better, worse])
    if whole is None or not pairs:
        return None
    chosen = np.ix_(ids := correlation.most_alike(whole), ids)
    of, apart = correlation.STATISTICS[claim.statistic].of, {}
    for seed, runs in pairs.items():
        maps = [one for run in runs if (one := correlation.of_run(run)) is not None]
        ours, theirs = (of(correlation.off_diagonal(one[chosen])) for one in maps)
        apart[seed] = ours - theirs
    number = Number(value=fmean(apart.values()), digits=3, signed=True)
    sources = correlation.sources([better, worse])
    return Difference(number.of(sources), tuple(apart), tuple(apart.values()))
