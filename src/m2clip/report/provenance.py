"""What stands behind the numbers: provenance.csv, and what a page tells once of runs and of other files."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from m2clip.report import facts, published
from m2clip.report.grid import Cell, Column, Grid, Line, shown, sources
from m2clip.report.numbers import Source
from m2clip.report.parts import Section
from m2clip.report.results import Results
from m2clip.report.run_facts import Made
from m2clip.runs import RunKey

HEADER = ("table", "row", "column", "value", "file", "key", "seed", "commit", "evaluation_commit")


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
