"""Where numbers come from: how each run was made, provenance.csv, and what a page tells of runs and files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.profiles import Profile
from m2clip.provenance import processor, same_processor
from m2clip.report import facts, published
from m2clip.report.differences import difference
from m2clip.report.grid import Cell, Column, Grid, Line, comma_separated, shown, sources
from m2clip.report.numbers import Source
from m2clip.report.parts import Section
from m2clip.report.results import Results
from m2clip.report.row import Row, get_path
from m2clip.runs import RunKey

HEADER = ("table", "row", "column", "value", "file", "key", "seed", "commit", "evaluation_commit")


@dataclass(frozen=True)
class Made:
    """How a run came about, by what its training and its evaluation wrote of themselves.

    differences: from the paper's model. here: whether it was trained on this machine, that is on its
    processor and with its weights there; other runs came with the clone.
    """

    key: RunKey
    label: str
    differences: tuple[str, ...]
    trained: Mapping[str, Any]
    evaluated: Mapping[str, Any]
    here: bool

    @property
    def commits(self) -> list[str]:
        """Of training and evaluation, with changes on top as `<commit>-dirty`; empty where it is unknown."""
        both = ((told.get("commit"), told.get("dirty")) for told in (self.trained, self.evaluated))
        return [f"{commit}-dirty" if commit and dirty else commit or "" for commit, dirty in both]

    @property
    def inputs(self) -> dict[str, str]:
        """Digests of the videos, the backbone and the code."""
        return {**(self.evaluated.get("inputs") or {}), **(self.trained.get("inputs") or {})}

    @property
    def machine(self) -> str:
        """`Linux, Intel(R) Xeon(R), 4 cores, on cpu`, as far as it is known."""
        told = self.trained.get("machine") or {}
        parts = [told.get("system"), told.get("processor")]
        parts += [f"{told['cores']} cores"] if "cores" in told else []
        parts += [f"on {device}"] if (device := self.trained.get("device")) else []
        return ", ".join(str(part) for part in parts if part)

    def facts(self) -> Iterator[tuple[str, str]]:
        """Names and values as one reads them; seconds are of wall time."""
        inputs = self.inputs
        code = [(name, inputs.pop(name)) for name in ("method", "code") if name in inputs]
        backbone, videos = (inputs.pop(name, "unknown") for name in ("backbone", "videos"))
        both = (("training", self.trained), ("evaluation", self.evaluated))
        times = [f"{what} {told['seconds']:.1f} s" for what, told in both if told.get("seconds") is not None]
        trained, evaluated = (commit or "unknown" for commit in self.commits)
        yield "config", f"{self.key.train_config}, {self.key.evaluate_config}"
        differs = ", ".join(self.differences) or "nothing"
        yield "differs", f"{differs} (from the paper's model under the profile)"
        yield "seed", str(self.key.seed)
        yield "commit", f"{trained}, evaluated {evaluated}"
        yield "data", _joined(inputs) or videos
        yield "backbone", backbone
        yield from code
        yield "command", "; ".join(told.get("command") or "unknown" for _, told in both)
        yield "machine", self.machine or "unknown"
        yield "started", self.trained.get("started") or "unknown"
        yield "wall time", ", ".join(times) or "unknown"
        if decoder := dict(self.trained.get("decoder") or {}):
            yield "decoder", f"{decoder.pop('asked')} ({_joined(decoder)})"
        yield "versions", _joined(self.trained.get("versions") or {}) or "unknown"


def all_made(rows: Iterable[Row], profile: Profile) -> dict[RunKey, Made]:
    """Every evaluated run of the rows."""
    found = {}
    for row in rows:
        differences = tuple(difference(row.config, profile)) if row.config else ()
        for run in row.measured:
            trained, key = run.provenance or {}, run.key
            there = str(get_path(trained, "machine", "processor"))
            here = key.weights.exists() and same_processor(there, processor())
            evaluated = runs.read_evaluation(key) or {}
            found[key] = Made(key, row.label, differences, trained, evaluated, here)
    return found


def _joined(values: Mapping[str, str]) -> str:
    return ", ".join(map(" ".join, values.items()))


def by_file(given: Iterable[Source]) -> dict[tuple[Path, RunKey | None], list[str]]:
    """The sources' keys, grouped by file and by the run that wrote it."""
    found: dict[tuple[Path, RunKey | None], list[str]] = {}
    for source in given:
        found.setdefault((source.file, source.run), []).append(source.key)
    return found


def csv_text(sections: Iterable[Section], made: Mapping[RunKey, Made]) -> str:
    """A CSV with a line for each shown value and each file that it is made of, with all keys in that file.

    The first column names the value's table, or its section's page where that has one.
    """
    lines = []
    tables = (
        (section.page, part) for section in sections for part in section.parts if isinstance(part, Grid)
    )
    for page, table in tables:
        for line, column, cell in table.cells():
            told = [page or table.key, line.name or line.label, column.key, shown(cell)]
            for (file, key), inside in by_file(sources(cell)).items():
                run = made.get(key) if key else None
                behind = [run.key.seed, *run.commits] if run else [""] * 3
                lines.append([*told, file.as_posix(), "; ".join(inside), *behind])
    return comma_separated(HEADER, lines)


@dataclass(frozen=True)
class Behind:
    """A run or a file that numbers come from: a page shows its facts once; numbers refer to its key."""

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
    """Every run, and every published, complexity and data file, that a number of the page may come from."""
    for run in made:
        told = [(name[0].upper() + name[1:], value) for name, value in run.facts()]
        mlflow = ("Id in MLflow", f"where the store is, `m2clip trace {run.key.row}` prints it")
        key = key_of(Source(run.key.metrics, run=run.key))
        yield Behind(key, f"Run {run.key}: {run.label}", (*told, mlflow))
    for file in sorted(published.FOLDER.glob("*.csv")):
        by, origin = "the paper", "the paper, transcribed"
        if file.stem == published.PROTOCOLS:
            by, origin = "others", "what its column `source` names"
        yield _of_file(file, f"Published by {by}: {file.stem}", "From", origin)
    counts = "the stage complexity: ViT-B/16 with the 400 labels of K400, no weights needed"
    yield _of_file(facts.COMPLEXITY, "Counts at full size", "Made by", counts)
    profile = results.profile.name
    for dataset in datasets:
        for file in sorted(facts.sheets(profile).glob(f"{dataset}*.csv")):
            kind = file.stem.removeprefix(dataset).replace("_", ", ")
            title = f"Data sheet: {results.names.dataset(dataset)}{kind}"
            yield _of_file(file, title, "Made by", f"the stage sheets from data/{profile}/{dataset}")


def _of_file(file: Path, title: str, name: str, value: str) -> Behind:
    return Behind(key_of(Source(file)), title, (("File", str(file)), (name, value)))


def of_cell(line: Line, column: Column, cell: Cell) -> tuple[list[str], list[tuple[str, str]]]:
    """What a page tells of a cell: keys of what stands behind it, its files and how it is made of them."""
    given = sources(cell)
    told = [("From", str(Source(file, "; ".join(keys)))) for (file, _), keys in by_file(given).items()]
    told += [("How", column.how)] if column.how and told and line.name else []
    return list(dict.fromkeys(filter(None, map(key_of, given)))), told
