"""How a run came about: from its two provenance.json and its config."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from m2clip import runs
from m2clip.profiles import Profile
from m2clip.provenance import processor
from m2clip.report.differences import difference
from m2clip.report.row import Row, SeedRun, get_path
from m2clip.runs import RunKey


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a run came about. Seconds of wall time; a commit with changes on top ends in `-dirty`.

    inputs: digests of the videos, the backbone and the code. differences: from the paper's model. here:
    trained on this machine, whose processor it names and which has its weights; others came with the clone.
    """

    key: RunKey
    label: str
    differences: tuple[str, ...]
    config_sha: str | None
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    commit: str | None
    evaluation_commit: str | None
    command: str | None
    evaluation_command: str | None
    machine: str
    started: str | None
    seconds: float | None
    evaluation_seconds: float | None
    here: bool

    def facts(self) -> Iterator[tuple[str, str]]:
        """Names and values as one reads them."""
        differs = ", ".join(self.differences) or "nothing"
        inputs = dict(self.inputs)
        code = [(name, inputs.pop(name)) for name in ("method", "code") if name in inputs]
        backbone, videos = (inputs.pop(name, "unknown") for name in ("backbone", "videos"))
        times = (("training", self.seconds), ("evaluation", self.evaluation_seconds))
        seconds = ", ".join(f"{what} {told:.1f} s" for what, told in times if told is not None)
        yield "config", f"{self.key.train_config}, {self.key.evaluate_config}"
        yield "differs", f"{differs} (from the paper's model under the profile)"
        yield "seed", str(self.key.seed)
        yield "commit", f"{self.commit or 'unknown'}, evaluated {self.evaluation_commit or 'unknown'}"
        yield "data", _joined(inputs) or videos
        yield "backbone", backbone
        yield from code
        yield "command", f"{self.command or 'unknown'}; {self.evaluation_command or 'unknown'}"
        yield "machine", self.machine or "unknown"
        yield "started", self.started or "unknown"
        yield "wall time", seconds or "unknown"
        yield "versions", _joined(self.versions) or "unknown"


def all_made(rows: Iterable[Row], profile: Profile) -> dict[RunKey, Made]:
    """Every evaluated run of the rows."""
    return {run.key: _made(run, row, profile) for row in rows for run in row.measured}


def _made(run: SeedRun, row: Row, profile: Profile) -> Made:
    trained, evaluated = run.provenance, runs.read_evaluation(run.key)
    return Made(
        key=run.key,
        label=row.label,
        differences=tuple(difference(row.config, profile)) if row.config else (),
        config_sha=get_path(trained, "config_sha"),
        inputs={**(get_path(evaluated, "inputs") or {}), **(get_path(trained, "inputs") or {})},
        versions=get_path(trained, "versions") or {},
        commit=_commit(trained),
        evaluation_commit=_commit(evaluated),
        command=get_path(trained, "command"),
        evaluation_command=get_path(evaluated, "command"),
        machine=_machine(trained),
        started=get_path(trained, "started"),
        seconds=get_path(trained, "seconds"),
        evaluation_seconds=get_path(evaluated, "seconds"),
        here=run.key.weights.exists() and get_path(trained, "machine", "processor") == processor(),
    )


def _joined(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _commit(told: Mapping[str, Any] | None) -> str | None:
    commit = get_path(told, "commit")
    return f"{commit}-dirty" if commit and get_path(told, "dirty") else commit


def _machine(told: Mapping[str, Any] | None) -> str:
    machine = get_path(told, "machine") or {}
    parts = [machine.get("system"), machine.get("processor")]
    parts += [f"{machine['cores']} cores"] if "cores" in machine else []
    parts += [f"on {device}"] if (device := get_path(told, "device")) else []
    return ", ".join(str(part) for part in parts if part)
