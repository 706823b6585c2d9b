"""Claims as a section of the report and as claims.csv: every claim with its verdict, the rule above them.

Where no row has three seeds there are no verdicts: each difference stands with its interval over videos.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pandas as pd

from m2clip.report import claims, earlier, grid, history, longer, published, verdicts
from m2clip.report.claims import Claim
from m2clip.report.earlier import Earlier
from m2clip.report.grid import Cell, Column, Line
from m2clip.report.numbers import Number, Source, Text, signed
from m2clip.report.parts import Part, Points, Section
from m2clip.report.provenance import Made
from m2clip.report.results import Results
from m2clip.report.verdicts import LEAST_SEEDS, NOT_JUDGED, Judged

WORDS = {
    "verdict": "Verdict", "claim": "Claim", "rows": "Rows", "set": "Measured on",
    "expects": "The claim expects",
}  # fmt: skip
HOW = "the better row less the other, the mean over the seeds that both have"
COLUMNS = (
    *(Column(key, header, text=True) for key, header in WORDS.items()),
    Column("paper_difference", "The paper", how="the better row's number less the other's"),
    Column("difference", "Here, points; of |r| itself", how=HOW),
    Column("interval", "95 % interval"),
    Column("p", "p, by Holm"),
    Column("p_seeds", "p of the seeds alone, by Holm"),
    Column("seeds", "Seeds"),
    Column("spread", "Spread over seeds"),
    Column("videos", "Test videos"),
    Column("earlier", "With another number of steps", text=True),
    Column("remarks", "What weakens it, or would decide it", text=True),
)
# Columns of the first screen.
FIRST = ("verdict", "claim", "set", "expects", "difference", "interval", "earlier", "remarks")
MAYBE = ("p", "p_seeds", "spread", "earlier")  # columns that are left out where all of their cells are empty
BEGINNINGS = {
    verdicts.HOLDS: "Holds here", verdicts.FAILS: "Does not hold here",
    verdicts.SAME: "No difference here", verdicts.UNDECIDED: "Undecided here", "": "Of too few seeds",
    verdicts.NO_RESULT: "Without a result here", verdicts.MISSING: "Not run yet", NOT_JUDGED: "Not judged",
}  # fmt: skip
BY = {"eq11": "by texts (Eq. 11)", "vc": "by the classifier (VC)"}
TOO_FEW = (
    f"No claim is judged here: a verdict takes {LEAST_SEEDS} seeds of every row. Each difference stands with "
    "its 95 % interval over the test videos, which says what other videos would change, not what other seeds "
    "or another processor's rounding would. The rule by which verdicts come about is in "
    f"{claims.CLAIMS.name}."
)


ENLARGED = (
    "What the rule leaves unsaid: few seeds drawn with replacement spread less than seeds do, so the "
    "bootstrap enlarges the distance of each of R seeds from their mean by √(R/(R − 1)). Beside its p stands "
    "that of Student's t over the seeds alone, which takes the test videos as given"
)

GENERATED = (
    "What generated videos cannot say: whether a difference has the same size or the same side of zero on "
    "real videos, with a large CLIP or with hundreds of labels."
)


def _is_judged(judged: Iterable[Judged]) -> bool:
    return any(one.p is not None for one in judged)


def sentences(judged: Sequence[Judged], results: Results) -> tuple[str, ...]:
    """Whether the rows' training had converged, then a sentence for each verdict with its claims.

    With too few seeds for verdicts: that nothing is judged, and on which side of zero each interval lies.
    """
    last = (GENERATED,) if results.names.synthetic else ()
    if not _is_judged(judged):
        return (TOO_FEW, *_sides(judged, results), *last)
    said = (
        f"{begins}: {'; '.join(_said(some, results))}."
        for verdict, begins in BEGINNINGS.items()
        if (some := [one for one in judged if one.verdict == verdict])
    )
    before = earlier.sentence(judged, earlier.read(results, judged))
    return (_of_steps(judged, results), *((before,) if before else ()), *said, *last)


def _of_steps(judged: Sequence[Judged], results: Results) -> str:
    """How many trained rows of judged claims were tried with more steps, and which of them gain by these."""
    names = dict.fromkeys(row for one in judged if one.p is not None for row in one.claim.rows)
    gains = longer.gains(results, [results.rows[name] for name in names])
    tried = [(row, gain) for row, gain in gains if gain is not None]
    known = [f"{results.title(row)} (+{gain:.1f})" for row, gain in tried if gain >= longer.POINTS]
    behind = f"of the {len(gains)} trained rows behind the verdicts"
    if not tried:
        return f"Whether they have converged is not known: none {behind} was trained for longer."
    begins = "Not converged: " if known else "Converged, as far as that was tried: "
    named = f"{len(known)} of them: {', '.join(known)}" if known else "none of them"
    return (
        f"{begins}{behind} {len(tried)} were trained three times as long, too, with one seed, which adds "
        f"{longer.POINTS:g} points of top-1 or more on the validation draw to {named}. The verdicts are of "
        "the shorter trainings."
    )


def _sides(judged: Sequence[Judged], results: Results) -> Iterator[str]:
    """A sentence for each side of zero, with the claims whose interval lies there."""
    sides: dict[str, list[Judged]] = {"the claim's side": [], "the other side": [], "both sides": []}
    for one in judged:
        if one.interval:
            low, high = sorted(one.claim.towards * end for end in one.interval)
            side = "the claim's side" if low > 0 else "the other side" if high < 0 else "both sides"
            sides[side].append(one)
    for side, some in sides.items():
        if some:
            yield f"The interval is on {side} of zero: {'; '.join(_said(some, results))}."


def _said(some: Iterable[Judged], results: Results) -> Iterator[str]:
    """What the claims say, each once, with the sets and heads that it is said of."""
    for says, same in groupby(some, key=lambda one: one.claim.says):
        told = (BY.get(one.claim.head, results.names.dataset(one.claim.set)) for one in same)
        yield f"{says} ({', '.join(told)})"


def first_screen(judged: Sequence[Judged], results: Results) -> tuple[Part, ...]:
    """What the first page shows: what was found, in sentences, and a short table of the claims."""
    lines = _lines(judged, results, earlier.read(results, judged))
    table = grid.plain("verdicts", "Claims of the paper", COLUMNS, lines)
    shown = [key for key in FIRST if key not in _empty(lines)]
    return (Points(sentences(judged, results)), table.only(shown))


def section(
    judged: Sequence[Judged], results: Results, made: Iterable[Made] = (), rule: Path | None = None
) -> Section:
    """The rule of the verdicts, when its file was last changed, and a table for each section of the paper."""
    first = (*claims.rule(), f"{ENLARGED}: {_by_seeds(judged)}.") if _is_judged(judged) else (TOO_FEW,)
    then = earlier.read(results, judged)
    empty = _empty(_lines(judged, results, then))
    shown = [column.key for column in COLUMNS if column.key not in empty]
    behind = {row for one in judged for row in one.claim.rows}
    commits = (one.commits[0] for one in made if one.key.row in behind)
    parts: list[Part] = [Points((*first, *(history.told(rule, commits) if rule else ())))]
    for at, (title, some) in enumerate(groupby(judged, key=lambda one: one.claim.section)):
        group = list(some)
        lines = _lines(group, results, then)
        notes = [one.claim.note for one in group if one.claim.note and one.verdict != NOT_JUDGED]
        parts.append(grid.plain(f"claims-{at}", title, COLUMNS, lines, notes).only(shown))
    return Section(key="claims", title="Claims", parts=tuple(parts), page="claims.md", menu="Conclusions")


def _by_seeds(judged: Sequence[Judged]) -> str:
    """How many of the claims that are decided are so by the seeds alone, too, and which are not."""
    decided = [one for one in judged if one.verdict in (verdicts.HOLDS, verdicts.FAILS)]
    apart = [one for one in decided if one.p_seeds is None or one.p_seeds > verdicts.ALPHA]
    told = f"at most {verdicts.ALPHA} for {len(decided) - len(apart)} of the {len(decided)} that are decided"
    return f"{told}, not for {', '.join(one.claim.name for one in apart)}" if apart else told


def _p(p: float | None, sources: tuple[Source, ...]) -> Cell:
    return None if p is None else Text(f"{p:.3f}" if p >= 0.001 else "< 0.001", sources)


def _lines(judged: Iterable[Judged], results: Results, then: Mapping[str, Earlier]) -> list[Line]:
    return [Line(_cells(one, results, then.get(one.claim.name)), one.claim.name) for one in judged]


def _empty(lines: Sequence[Line]) -> list[str]:
    """Which of the columns that may be missing have no cell."""
    keys = [column.key for column in COLUMNS]
    return [key for key in MAYBE if all(line.cells[keys.index(key)] is None for line in lines)]


def _cells(one: Judged, results: Results, before: Earlier | None) -> tuple[Cell, ...]:
    claim, found, interval = one.claim, one.difference, one.interval
    named = {name: results.rows[name].label for name in claim.rows}
    others = "; ".join(named[row] for row in claim.worse)
    over = ", the line on through" if claim.asks == "slope" else " over"
    best = "the best of " if claim.best_of else ""
    sources = found.number.sources if found else ()
    digits = found.number.digits if found else 1
    ends = ", ".join(signed(end, digits) for end in interval or ())
    return (
        f"{one.verdict}: {one.why}" if one.why else one.short(),
        f"{claim.says} ({claim.name})",
        f"{named[claim.better]}{over} {best}{others}",
        f"{kind(claim, results)}, {results.names.dataset(claim.set)}",
        "at least −1" if claim.asks == "no-loss" else "above 0" if claim.towards > 0 else "below 0",
        _paper(one, results),
        replace(found.number, std=None, interval=None, marks="") if found else None,
        Text(f"[{ends}]", sources) if interval else None,
        _p(one.p, sources),
        _p(one.p_seeds, sources),
        Text(str(one.seeds), sources) if found else None,
        None if one.spread is None else Number(value=one.spread, digits=digits, sources=sources),
        Number(value=found.videos, sources=sources) if found and found.videos else None,
        before.cell() if before else None,
        "; ".join(one.remarks) or None,
    )


def kind(claim: Claim, results: Results | None = None) -> str:
    """What is measured: `supervised, Eq. 11`, `zero-shot, untrained verbs`, `mean of |r|`."""
    if claim.statistic:
        return {"correlation-size": "mean of |r|", "correlation-largest": "largest |r|"}[claim.measure]
    if not claim.zero_shot:
        return f"supervised, {BY[claim.head]}" if claim.head else "supervised"
    known = results is None or claim.set in results.names.synthetic
    return f"zero-shot, {claim.verbs} verbs" if known and claim.verbs != "all" else "zero-shot"


def _paper(one: Judged, results: Results) -> Cell:
    """The paper's difference, or why there is none."""
    printed = one.printed
    if printed is None:
        words = "beyond the paper" if one.claim.is_beyond else "not printed"
        return None if one.verdict == NOT_JUDGED or not one.beside else words
    words = f"{signed(printed.difference)} ({printed.better:.1f} against {printed.worse:.1f})"
    return Text(words, _printed(one.claim, results))


def _printed(claim: Claim, results: Results) -> tuple[Source, ...]:
    """Sources of the paper's two numbers: the line of the row's config, else the first with that number."""
    assert claim.published is not None
    table, found = published.read(claim.published.file), list[Source]()
    for name, number in zip(claim.rows[:2], (claim.published.better, claim.published.worse), strict=True):
        own = table.line(name, results.rows[name].config, results.profile)
        lines = (line for line in (own, *table.lines) if line and line.value(line.accuracy) == number)
        line = next(lines, None)
        found += line.sources(line.accuracy) if line else [Source(published.FOLDER / f"{table.name}.csv")]
    return tuple(found)


def comma_separated(judged: Sequence[Judged]) -> str:
    """A line for each claim; what is not there is an empty cell."""
    return pd.DataFrame(map(_line, judged), dtype=object).to_csv(index=False, lineterminator="\n")


def _line(one: Judged) -> dict[str, object]:
    claim, found, interval, printed = one.claim, one.difference, one.interval, one.printed
    return {
        "claim": claim.name, "section": claim.section, "says": claim.says, "better": claim.better,
        "worse": " ".join(claim.worse), "asks": claim.asks, "measure": kind(claim), "set": claim.set,
        "direction": claim.direction, "beyond_the_paper": str(claim.is_beyond).lower(),
        "paper_difference": _number(printed.difference if printed else None),
        "paper_file": printed.file if printed else "",
        "difference": _number(found.number.value if found else None),
        "low": _number(interval.low if interval else None),
        "high": _number(interval.high if interval else None),
        "p_holm": _number(one.p), "p_seeds_holm": _number(one.p_seeds), "seeds": one.seeds or "",
        "by_seed": " ".join(map(_number, found.by_seed)) if found else "", "spread": _number(one.spread),
        "videos": (found.videos or "") if found else "", "verdict": one.short(),
        "remarks": one.why or "; ".join(one.remarks),
    }  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
