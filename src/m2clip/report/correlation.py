"""Figure 2b: how alike the label features are, as Pearson correlations of their E numbers, label by label.

The labels shown are the min(40, C) that correlate most with the others under the first row of the table, in
that order for every row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

import numpy as np

from m2clip.report.accuracy import Difference, by_seed
from m2clip.report.grid import comma_separated
from m2clip.report.numbers import Number, Source
from m2clip.report.row import Row, SeedRun
from m2clip.report.statistics import Array

MOST = 40  # labels that stay readable in a column of a paper


@dataclass(frozen=True)
class Statistic:
    """A number made of the correlations off the diagonal, (N, N - 1), with what a column says of it."""

    header: str
    how: str
    of: Callable[[Array], float]


_PAIRS = "over the same pairs ± over seeds"
STATISTICS = {
    "correlation": Statistic(
        "Mean correlation with the other labels",
        "Pearson's, mean over pairs of the labels that the table's first row chooses ± over seeds",
        lambda pairs: float(pairs.mean()),
    ),
    "correlation_size": Statistic(
        "Mean size of the correlation", f"the mean of its size {_PAIRS}",
        lambda pairs: float(abs(pairs).mean()),
    ),
    "correlation_largest": Statistic(
        "Largest size of a correlation", f"the largest of its sizes {_PAIRS}",
        lambda pairs: float(abs(pairs).max()),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Correlations:
    """Correlations of the same N labels for several rows.

    first: the row that chose the labels. maps: by row, (N, N), the mean over seeds; without features none.
    """

    first: Row
    labels: tuple[str, ...]
    class_ids: tuple[int, ...]
    maps: Mapping[str, Array]

    def number(self, row: Row, statistic: str = "correlation") -> Number | None:
        """One of the STATISTICS of a row over seeds."""
        if row.name not in self.maps:
            return None
        found = row.over_seeds(self.of_runs(row.measured, statistic), digits=3)
        return found and found.of(sources((row, self.first)))

    def of_runs(self, runs: Iterable[SeedRun], statistic: str) -> Iterator[float]:
        """One of the STATISTICS of the chosen labels, of each run that has label features."""
        chosen = np.ix_(self.class_ids, self.class_ids)
        for run in runs:
            if (whole := of_run(run)) is not None:
                yield STATISTICS[statistic].of(off_diagonal(whole[chosen]))


def sources(rows: Iterable[Row]) -> Iterator[Source]:
    """The label features of rows, each row once."""
    for row in {row.name: row for row in rows}.values():
        there = (run.key for run in row.measured if run.label_features is not None)
        yield from (Source(key.label_features, "", key) for key in there)


def off_diagonal(matrix: Array) -> Array:
    """(N, N) -> (N, N - 1): of each label its correlations with the others."""
    count = len(matrix)
    return matrix[~np.eye(count, dtype=bool)].reshape(count, count - 1)


def matrix(row: Row) -> Array | None:
    """Correlations of a row's label features, (C, C), the mean over seeds; None without an evaluated run."""
    found = [one for run in row.measured if (one := of_run(run)) is not None]
    return np.mean(found, axis=0) if found else None


def of_run(run: SeedRun) -> Array | None:
    """Correlations of one run's label features, (C, C); None where it has none."""
    return None if run.label_features is None else np.corrcoef(run.label_features)


def names(row: Row) -> tuple[str, ...]:
    """A row's labels by class id, from its confusion matrix; empty where there is none."""
    for run in row.measured:
        if run.confusion is not None:
            return tuple(map(str, run.confusion.index))
    return ()


def most_alike(whole: Array) -> list[int]:
    """Class ids of the labels that correlate most with the others, the highest first."""
    means = off_diagonal(whole).mean(axis=1)
    return sorted(range(len(whole)), key=lambda at: (-means[at], at))[:MOST]


def compare(rows: Sequence[Row]) -> Correlations | None:
    """The maps of rows on one dataset; None where the first, which chooses the labels, has none."""
    whole = {row.name: matrix(row) for row in rows if row.dataset == rows[0].dataset}
    first = whole.get(rows[0].name) if rows else None
    if first is None or len(first) < 2:
        return None
    chosen = most_alike(first)
    labels = names(rows[0]) or tuple(str(at) for at in range(len(first)))
    maps = {name: one[np.ix_(chosen, chosen)] for name, one in whole.items() if one is not None}
    return Correlations(rows[0], tuple(labels[at] for at in chosen), tuple(chosen), maps)


def difference(better: Row, worse: Row, statistic: str) -> Difference | None:
    """One of the STATISTICS of `better` less that of `worse`, by seed, of the labels that `worse` chooses."""
    chosen, pairs, apart = compare([worse]), by_seed([better, worse]), {}
    if chosen is None or not pairs:
        return None
    for seed, runs in pairs.items():
        ours, theirs = chosen.of_runs(runs, statistic)
        apart[seed] = ours - theirs
    number = Number(value=fmean(apart.values()), digits=3, signed=True)
    return Difference(number.of(sources([better, worse])), tuple(apart), tuple(apart.values()))


def pairs(row: Row) -> str:
    """label, other, correlation as a CSV, for DVC to compare; of more than MOST labels the most alike."""
    whole, labels = matrix(row), names(row)
    lines = []
    if whole is not None and len(labels) == len(whole) > 1:
        shown = product(sorted(most_alike(whole)), repeat=2)
        lines = [(labels[one], labels[other], f"{whole[one, other]:.4f}") for one, other in shown]
    return comma_separated(("label", "other", "correlation"), lines)
