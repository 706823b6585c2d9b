"""What stands behind numbers, told once: runs, files of the paper's numbers, counts, data sheets."""

from collections.abc import Iterator
from pathlib import Path

from m2clip.report import facts
from m2clip.report.html.parts import Cell, Source
from m2clip.report.names import MISSING
from m2clip.report.page import Report
from m2clip.report.provenance import Origin
from m2clip.report.run_facts import Made
from m2clip.report.sources import Source as Place
from m2clip.report.tables import published

COUNTED = Source(
    key="complexity",
    title="Counts at full size",
    facts=(
        ("File", str(facts.COMPLEXITY)),
        ("Made by", "the stage complexity: ViT-B/16 with the 400 labels of K400, no weights needed"),
    ),
)


def of_run(run: Made) -> Source:
    """A run: all that `m2clip trace` prints of it, but for its id in MLflow, whose store is not in git."""
    told = [(name[0].upper() + name[1:], value) for name, value in run.facts()]
    mlflow = ("Id in MLflow", f"where the store is, `m2clip trace {run.key.row}` prints it")
    return Source(key=_of_run(run), title=f"Run {run.key}: {run.label}", facts=(*told, mlflow))


def _of_run(run: Made) -> str:
    return f"run-{run.key.row}-{run.key.seed}"


def behind(text: str, order: float | str | None, origin: Origin | None) -> Cell:
    """A cell with what stands behind it: files and keys, how the number is made of them, its runs."""
    if origin is None or text == MISSING:
        return Cell(text, order)
    told = [("From", str(Place(file, "; ".join(keys)))) for (file, _), keys in origin.files().items()]
    told += [("How", origin.how)] if origin.how else []
    keys = [_of_run(run) for run in origin.runs]
    keys += [key for source in origin.sources if (key := _of_file(source.file))]
    return Cell(text, order, tuple(dict.fromkeys(keys)), tuple(told))


def printed(text: str, order: float | None, place: Place) -> Cell:
    """A cell that the paper printed."""
    key = _of_file(place.file)
    return Cell(text, order, (key,) if key else (), (("From", str(place)),))


def _of_file(file: Path) -> str:
    """The key of the source that tells of a file that no run wrote; empty where none does."""
    if file == facts.COMPLEXITY:
        return COUNTED.key
    if file.parent == published.FOLDER:
        return f"published-{file.stem}"
    return f"data-{file.stem}" if file.parent.name == "data" and file.suffix == ".csv" else ""


def of_published(file: Path) -> Source:
    """A file of the paper's numbers."""
    told = (("File", str(file)), ("From", "the paper, transcribed"))
    return Source(key=_of_file(file), title=f"Published by the paper: {file.stem}", facts=told)


def of_sheet(profile: str, dataset: str, shown: str) -> Source:
    """The facts of a dataset."""
    file = facts.sheets(profile) / f"{dataset}.csv"
    told = (("File", str(file)), ("Made by", f"the stage sheets from data/{profile}/{dataset}"))
    return Source(key=_of_file(file), title=f"Data sheet: {shown}", facts=told)


def all_sources(report: Report) -> Iterator[Source]:
    """Every source that a number of the page may name."""
    yield from (of_run(run) for run in report.traced.made.values())
    yield from (of_published(file) for file in sorted(published.FOLDER.glob("*.csv")))
    yield COUNTED
    for dataset in report.datasets:
        yield of_sheet(report.profile, dataset, report.context.names.dataset(dataset))
