"""A row and its runs as they lie in their files: read once, and every value that is not there is None."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, TypeGuard

from m2clip import runs
from m2clip.config import Run
from m2clip.parsing import build, flat
from m2clip.profiles import Profile
from m2clip.report.differences import label
from m2clip.report.numbers import FEWER_SEEDS, ONE_SEED, Number, Source
from m2clip.runs import LogLine, RunKey

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Nested = Mapping[str, Any]


@dataclass(frozen=True)
class SeedRun:
    """The small files of one row with one seed."""

    key: RunKey
    metrics: Nested | None
    history: list[LogLine] | None
    provenance: Nested | None

    @property
    def dataset(self) -> str | None:
        """What it was trained or tested on, by its metrics."""
        return get_path(self.metrics, "supervised", "dataset")

    @cached_property
    def confusion(self) -> "pd.DataFrame | None":
        """Counts, true label by predicted label."""
        counts = runs.read_confusion(self.key) if self.metrics else None
        return counts if counts is None else counts.set_index(counts.columns[0])

    @cached_property
    def outcomes(self) -> Nested | None:
        """By dataset, `hits` by head and `splits`: texts with a 1 for a video that is right, or in it."""
        return runs.read_outcomes(self.key) if self.metrics else None

    @cached_property
    def label_features(self) -> "np.ndarray | None":
        """Text features of the labels after training, (C, E)."""
        import numpy as np

        there = self.metrics and self.key.label_features.exists()
        return np.load(self.key.label_features).astype(float) if there else None


@dataclass(frozen=True)
class Row:
    """One line of a table: its config, and its runs in the order of the seeds.

    config: None where the row has not been resolved. stale: runs whose files are of another config.
    """

    name: str
    label: str
    config: Run | None
    runs: tuple[SeedRun, ...]
    stale: tuple[RunKey, ...] = ()

    @property
    def dataset(self) -> str | None:
        """What it is trained or tested on."""
        return self.config.data.dataset if self.config else None

    @property
    def trained(self) -> bool:
        """Whether the row trains anything, so that its result depends on the seed."""
        return bool(self.config and self.config.train.steps)

    @property
    def measured(self) -> tuple[SeedRun, ...]:
        """The runs that have been evaluated."""
        return tuple(run for run in self.runs if run.metrics)

    def number(self, *path: str, digits: int = 1) -> Number | None:
        """A metric over seeds, from the files that have it; `path` are keys of metrics.json."""
        found = self.over_seeds((get_path(run.metrics, *path) for run in self.runs), digits)
        return found and found.of(self.sources(".".join(path)))

    def over_seeds(self, numbers: Iterable[Any], digits: int = 1) -> Number | None:
        """The mean of one number of each seed; for a row that trains nothing without spread and marks."""
        there = [number for number in numbers if is_number(number)]
        found = mean(there, digits)
        if found is None or not self.trained:
            return found and replace(found, std=None)
        return found.marked(marks(len(there), len(self.runs)))

    def sources(self, *keys: str) -> list[Source]:
        """Keys of metrics.json, of every evaluated run."""
        return [Source(run.key.metrics, key, run.key) for run in self.measured for key in keys]

    def settings(self, *keys: str) -> list[Source]:
        """Keys of its resolved config, by which training was run; nothing where it is not resolved.

        Where its method has not all of them, the method and all of its options are given.
        """
        if self.config is None:
            return []
        own, known = flat(self.config.options), flat(self.config)
        if not set(keys) <= known.keys():
            keys = tuple(dict.fromkeys(["method", *(key for key in keys if key in known), *own]))
        file = self.runs[0].key.train_config
        return [Source(file, f"options.{key}" if key in own else key) for key in keys]

    def same(self, *path: str) -> Any:
        """A value of metrics.json on which all evaluated runs agree, else None."""
        values = [get_path(run.metrics, *path) for run in self.measured]
        return values[0] if values and all(value == values[0] for value in values) else None


def mean(numbers: Iterable[Any], digits: int = 1) -> Number | None:
    """Mean and sample standard deviation of the numbers that are there; None of nothing."""
    there = [float(number) for number in numbers if is_number(number)]
    if not there:
        return None
    return Number(value=fmean(there), std=stdev(there) if len(there) > 1 else None, digits=digits)


def marks(count: int, asked: int) -> str:
    """The marks of a number from `count` of `asked` seeds."""
    return (ONE_SEED if count == 1 else "") + (FEWER_SEEDS if count < asked else "")


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a number that can be shown: not missing, not NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def get_path(nested: Nested | None, *path: str) -> Any:
    """What lies at a path of keys, or None."""
    found: Any = nested
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def read(profile: Profile, name: str, seeds: Iterable[int], text: str | None = None) -> Row:
    """A declared row of a profile, whether or not its runs exist.

    Without a label (`text`) it is called by how it differs from the paper's model.
    """
    keys = runs.declared(profile.name, [name], seeds)
    train = runs.read_config(keys[0].train_config)
    evaluate = runs.read_config(keys[0].evaluate_config)
    config = None
    if train and evaluate:
        content = train | {"evaluate": {k: v for k, v in evaluate.items() if k != "inputs"}}
        content.pop("inputs", None)
        config = build(Run, content, source=str(keys[0].train_config))
    found = [
        SeedRun(key, runs.read_metrics(key), runs.read_history(key), runs.read_provenance(key))
        for key in keys
    ]
    sha = runs.digest(train) if train else None
    stale = tuple(
        run.key for run in found if sha and get_path(run.provenance, "config_sha") not in (None, sha)
    )
    gone = keys if config is None else stale  # without a config nothing says whose files these are
    kept = tuple(SeedRun(run.key, None, None, None) if run.key in gone else run for run in found)
    return Row(name, text or (label(config, profile) if config else name), config, kept, stale)
