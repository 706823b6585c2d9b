"""Runs made again against those of a commit: the same bits, what another processor explains, or different.

On a processor of the same model, with the same packages, other bits are different, whatever the videos say.
Two processors round differently, so that training takes another path and some videos near a border are
answered otherwise, as often for the better as for the worse.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from m2clip.provenance import same_processor
from m2clip.report import statistics
from m2clip.report.history import content
from m2clip.report.row import get_path
from m2clip.runs import RunKey

UNTOUCHED, NEW, OTHER_CONFIG = "not run again", "not in the commit", "of another config"
SAME, WITHIN, DIFFERENT = "the same bits", "within what another processor explains", "different"
VERDICTS = (SAME, WITHIN, DIFFERENT, UNTOUCHED, NEW, OTHER_CONFIG)
ALPHA = 0.05


@dataclass(frozen=True)
class Flips:
    """Videos of a set that one of two runs alone got right, by a head.

    points: top-1 now less that of the commit. p: of McNemar's exact test, that both kinds are equally likely.
    """

    dataset: str
    head: str
    gained: int
    lost: int
    points: float
    p: float

    def __str__(self) -> str:
        """`k400 vc -0.1 (1 gained, 2 lost)`."""
        return f"{self.dataset} {self.head} {self.points:+.1f} ({self.gained} gained, {self.lost} lost)"


@dataclass(frozen=True)
class Compared:
    """A run with its verdict; where its bits differ, the files that do and the videos answered otherwise.

    processors: before and now.
    """

    key: RunKey
    verdict: str
    flips: tuple[Flips, ...] = ()
    processors: tuple[str, ...] = ("", "")
    files: tuple[str, ...] = ()


def compare(keys: Sequence[RunKey], commit: str, points: float) -> list[Compared]:
    """The verdict on every run; where bits differ it is by the flips, with Holm's correction over all tests.

    Args:
        keys: runs whose files are here.
        commit: with the runs before.
        points: of top-1, the most that another processor explains.
    """
    found = [_compared(key, commit) for key in keys if key.provenance.exists() and key.metrics.exists()]
    tests = [flips.p for one in found for flips in one.flips]
    corrected = iter(statistics.holm(tests))
    judged = []
    for one in found:
        bad = [next(corrected) <= ALPHA or abs(flips.points) > points for flips in one.flips]
        judged.append(replace(one, verdict=DIFFERENT) if any(bad) else one)
    return judged


def _compared(key: RunKey, commit: str) -> Compared:
    def same(*files: Path) -> bool:
        return all(content(commit, file) == (file.read_bytes() if file.exists() else None) for file in files)

    told, before = content(commit, key.provenance), content(commit, key.outcomes)
    if told is None or before is None:
        return Compared(key, NEW)
    if same(key.provenance, key.evaluation_provenance):
        return Compared(key, UNTOUCHED)
    then, now = json.loads(told), json.loads(key.provenance.read_bytes())
    if then.get("config_sha") != now.get("config_sha"):
        return Compared(key, OTHER_CONFIG)
    processors = tuple(str(get_path(one, "machine", "processor")) for one in (then, now))
    files = (key.history, key.metrics, key.outcomes, key.label_features, key.confusion)
    if not (changed := tuple(path.name for path in files if not same(path))):
        return Compared(key, SAME, (), processors)
    flips = _flips(json.loads(before), json.loads(key.outcomes.read_bytes()))
    alike = same_processor(*processors) and then.get("versions") == now.get("versions")
    return Compared(key, DIFFERENT if flips is None or alike else WITHIN, flips or (), processors, changed)


def _flips(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Flips, ...] | None:
    """Of every set and head; None where the two were not asked the same videos by the same heads."""
    from scipy.stats import binomtest

    asked = [{(name, head) for name, one in told.items() for head in one["hits"]} for told in (before, now)]
    if asked[0] != asked[1]:
        return None
    found = []
    for name, head in sorted(asked[0]):
        old, new = before[name]["hits"][head], now[name]["hits"][head]
        if len(old) != len(new) or before[name]["splits"] != now[name]["splits"]:
            return None
        pairs = Counter(zip(old, new, strict=True))
        gained, lost = pairs["0", "1"], pairs["1", "0"]
        p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
        found.append(Flips(name, head, gained, lost, 100 * (gained - lost) / len(old), p))
    return tuple(found)


def lines(found: Sequence[Compared], commit: str) -> Iterator[str]:
    """What a person reads: each run whose bits differ, and how many came to which verdict."""
    for one in found:
        if one.verdict in (WITHIN, DIFFERENT):
            then, now = one.processors
            where = f"{then}, now {now}" if then != now else f"both on {now}"
            changed = "; ".join(str(flips) for flips in one.flips if flips.gained + flips.lost)
            if not changed:
                asked = "no video is answered otherwise" if one.flips else "other videos or heads were asked"
                changed = f"{asked}; other bytes in {', '.join(one.files)}"
            yield f"{one.key}: {one.verdict}, {where}: {changed}"
    counts = Counter(one.verdict for one in found)
    told = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    yield f"Runs against those of {commit}: {', '.join(told) or 'none here'}."
