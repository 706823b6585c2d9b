"""Levels that a synthetic world has to reach (experiments/levels.yaml), and how each training's loss ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, variance
from typing import Literal, NamedTuple

from m2clip.files import read_mapping
from m2clip.parsing import build
from m2clip.profiles import world_of
from m2clip.report import accuracy, facts, grid
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.numbers import MARGIN, Number, Source, Text
from m2clip.report.results import Results
from m2clip.report.row import Row, SeedRun, get_path, is_number
from m2clip.runs import LogLine

LEVELS = Path("experiments/levels.yaml")
TENTH = 0.1


class Measured(NamedTuple):
    """A value, the words for it, and whether rows that it is of are not run yet."""

    value: float
    words: str
    so_far: bool = False


WORDS = {
    "top1": "{row}: top-1, %", "top5": "{row}: top-5, %", "gain": "{row}: points over {than}",
    "from_chance": "{row}: standard errors from chance", "apart": "{row} and {than}: standard errors apart",
    "videos": "test videos", "untrained": "labels whose verb is never trained on, %",
    "highest": "Every trained row: top-1, %", "above_chance": "Every trained row: points above chance",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Level:
    """An entry of the file; the comment at its top says what each key means."""

    measure: Literal[
        "top1", "top5", "gain", "from_chance", "apart", "videos", "untrained", "highest", "above_chance"
    ]
    set: str = ""
    row: str = ""
    than: str = ""
    least: float | None = None
    most: float | None = None

    def asks(self, results: Results) -> str:
        """`Synth-K400, CLIP zero-shot: top-1, % from 60 to 80`."""
        row, than = (
            found.label if (found := results.rows.get(name)) else name for name in (self.row, self.than)
        )
        ends = (("from", self.least), ("to", self.most))
        told = " ".join(f"{word} {end:,g}" for word, end in ends if end is not None)
        before = f"{results.names.dataset(self.set)}, " if self.set else ""
        return f"{before}{WORDS[self.measure].format(row=row, than=than)} {told}"

    def is_met(self, value: float) -> bool:
        """Whether a value lies within."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


def read(world: str) -> list[Level]:
    """The levels of a world in levels.yaml; none where the file or the world's entry is missing."""
    told = read_mapping(LEVELS).get(world) if LEVELS.exists() else None
    return [
        build(Level, entry, path=f"{world}.{at}", source=str(LEVELS)) for at, entry in enumerate(told or [])
    ]


def informative(results: Results, rows: Sequence[Row]) -> Grid:
    """A line for each level of the profile's world: what is asked, what was measured, whether it is met."""
    world = next((world_of(counts) for counts in results.profile.synthetic.values()), "")
    lines = []
    for level in read(world):
        if not level.set or level.set in results.names.synthetic:
            found = _measure(level, results, rows)
            met = found and ("met" if level.is_met(found.value) else "not met")
            said = f"{met} so far" if found and found.so_far else met
            lines.append((level.asks(results), found and found.words, said))
    columns = [Column(key, key.capitalize(), text=True) for key in ("level", "measured", "met")]
    title = "Is the synthetic world informative: the levels that it was made to reach"
    return grid.plain("informative", title, columns, lines)


def _measure(level: Level, results: Results, rows: Sequence[Row]) -> Measured | None:
    """What was measured; None where a run is missing."""
    row, than = results.rows.get(level.row), results.rows.get(level.than)
    match level.measure:
        case "highest" | "above_chance":
            return _extreme(level.measure, results, [row for row in rows if row.trained])
        case "untrained":
            lines = facts.read_classes(results.profile.name, level.set)
            labels = {line["label"]: line["verb_trained"] == "no" for line in lines}
            share = 100 * sum(labels.values()) / max(1, len(labels))
            return Measured(share, f"{share:.0f} % of {len(labels)}") if labels else None
        case "videos":
            under = ("supervised",) if row and row.dataset == level.set else ("zero_shot", level.set)
            videos = row and row.same(*under, "videos")
            return Measured(videos, f"{videos:,}") if videos else None
        case "apart":
            return _apart(row, than)
    top = "top5" if level.measure == "top5" else "top1"
    ours, theirs = (one and one.number("supervised", top) for one in (row, than))
    match level.measure:
        case "from_chance":
            return _from_chance(results, row, ours.value) if row and ours else None
        case "gain":
            gain = ours.value - theirs.value if ours and theirs else None
            return None if gain is None else Measured(gain, f"{gain:.1f} points")
    return Measured(ours.value, f"{ours.value:.1f} %") if ours else None


def _extreme(measure: str, results: Results, trained: Sequence[Row]) -> Measured | None:
    """The largest top-1 of the rows that ran, or their fewest points above chance; None where none ran."""
    pick, word = (max, "most") if measure == "highest" else (min, "least")
    found = []
    for row in trained:
        top1, chance = row.number("supervised", "top1"), results.chance(row.dataset)
        if top1 and (chance or measure == "highest"):
            less = chance.value if chance and measure == "above_chance" else 0
            found.append((top1.value - less, results.title(row)))
    if not found:
        return None
    value, title = pick(found)
    ran = f", of {len(found)} of {len(trained)} rows" if len(found) < len(trained) else ""
    return Measured(value, f"at {word} {value:.1f}: {title}{ran}", bool(ran))


def _from_chance(results: Results, row: Row, top1: float) -> Measured | None:
    guessed = results.chance(row.dataset)
    videos = row.same("supervised", "videos")
    if guessed is None or not videos:
        return None
    error = math.sqrt(guessed.value * (100 - guessed.value) / videos)
    distance = (top1 - guessed.value) / error
    side = "above" if distance > 0 else "below"
    told = f"{top1:.1f} %, {abs(distance):.1f} standard errors {side} {guessed.value:.1f} ± {error:.2f} %"
    return Measured(abs(distance), told)


def _apart(row: Row | None, than: Row | None) -> Measured | None:
    """Standard errors between the top-1 of two rows, paired over the same videos."""
    if row is None or than is None or row.dataset is None:
        return None
    found = accuracy.outcomes([(row, 1.0), (than, -1.0)], row.dataset)
    if found is None:
        return None
    gaps = found.hits.mean(axis=0).tolist()
    gap, error = fmean(gaps), math.sqrt(variance(gaps) / len(gaps))
    distance = abs(gap) / error if error else math.inf if gap else 0.0
    return Measured(distance, f"{gap:+.1f} ± {error:.1f} points")


@dataclass(frozen=True)
class Ending:
    """Mean loss of the last tenth of the steps and the tenth before; noise: twice the error of the change."""

    before: float
    last: float
    noise: float

    @property
    def change(self) -> float:
        """Below zero while the loss falls."""
        return self.last - self.before

    @property
    def verdict(self) -> str:
        """What the change means, in words."""
        if abs(self.change) <= self.noise:
            return "none found: less than twice its error, by the noise of the batches"
        return "still falling: more steps might give more" if self.change < 0 else "rising"


def ending(history: Sequence[LogLine] | None) -> Ending | None:
    """How the loss of one run ends; None where it has too few log lines to tell."""
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
    "its end: where no change is found this recipe may be finished, which does not say "
    "that a longer one would give no more."
)
COLUMNS = (
    Column("label", "Row", text=True), Column("seed", "Seed"),
    Column("last", "Loss, last tenth of the steps"), Column("before", "Loss, tenth before"),
    Column("change", "Change"), Column("verdict", "What the change says", text=True),
)  # fmt: skip


def converged(results: Results, rows: Sequence[Row]) -> Grid:
    """How the loss of each trained run ends; a run near chance has not learned, whatever its loss does."""
    lines = []
    for row in rows:
        for run in row.measured if row.trained else ():
            found, sources = ending(run.history), (Source(run.key.history, "loss", run.key),)
            numbers: tuple[Cell, ...] = (None, None, None)
            if found:
                both = (Number(value=loss, digits=3, sources=sources) for loss in (found.last, found.before))
                numbers = (*both, Text(f"{found.change:+.3f} ± {found.noise:.3f}", sources))
            verdict = _unlearned(run, row, results) or (found.verdict if found else None)
            cells = (results.title(row), Text(str(run.key.seed)), *numbers, verdict)
            lines.append(grid.Line(cells, row.name))
    return grid.plain("converged", "How the loss ends", COLUMNS, lines, [CONVERGED])


def _unlearned(run: SeedRun, row: Row, results: Results) -> str:
    """`has not learned: ...` where a run's top-1 is within MARGIN points of chance; else an empty text."""
    top1, chance = get_path(run.metrics, "supervised", "top1"), results.chance(row.dataset)
    if not is_number(top1) or chance is None or top1 > chance.value + MARGIN:
        return ""
    labels = facts.classes(results.sheets.get(row.dataset or ""))
    return f"has not learned: top-1 is {top1:.1f} %, {chance} % of {labels} classes is chance"
