"""Is the synthetic world informative: what it was made to reach. And how the loss of each training ends."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from m2clip.report import facts, grid
from m2clip.report.columns import UNSEEN
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.numbers import MARGIN, Number, Source, Text
from m2clip.report.results import Results
from m2clip.report.row import Row, SeedRun, get_path, is_number
from m2clip.runs import LogLine

PAIRS = {"k400": ("clip", "main"), "ssv2": ("clip-ssv2", "ssv2")}  # CLIP's row and the trained row
LEAST = {"clip": 60, "main": 85, "ssv2": 79}  # top-1 that a row must reach
BRANCHES = {"k400": ("te", "td"), "ssv2": ("te-ssv2", "td-ssv2")}  # the two halves of the TED-Adapter alone
ERRORS, APART, SATURATED, VIDEOS = 3, 2, 97, 1000
TENTH = 0.1
Level = tuple[str, str | None, bool | None]  # what was asked, what was measured, whether it is met


def informative(results: Results, rows: Sequence[Row]) -> Grid:
    """Every level of a set that the profile generates, beside what its rows measured."""
    words = {True: "met", False: "not met", None: None}
    lines = [(asked, told, words[met]) for asked, told, met in _levels(results, rows)]
    columns = [Column(key, key.capitalize(), text=True) for key in ("level", "measured", "met")]
    title = "Is the synthetic world informative: the levels that it was made to reach"
    return grid.plain("informative", title, columns, lines)


def _levels(results: Results, rows: Sequence[Row]) -> Iterator[Level]:
    by_name, trained = {row.name: row for row in rows}, [row for row in rows if row.trained]
    for dataset, pair in PAIRS.items():
        if dataset not in results.names.synthetic:
            continue
        shown, both = results.names.dataset(dataset), [by_name.get(name) for name in pair]
        tops, clip = [_top1(row) for row in both], both[0]
        called = [row.label if row else name for name, row in zip(pair, both, strict=True)]
        for name, label, top1 in zip(pair, called, tops, strict=True):
            if least := LEAST.get(name):
                yield _level(f"{label} on {shown}: at least {least} %", top1, "{:.1f} %", least)
        if dataset == "k400":
            gap = None if None in tops else tops[1] - tops[0]  # type: ignore[operator]
            asked = f"CLIP zero-shot on {shown}: at least {MARGIN} points below {called[1]}"
            yield _level(asked, gap, "{:.1f} points", MARGIN)
        else:
            yield _near_chance(results, dataset, clip, tops[0])
        yield _apart(shown, [by_name.get(branch) for branch in BRANCHES[dataset]])
        yield _videos(shown, _tested(clip))
    yield _above_chance(results, trained)
    most = max((top1 for row in trained if (top1 := _top1(row)) is not None), default=None)
    most = None if any(_top1(row) is None for row in trained) else most
    asked = f"Every trained row: below {SATURATED} %"
    yield asked, None if most is None else f"at most {most:.1f} %", None if most is None else most < SATURATED
    for dataset in UNSEEN:
        if dataset in results.names.synthetic:
            counts = (_tested(row, "zero_shot", dataset) for row in trained)
            yield _videos(results.names.dataset(dataset), next(filter(None, counts), None))


def _level(asked: str, value: float | None, words: str, least: float) -> Level:
    """Met from `least` on; nothing of what was not measured."""
    return (asked, None, None) if value is None else (asked, words.format(value), value >= least)


def _top1(row: Row | None) -> float | None:
    found = row.number("supervised", "top1") if row else None
    return found.value if found else None


def _tested(row: Row | None, *under: str) -> int | None:
    """How many videos a row was tested on, as metrics.json has it below these keys."""
    path = (*(under or ("supervised",)), "videos")
    return row.same(lambda run: get_path(run.metrics, *path)) if row else None


def _near_chance(results: Results, dataset: str, clip: Row | None, top1: float | None) -> Level:
    asked = f"CLIP zero-shot on {results.names.dataset(dataset)}: within {ERRORS} standard errors of chance"
    guessed, videos = results.chance(dataset), _tested(clip)
    if top1 is None or guessed is None or not videos:
        return asked, None, None
    error = math.sqrt(guessed.value * (100 - guessed.value) / videos)
    distance = (top1 - guessed.value) / error
    side = "above" if distance > 0 else "below"
    told = f"{top1:.1f} %, {abs(distance):.1f} standard errors {side} {guessed.value:.1f} ± {error:.2f} %"
    return asked, told, abs(distance) <= ERRORS


def _apart(shown: str, rows: Sequence[Row | None]) -> Level:
    """Whether two branches of the adapter can be told apart, by the same videos."""
    asked = f"{shown}: TE and TD alone apart by more than {APART} standard errors"
    first, second = (row.hits() if row else None for row in rows)
    if first is None or second is None:
        return asked, None, None
    gaps = [100 * (one - other) for one, other in zip(first, second, strict=True)]
    gap, error = fmean(gaps), math.sqrt(variance(gaps) / len(gaps))
    return asked, f"{gap:+.1f} ± {error:.1f} points", abs(gap) > APART * error


def _above_chance(results: Results, trained: Sequence[Row]) -> Level:
    asked = f"Every trained row: more than {MARGIN} points above chance"
    pairs = [(_top1(row), results.chance(row.dataset), results.title(row)) for row in trained]
    gaps = [(top1 - chance.value, title) for top1, chance, title in pairs if top1 is not None and chance]
    if not gaps or len(gaps) < len(pairs):
        return asked, None, None
    gap, title = min(gaps)
    return asked, f"at least {gap:.1f} points: {title}", gap > MARGIN


def _videos(shown: str, videos: int | None) -> Level:
    return _level(f"{shown}: {VIDEOS:,} test videos or more", videos or None, "{:,}", VIDEOS)


@dataclass(frozen=True)
class Ending:
    """Mean loss of the last tenth of the steps and of the tenth before; twice their difference's error."""

    before: float
    last: float
    noise: float

    @property
    def change(self) -> float:
        """Below zero while the loss falls."""
        return self.last - self.before

    @property
    def verdict(self) -> str:
        """In plain words."""
        if abs(self.change) <= self.noise:
            return "level: the change is within the noise of the batches"
        return "still falling: more steps might give more" if self.change < 0 else "rising"


def ending(history: Sequence[LogLine] | None) -> Ending | None:
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
    return Ending(fmean(before), fmean(last), 2 * error)


CONVERGED = (
    "± is twice the standard error of the change. The learning rate falls to zero, which levels any curve at "
    "its end: a level curve says that this recipe is finished, not that a longer one would give no more."
)
COLUMNS = (
    Column("label", "Row", text=True), Column("seed", "Seed"),
    Column("last", "Loss, last tenth of the steps"), Column("before", "Loss, tenth before"),
    Column("change", "Change"), Column("verdict", "Verdict", text=True),
)  # fmt: skip


def converged(results: Results, rows: Sequence[Row]) -> Grid:
    """How the loss of each trained run ends; of a run near chance, that it has not learned, level or not."""
    lines = []
    for row in rows:
        for run in row.runs if row.trained else ():
            found, sources = ending(run.history), (Source(run.key.history, "loss", run.key),)
            numbers: tuple[Cell, ...] = (None, None, None)
            if found:
                last, before = (
                    Number(value=loss, digits=3, sources=sources) for loss in (found.last, found.before)
                )
                numbers = (last, before, Text(f"{found.change:+.3f} ± {found.noise:.3f}", sources))
            verdict = _unlearned(run, row, results) or (found.verdict if found else None)
            lines.append(
                grid.Line((results.title(row), Text(str(run.key.seed)), *numbers, verdict), row.name)
            )
    return Grid(
        key="converged", title="How the loss ends", columns=COLUMNS,
        groups=(grid.Group("", tuple(lines)),), notes=(CONVERGED,),
    )  # fmt: skip


def _unlearned(run: SeedRun, row: Row, results: Results) -> str:
    """`has not learned: ...` of one run of a trained row that is so near to chance; else nothing."""
    top1, chance = get_path(run.metrics, "supervised", "top1"), results.chance(row.dataset)
    if not is_number(top1) or chance is None or top1 > chance.value + MARGIN:
        return ""
    labels = facts.classes(results.sheets.get(row.dataset or ""))
    return f"has not learned: top-1 is {top1:.1f} %, {chance} % of {labels} classes is chance"
