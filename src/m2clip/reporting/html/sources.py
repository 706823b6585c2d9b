"""What stands behind numbers: a run, a file of the paper's numbers, the counts at full size, a data sheet."""

from collections.abc import Iterator

from m2clip.reporting import facts, published
from m2clip.reporting.html import papers
from m2clip.reporting.html.parts import Source
from m2clip.reporting.names import MISSING
from m2clip.reporting.page import Report
from m2clip.reporting.results import Row, SeedRun, look

COUNTED = Source(
    key="complexity",
    title="Counts at full size",
    facts=(
        ("File", str(facts.COMPLEXITY)),
        ("Made by", "the stage complexity: ViT-B/16 with the 400 labels of K400, no weights needed"),
    ),
)
NAMES = {  # of provenance.json
    "commit": "Commit",
    "command": "Command",
    "device": "Device",
    "started": "Started",
    "seconds": "Wall time, s",
    "config_sha": "Hash of the config",
}


def of_run(row: Row, run: SeedRun) -> Source:
    """A run: its files, config, seed, commit, hashes of data and backbone, command, machine, wall time."""
    told = run.provenance
    machine = look(told, "machine") or {}
    changed = " with changes" if look(told, "dirty") else ""
    known = {name: look(told, key) for key, name in NAMES.items()}
    known["Commit"] = f"{known['Commit']}{changed}" if known["Commit"] else None
    values = {
        "Row": row.name,
        "Seed": run.key.seed,
        "Numbers": run.key.metrics,
        "Config": f"{run.key.train_config}, {run.key.evaluate_config}",
        **known,
        "Machine": ", ".join(f"{name} {value}" for name, value in machine.items()) or None,
        **{f"Hash of {name}": value for name, value in (look(told, "inputs") or {}).items()},
        "Versions": ", ".join(f"{name} {value}" for name, value in (look(told, "versions") or {}).items()),
    }
    facts = tuple((name, MISSING if value in (None, "") else str(value)) for name, value in values.items())
    return Source(key=run_key(run), title=f"Run {run.key}: {row.label}", facts=facts)


def run_key(run: SeedRun) -> str:
    """The key of a run's source."""
    return f"run-{run.key.row}-{run.key.seed}"


def of_published(name: str) -> Source:
    """A file of the paper's numbers."""
    told = (("File", str(published.FOLDER / f"{name}.csv")), ("From", "the paper, transcribed"))
    return Source(key=f"published-{name}", title=f"Published by the paper: {name}", facts=told)


def of_sheet(profile: str, dataset: str, shown: str) -> Source:
    """The facts of a dataset."""
    file = facts.sheets(profile) / f"{dataset}.csv"
    told = (("File", str(file)), ("Made by", f"the stage sheets from data/{profile}/{dataset}"))
    return Source(key=f"data-{dataset}", title=f"Data sheet: {shown}", facts=told)


def all_sources(report: Report) -> Iterator[Source]:
    """Every source that a number of the page may name."""
    files = [name for table in report.tables for name in papers.FILES.get(table.name, ())]
    files += [spec.published for table in report.tables if (spec := report.specs[table.name]).published]
    for row in report.rows:
        yield from (of_run(row, run) for run in row.measured)
    yield from (of_published(name) for name in dict.fromkeys(files))
    yield COUNTED
    for dataset in report.datasets:
        yield of_sheet(report.profile, dataset, report.context.names.dataset(dataset))
