"""The verdicts of an earlier commit, whose rows had other numbers of steps, beside the present ones.

benchmarks/earlier.py takes them from git into experiments/longer/<profile>_claims.csv.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from m2clip.report import facts
from m2clip.report.longer import FOLDER
from m2clip.report.numbers import Source, Text, signed
from m2clip.report.results import Results
from m2clip.report.verdicts import Judged


@dataclass(frozen=True)
class Earlier:
    """A claim's verdict at that commit; steps: of its first row there, and now."""

    verdict: str
    difference: float
    steps: tuple[int, int]
    commit: str
    source: Source

    def cell(self) -> Text:
        """`holds, +16.0 (1,500 steps)`."""
        return Text(f"{self.verdict}, {signed(self.difference)} ({self.steps[0]:,} steps)", (self.source,))


def read(results: Results, judged: Sequence[Judged]) -> dict[str, Earlier]:
    """By claim; of those alone that were judged then and whose first row has another number of steps now."""
    path, claims = (
        FOLDER / f"{results.profile.name}_claims.csv",
        {one.claim.name: one.claim for one in judged},
    )
    found = {}
    for number, line in enumerate(facts.lines(path), start=2):
        claim = claims.get(line["claim"])
        row = results.rows.get(claim.better) if claim else None
        if claim is None or row is None or row.config is None or not line["difference"]:
            continue
        steps = (int(line["steps"]), row.config.train.steps)
        if steps[0] != steps[1]:
            source = Source(path, f"line {number}, verdict")
            difference = float(line["difference"])
            found[claim.name] = Earlier(line["verdict"], difference, steps, line["commit"], source)
    return found


def sentence(judged: Sequence[Judged], then: dict[str, Earlier]) -> str | None:
    """How many of the claims that were judged at both numbers of steps have the verdict that they had."""
    both = [(one, then[one.claim.name]) for one in judged if one.p is not None and one.claim.name in then]
    if not both:
        return None
    other = [one.claim.name for one, before in both if one.verdict != before.verdict]
    counts = " and ".join(
        sorted({f"{before.steps[0]:,} steps in place of {before.steps[1]:,}" for _, before in both})
    )
    commits = " and ".join(sorted({before.commit[:12] for _, before in both}))
    told = f"{len(both) - len(other)} of the {len(both)} that are judged again have the same verdict"
    named = f"; a different one: {', '.join(other)}" if other else ""
    return f"With {counts} (commit {commits}) the claims were judged before: {told}{named}."
