"""Claims as a section of the report and as claims.csv: every claim with its verdict, the rule above them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import pandas as pd

from m2clip.report import claims, grid, published
from m2clip.report.claims import Claim
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.numbers import Number, Source, Text, signed
from m2clip.report.parts import Part, Points, Section
from m2clip.report.results import Results
from m2clip.report.verdicts import FAILS, HOLDS, NOT_JUDGED, VERDICTS, Judged

COLUMNS = (
    Column("verdict", "Verdict", text=True),
    Column("claim", "Claim", text=True),
    Column("rows", "Rows", text=True),
    Column("set", "Measured on", text=True),
    Column("paper_difference", "The paper", how="the better row's number less the other's"),
    Column("difference", "Here", how="the better row less the other, the mean over the seeds that both have"),
    Column("interval", "95 % interval"),
    Column("p", "p, by Holm"),
    Column("seeds", "Seeds"),
    Column("spread", "Spread over seeds"),
    Column("videos", "Test videos"),
)


def summary(judged: Sequence[Judged]) -> str:
    """`12 hold, 3 do not hold, ..., 0 not judged; 15 of them by one seed`."""
    plural = {HOLDS: "hold", FAILS: "do not hold"}
    counts = [(sum(one.verdict == verdict for one in judged), verdict) for verdict in VERDICTS]
    text = ", ".join(f"{count} {plural.get(verdict, verdict)}" for count, verdict in counts)
    single = sum(one.one_seed for one in judged)
    return f"{text}; {single} of them by one seed" if single else text


def section(judged: Sequence[Judged], results: Results) -> Section:
    """The rule, and a table for each figure or table of the paper."""
    parts: list[Part] = [Points(claims.rule()), f"{len(judged)} claims: {summary(judged)}."]
    for at, (title, some) in enumerate(groupby(judged, key=lambda one: one.claim.section)):
        group = list(some)
        lines = tuple(grid.Line(_cells(one, results), one.claim.name) for one in group)
        notes = tuple(one.claim.note for one in group if one.claim.note and one.verdict != NOT_JUDGED)
        table = Grid(
            key=f"claims-{at}", title=title, columns=COLUMNS, groups=(grid.Group("", lines),), notes=notes
        )
        parts.append(table)
    return Section(key="claims", title="Claims", parts=tuple(parts), page="claims.md", menu="Conclusions")


def _cells(one: Judged, results: Results) -> tuple[Cell, ...]:
    claim, found, interval = one.claim, one.difference, one.interval
    named = {name: results.rows[name].label for name in claim.rows}
    best = "the best of " if len(claim.worse) > 1 else ""
    verbs = "" if claim.verbs == "all" else f", {claim.verbs} verbs"
    kind = f"zero-shot{verbs}, " if claim.zero_shot else f"{claim.measure}, " if claim.statistic else ""
    sources = found.number.sources if found else ()
    digits = found.number.digits if found else 1
    return (
        one.told(),
        f"{claim.says} ({claim.name})",
        f"{named[claim.better]} over {best}{'; '.join(named[row] for row in claim.worse)}",
        f"{kind}{results.names.dataset(claim.set)}",
        _paper(one, results),
        replace(found.number, std=None, interval=None, marks="") if found else None,
        Text(f"[{signed(interval.low)}, {signed(interval.high)}]", sources) if interval else None,
        None if one.p is None else Text(f"{one.p:.3f}" if one.p >= 0.001 else "< 0.001", sources),
        Text(str(len(found.seeds)), sources) if found else None,
        None if one.spread is None else Number(value=one.spread, digits=digits, sources=sources),
        Number(value=found.videos, sources=sources) if found and found.videos else None,
    )


def _paper(one: Judged, results: Results) -> Cell:
    """The paper's difference, or why there is none."""
    printed = one.printed
    if printed is None:
        words = "beyond the paper" if one.claim.is_beyond else "not printed"
        return None if one.verdict == NOT_JUDGED or not one.beside else words
    words = f"{signed(printed.difference)} ({printed.better:.1f} against {printed.worse:.1f})"
    return Text(words, _printed(one.claim, results))


def _printed(claim: Claim, results: Results) -> tuple[Source, ...]:
    """The paper's two numbers: of each the line of the row's config, else the first with that number."""
    printed = claim.published
    if printed is None:
        return ()
    table, found = published.read(printed.file), list[Source]()
    for name, number in zip(claim.rows, (printed.better, printed.worse), strict=True):
        own = table.line(name, results.rows[name].config, results.profile)
        lines = (line for line in (own, *table.lines) if line and line.value(table.accuracy) == number)
        line = next(lines, None)
        found += line.sources(table.accuracy) if line else [Source(published.FOLDER / f"{table.name}.csv")]
    return tuple(found)


def comma_separated(judged: Sequence[Judged]) -> str:
    """A line for each claim; what is not there is an empty cell."""
    return pd.DataFrame(map(_line, judged), dtype=object).to_csv(index=False, lineterminator="\n")


def _line(one: Judged) -> dict[str, object]:
    claim, found, interval, printed = one.claim, one.difference, one.interval, one.printed
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {
        "claim": claim.name, "section": claim.section, "says": claim.says, "better": claim.better,
        "worse": " ".join(claim.worse), "measure": claim.kind, "set": claim.set,
        "direction": claim.direction, "beyond_the_paper": str(claim.is_beyond).lower(),
        "paper_difference": _number(printed.difference if printed else None),
        "paper_file": printed.file if printed else "",
        "difference": _number(found.number.value if found else None), 
        "low": _number(low), "high": _number(high),
        "seeds": len(found.seeds) if found else "",
        "by_seed": " ".join(map(_number, found.by_seed)) if found else "", "spread": _number(one.spread),
        "videos": (found.videos or "") if found else "", "verdict": one.short(),
        "remarks": one.why or ", ".join(one.remarks),
    }  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
