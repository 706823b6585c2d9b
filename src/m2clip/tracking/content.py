"""What of a run's files goes into MLflow: name, tags, parameters, metrics, datasets, curves, notes."""

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from m2clip import experiment, profiles, runs
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.parsing import build
from m2clip.runs import LogLine, RunKey
from m2clip.tracking.store import HIDDEN, Point

LAYOUT = "2"  # of everything below; a run of an older one is made again from the files
PROVENANCE = {
    "dirty": "dirty",
    "dvc_exp": "dvc_experiment",
    "device": "device",
}  # tag: key of provenance.json
CONSTANTS = {"videos", "frames", "crops", "clips", "classes"}  # in metrics.json, but measured by nobody
IN_FILE = {"splits", "full"}  # parts of metrics.json that stay in the file
LOSS = "train/loss"


@dataclass(frozen=True)
class Dataset:
    """A dataset that a run read: its manifest's digest, and what for."""

    name: str
    digest: str
    folder: str
    context: str  # training, evaluation or zero-shot

    def source(self) -> str:
        """Where it lies, as MLflow's source type `local` has it."""
        return json.dumps({"uri": self.folder})


@dataclass(frozen=True)
class Result:
    """The files of a run, as MLflow is to show them."""

    key: RunKey
    name: str
    tags: dict[str, str]
    in_tables: bool  # whether the tags say which tables show it
    params: dict[str, str]
    curve: list[LogLine]
    metrics: dict[str, float]
    datasets: list[Dataset]
    artifacts: list[Path]
    started: int | None
    ended: int | None

    def points(self) -> list[Point]:
        """The curves, spread over the time of the training: history.csv has no clock."""
        begin, end = self.started or 0, self.ended or self.started or 0
        last = max((line.step for line in self.curve), default=0) or 1
        return [
            Point(
                line.step,
                begin + (end - begin) * line.step // last,
                curves(line.values),
            )
            for line in self.curve
        ]


def read(key: RunKey, tables: Mapping[str, Iterable[str]] | None) -> Result | str:
    """The files of a run, or why there is nothing to show yet.

    Args:
        key: profile, row and seed.
        tables: names of the tables that show a row, by row; each becomes a tag. None where that is not known.

    Raises:
        UserError: when a file cannot be read.
    """
    train, evaluate = runs.read_config(key.train_config), runs.read_config(key.evaluate_config)
    history, metrics = runs.read_history(key), runs.read_metrics(key)
    provenance = runs.read_provenance(key) or {}
    if train is None:
        return f"{key}: {key.train_config} is missing"
    if metrics is None:
        return f"{key}: not evaluated yet, {key.metrics} is missing"
    tags = base_tags(key, train)
    if provenance.get("config_sha", tags["config_sha"]) != tags["config_sha"]:
        return f"{key}: {key.train_config} has changed since it was trained"
    tags |= texts({tag: provenance.get(name) for tag, name in PROVENANCE.items()})
    tags |= texts({"evaluate_sha": runs.digest(evaluate)})
    tags |= texts({f"table.{name}": True for name in (tables or {}).get(key.row, ())})
    tags |= source_tags(provenance.get("command"), provenance.get("commit"))
    tags["mlflow.note.content"] = note(key)
    files = [key.train_config, key.evaluate_config, key.metrics, key.provenance, key.confusion]
    started, ended = _times(provenance)
    return Result(
        key=key,
        name=name(key, train),
        tags=tags,
        in_tables=tables is not None,
        params=settings(train, evaluate) | constants(metrics),
        curve=history or [],
        metrics=numbers(metrics),
        datasets=datasets(key, train, evaluate or {}),
        artifacts=[file for file in files if file.exists()],
        started=started,
        ended=ended,
    )


def name(key: RunKey, train: Any) -> str:
    """Row and seed; what is explored on `main` is called by the keys that differ."""
    differs = explored(key, train)
    shown = f"{key.row}: {', '.join(differs)}" if differs else key.row
    return f"{shown}/{key.seed}" if len(shown) < 200 else f"{shown[:200]}…/{key.seed}"


def explored(key: RunKey, train: Any) -> list[str]:
    """How the configs of `main` differ from the profile's, as `key=value`; a row has a name instead."""
    if key.row != experiment.MAIN:
        return []
    from m2clip.report.differences import difference

    evaluate = runs.read_config(key.evaluate_config) or {}
    content = _without_inputs(train) | {"evaluate": _without_inputs(evaluate)}
    with contextlib.suppress(UserError):  # of a profile that is not declared here
        return difference(build(Run, content), profiles.read(key.profile))
    return []


def base_tags(key: RunKey, train: Any) -> dict[str, str]:
    """The tags that key, config and environment give."""
    found = runs.parameters(train)
    return texts(
        {
            "run_key": str(key),
            "profile": key.profile,
            "row": key.row,
            "seed": key.seed,
            "config_sha": runs.digest(train),
            "dataset": found.get("data.dataset"),
            "method": found.get("method"),
            "dvc_exp": os.environ.get("DVC_EXP_NAME"),
            "differs": ", ".join(explored(key, train)) or None,
            f"{HIDDEN}layout": LAYOUT,
        }
    )


def source_tags(command: str | None, commit: str | None) -> dict[str, str]:
    """MLflow's own tags of what was run: the entry point of `python -m MODULE …`, and the commit."""
    _, _, module = (command or "").partition(" -m ")
    tags = {"mlflow.source.name": module.split()[0] if module else command}
    tags |= {"mlflow.source.type": command and "LOCAL", "mlflow.source.git.commit": commit}
    return texts(tags)


def texts(tags: Mapping[str, Any]) -> dict[str, str]:
    """Tags as MLflow takes them, without the null ones; true and false as in YAML."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in tags.items()
        if value is not None
    }


def settings(train: Any, evaluate: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Resolved configs as parameters; the digests of their inputs belong to the datasets."""
    content = _without_inputs(train)
    return runs.parameters(content | ({"evaluate": _without_inputs(evaluate)} if evaluate else {}))


def _without_inputs(config: Mapping[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in config.items() if part != "inputs"}


def constants(metrics: Mapping[str, Any]) -> dict[str, str]:
    """What metrics.json says of the test sets rather than of the model: `supervised.videos`."""
    flat = runs.flatten(metrics)
    chosen = {path: value for path, value in flat.items() if path.rpartition("/")[2] in CONSTANTS}
    return {
        path.replace("/", "."): f"{value:g}"
        for path, value in chosen.items()
        if not IN_FILE & set(path.split("/")) and "no_text_adapter" not in path
    }


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """What was measured, as `supervised/top1` and `zero_shot/ucf101/half_top1`.

    MLflow draws one section of charts for what stands before the last slash. Rounded to 0.001 points, so that
    a table of runs can be read; metrics.json has all digits and the numbers of single splits.
    """
    found = {}
    for path, value in runs.flatten(metrics).items():
        parts = path.split("/")
        if parts[-1] in CONSTANTS or IN_FILE & set(parts):
            continue
        section = 2 if parts[0] == "zero_shot" else 1
        found["/".join([*parts[:section], "_".join(parts[section:])])] = round(value, 3)
    return found


def curves(values: Mapping[str, float]) -> dict[str, float]:
    """A log step as metrics: the loss first, which MLflow compares first; the epoch left out."""
    chosen = sorted((name for name in values if name != "epoch"), key=lambda name: name != "loss")
    return {f"train/{name}": values[name] for name in chosen}


def datasets(key: RunKey, train: Mapping[str, Any], evaluate: Mapping[str, Any]) -> list[Dataset]:
    """The datasets of a run, from the digests of their manifests in the resolved configs."""
    trained = str(train.get("data", {}).get("dataset"))
    found = {("training", trained): train.get("inputs", {}).get("videos")}
    for each, digest in evaluate.get("inputs", {}).items():
        found["evaluation" if each == trained else "zero-shot", each] = digest
    return [
        Dataset(each, digest[:12], f"data/{key.profile}/{each}", context)
        for (context, each), digest in found.items()
        if digest
    ]


def note(key: RunKey) -> str:
    """The description on the run's page: where its files are and how to follow its numbers."""
    return (
        f"Row `{key.row}`, seed {key.seed}, profile `{key.profile}`. Its files are in `{key.folder}`; "
        f"`m2clip trace {key.row}` follows its numbers into the tables."
    )


def same(one: float, other: float) -> bool:
    """Equal as far as the digits of history.csv go."""
    return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))


def _times(provenance: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Start and end in milliseconds; `started` is an ISO time or seconds since 1970."""
    started, seconds = provenance.get("started"), provenance.get("seconds") or 0
    if started is None:
        return None, None
    since = datetime.fromisoformat(started).timestamp() if isinstance(started, str) else float(started)
    return int(since * 1000), int((since + seconds) * 1000)
