"""reports/<profile>/claims.md and claims.csv: every claim with its verdict, the rule above them."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from m2clip.report.conclusions.claims import Claim
from m2clip.report.conclusions.verdicts import FAILS, HOLDS, NOT_JUDGED, VERDICTS, Judged
from m2clip.report.intervals import Interval
from m2clip.report.names import MISSING
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context
from m2clip.report.tables.formats import Listing, escape_markdown, signed

RULE = """\
What is judged is the difference per test video between two rows, averaged over seeds, with its 95 % bootstrap
interval over videos. A claim *holds* if the whole interval lies on the paper's side of zero, it *does not
hold* if the whole interval lies on the other side, else it is *undecided at this size*. Without an interval
it is *not decided by this rule*, whatever the size. The spread between seeds is printed beside it; where
seeds disagree in sign, the verdict says so, and a verdict of one seed begins with these words: another seed,
or another processor's rounding, may turn it. The rule and the claims were changed after scores were in, as
their history in git shows, and nothing is corrected for their number. How the rule is applied:

- **Difference**: top-1, in points, the better row of the claim less the other; of each video the mean over
  the seeds that both rows have, paired by seed and by video.
- **Interval**: `scipy.stats.bootstrap` over videos, percentiles of 9,999 draws from a fixed seed. It says
  what other videos would change, not what other seeds would: that is the spread, the standard deviation of
  the difference between seeds.
- **Zero-shot** accuracy is the mean over the three test splits. The unit is a video of their union: one
  that is in several splits is drawn once, with all of its memberships, and counts in each of them. Videos
  of no test split count for nothing.
- **Verbs**: the labels of the synthetic zero-shot sets are not trained on, but some of their verbs are. A
  claim on *trained verbs* is of the videos whose verb a label of the training set has too, one on *untrained
  verbs* of the others; each video is classified among all labels of its set.
- **No interval**: the correlation of label features is no mean over videos, and pairs of labels are not
  independent, so no bootstrap is drawn. The difference is printed and this rule does not decide the claim,
  whatever its seeds say; such claims are counted apart.
- **Chance**: a trained row whose own top-1 is within ten points of chance has not learned its labels. It has
  *no result*, and neither has a claim of accuracy that rests on it.
- **The best of** several rows: that which is best here on the same set, of those with as many trainable
  parameters at full size or fewer; the verdict names it. It is chosen by the same videos, which leans
  against the claim.
- **The paper** printed the difference in its column, where it printed numbers at all; the file in
  experiments/published that has them is in the csv. A claim *beyond the paper* asks on our data what the
  paper asks only on K400, or of other methods, or not at all.
- **Not judged**: a row is not the one of which the claim speaks. `main` is explored, so it is not the paper's
  M2-CLIP, or a row is on another set. No number of the paper stands beside it.
"""
SYNTHETIC = """\
> **Generated data.** What was measured here and what the paper printed are of different worlds: their sizes
> do not compare, only the side of zero on which they lie.
"""
HEADERS = (
    "Verdict", "Claim", "Rows", "Measured on", "The paper", "Here", "95 % interval", "Seeds", "Spread",
    "Test videos",
)  # fmt: skip
MEASURED = ("Here", "95 % interval", "Seeds", "Spread", "Test videos", "Verdict")  # of the runs
COLUMNS = (
    "claim", "section", "says", "better", "worse", "measure", "set", "direction", "beyond_the_paper",
    "paper_difference", "paper_file", "difference", "low", "high", "seeds", "by_seed", "spread", "videos",
    "verdict", "remarks",
)  # fmt: skip


def summary(judged: Sequence[Judged]) -> str:
    """`12 hold, 3 do not hold, ..., 0 not judged; 15 of them by one seed`."""
    plural = {HOLDS: "hold", FAILS: "do not hold"}
    words = {verdict: plural.get(verdict, verdict) for verdict in VERDICTS}
    counts = {word: sum(one.verdict == verdict for one in judged) for verdict, word in words.items()}
    text = ", ".join(f"{count} {word}" for word, count in counts.items())
    single = sum(one.one_seed for one in judged)
    return f"{text}; {single} of them by one seed" if single else text


@dataclass(frozen=True)
class Part:
    """The claims of one table or figure of the paper, a line of the table for each name."""

    title: str
    names: tuple[str, ...]
    table: Listing
    notes: tuple[str, ...]


def parts(judged: Sequence[Judged], rows: Iterable[Row], context: Context) -> list[Part]:
    """All claims, in the order in which they are stated."""
    labels = {row.name: row.label for row in rows}
    texts = [header in ("Claim", "Rows", "Measured on", "Verdict") for header in HEADERS]
    found = []
    for section, some in groupby(judged, key=lambda one: one.claim.section):
        group = list(some)
        table = Listing(HEADERS, [_line(one, labels, context) for one in group], texts)
        notes = tuple(one.claim.note for one in group if one.claim.note and one.verdict != NOT_JUDGED)
        found.append(Part(section, tuple(one.name for one in group), table, notes))
    return found


def markdown(judged: Sequence[Judged], rows: Iterable[Row], context: Context, profile: str) -> str:
    """The whole page; one table for each figure or table of the paper."""
    text = [f"# Claims, profile `{profile}`\n", RULE]
    if context.names.synthetic:
        text.append(SYNTHETIC)
    text.append(f"{len(judged)} claims: {summary(judged)}. As [csv](claims.csv).\n")
    for part in parts(judged, rows, context):
        text.append(f"## {escape_markdown(part.title)}\n\n{part.table.markdown()}")
        text += [f"{escape_markdown(note)}\n" for note in part.notes]
    return "\n".join(text)


def _line(one: Judged, labels: dict[str, str], context: Context) -> list[str]:
    claim, found = one.claim, one.difference
    against = "; ".join(labels[row] for row in claim.worse)
    best = "the best of " if len(claim.worse) > 1 else ""
    kind = "zero-shot, " if claim.zero_shot else "correlation, " if claim.is_correlation else ""
    verbs = "" if claim.verbs == "all" else f", {claim.verbs} verbs"
    interval = found.interval if found else None
    return [
        one.told(),
        f"{claim.says} ({one.name})",
        f"{labels[claim.better]} over {best}{against}",
        f"{kind}{context.names.dataset(claim.set)}{verbs}",
        paper(one),
        one.value(),
        f"[{signed(interval.low)}, {signed(interval.high)}]" if interval else MISSING,
        str(len(found.seeds)) if found else MISSING,
        f"{one.spread:.{one.digits}f}" if one.spread is not None else MISSING,
        f"{found.videos:,}" if found and found.videos else MISSING,
    ]


def paper(one: Judged) -> str:
    """The paper's difference, or why there is none."""
    printed = one.printed
    if one.verdict == NOT_JUDGED or not one.beside:
        return MISSING
    if printed is None:
        return "beyond the paper" if one.claim.beyond else "not printed"
    return f"{signed(printed.difference)} ({printed.better:.1f} against {printed.worse:.1f})"


def comma_separated(judged: Sequence[Judged]) -> str:
    """A line for each claim; what is not there is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in judged:
        claim, found = one.claim, one.difference
        interval = found.interval if found else None
        printed = one.printed
        writer.writerow(
            [
                one.name, claim.section, claim.says, claim.better, " ".join(claim.worse), _measure(claim),
                claim.set, claim.direction, str(claim.beyond).lower(),
                _number(printed.difference if printed else None), printed.file if printed else "",
                _number(found.points if found else None), *map(_number, _ends(interval)),
                len(found.seeds) if found else "", " ".join(map(_number, found.by_seed)) if found else "",
                _number(one.spread), (found.videos or "") if found else "", one.short(),
                one.why or ", ".join(one.remarks),
            ]
        )  # fmt: skip
    return stream.getvalue()


def _measure(claim: Claim) -> str:
    return claim.measure if claim.verbs == "all" else f"{claim.measure}, {claim.verbs} verbs"


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
