"""Where numbers come from: how each run was made, provenance.csv, and what a page tells of runs and files."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.profiles import Profile
from m2clip.provenance import processor
from m2clip.report import facts, published
from m2clip.report.differences import difference
from m2clip.report.grid import Cell, Column, Grid, Line, shown, sources
from m2clip.report.numbers import Source
from m2clip.report.parts import Section
from m2clip.report.results import Results
from m2clip.report.row import Row, SeedRun, get_path
from m2clip.runs import RunKey

HEADER = ("table", "row", "column", "value", "file", "key", "seed", "commit", "evaluation_commit")


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
    trained, evaluated = run.provenance or {}, runs.read_evaluation(run.key) or {}
    return Made(
        key=run.key,
        label=row.label,
        differences=tuple(difference(row.config, profile)) if row.config else (),
        inputs={**(evaluated.get("inputs") or {}), **(trained.get("inputs") or {})},
        versions=trained.get("versions") or {},
        commit=_commit(trained),
        evaluation_commit=_commit(evaluated),
        evaluation_command=evaluated.get("command"),
        machine=_machine(trained),
        evaluation_seconds=evaluated.get("seconds"),
        **{key: trained.get(key) for key in ("config_sha", "command", "started", "seconds")},
        here=run.key.weights.exists() and get_path(trained, "machine", "processor") == processor(),
    )


def _joined(values: Mapping[str, str]) -> str:
    return ", ".join(map(" ".join, values.items()))


def _commit(told: Mapping[str, Any]) -> str | None:
    commit = told.get("commit")
    return f"{commit}-dirty" if commit and told.get("dirty") else commit


def _machine(told: Mapping[str, Any]) -> str:
    machine = told.get("machine") or {}
    parts = [machine.get("system"), machine.get("processor")]
    parts += [f"{machine['cores']} cores"] if "cores" in machine else []
    parts += [f"on {device}"] if (device := told.get("device")) else []
    return ", ".join(str(part) for part in parts if part)


def by_file(given: Iterable[Source]) -> dict[tuple[Path, RunKey | None], list[str]]:
    """The keys in each file, and the run that wrote it."""
    found: dict[tuple[Path, RunKey | None], list[str]] = {}
    for source in given:
        found.setdefault((source.file, source.run), []).append(source.key)
    return found


def of_sections(sections: Iterable[Section]) -> Iterator[tuple[str, Line, Column, Cell]]:
    """Every cell with sources; with its table, or with the page of the section that it stands in."""
    for section in sections:
        for part in section.parts:
            if isinstance(part, Grid):
                yield from ((section.page or part.key, *found) for found in part.cells() if sources(found[2]))


def csv_text(sections: Iterable[Section], made: Mapping[RunKey, Made]) -> str:
    """A line for each value and file that it is made of, with all keys in it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for table, line, column, cell in of_sections(sections):
        for (file, key), inside in by_file(sources(cell)).items():
            run = made.get(key) if key else None
            behind = [run.key.seed, run.commit, run.evaluation_commit] if run else [""] * 3
            told = [table, line.name or line.label, column.key, shown(cell)]
            writer.writerow([*told, file.as_posix(), "; ".join(inside), *behind])
    return stream.getvalue()


@dataclass(frozen=True)
class Behind:
    """Where numbers come from, such as a run: names and values, told once on a page under its key."""

    key: str
    title: str
    facts: tuple[tuple[str, str], ...]


def key_of(source: Source) -> str:
    """The key of what a page tells of a source's run or file; empty where it tells nothing."""
    if source.run:
        return f"run-{source.run.row}-{source.run.seed}"
    file = source.file
    if file == facts.COMPLEXITY:
        return "complexity-counts"
    if file.parent == published.FOLDER:
        return f"published-{file.stem}"
    return f"data-{file.stem}" if file.parent.name == "data" and file.suffix == ".csv" else ""


def all_behind(results: Results, made: Iterable[Made], datasets: Iterable[str]) -> Iterator[Behind]:
    """All that a number of the page may name."""
    for run in made:
        told = [(name[0].upper() + name[1:], value) for name, value in run.facts()]
        mlflow = ("Id in MLflow", f"where the store is, `m2clip trace {run.key.row}` prints it")
        key = key_of(Source(run.key.metrics, run=run.key))
        yield Behind(key, f"Run {run.key}: {run.label}", (*told, mlflow))
    for file in sorted(published.FOLDER.glob("*.csv")):
        told = [("File", str(file)), ("From", "the paper, transcribed")]
        yield Behind(key_of(Source(file)), f"Published by the paper: {file.stem}", tuple(told))
    how = "the stage complexity: ViT-B/16 with the 400 labels of K400, no weights needed"
    file = facts.COMPLEXITY
    yield Behind(key_of(Source(file)), "Counts at full size", (("File", str(file)), ("Made by", how)))
    profile = results.profile.name
    for dataset in datasets:
        for file in sorted(facts.sheets(profile).glob(f"{dataset}*.csv")):
            how = f"the stage sheets from data/{profile}/{dataset}"
            kind = file.stem.removeprefix(dataset).replace("_", ", ")
            title = f"Data sheet: {results.names.dataset(dataset)}{kind}"
            yield Behind(key_of(Source(file)), title, (("File", str(file)), ("Made by", how)))


def of_cell(line: Line, column: Column, cell: Cell) -> tuple[list[str], list[tuple[str, str]]]:
    """What a page tells of a cell: keys of what stands behind it, its files and how it is made of them."""
    given = sources(cell)
    told = [("From", str(Source(file, "; ".join(keys)))) for (file, _), keys in by_file(given).items()]
    told += [("How", column.how)] if column.how and told and line.name else []
    return list(dict.fromkeys(filter(None, map(key_of, given)))), told
