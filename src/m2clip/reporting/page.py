"""reports/<profile>/README.md: what ran, tables, figures, data. No number is typed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m2clip.reporting import levels
from m2clip.reporting.columns import Context, title, views
from m2clip.reporting.figures import Figure
from m2clip.reporting.names import MISSING
from m2clip.reporting.results import Row, SeedRun, is_number, look
from m2clip.reporting.tables import Table, escape_markdown, markdown, markdown_rows, shown

FACTS = {
    "splits": "Videos by split",
    "labels": "Labels",
    "frames": "Frames, min / median / max",
    "fps": "Frames a second",
    "size": "Size, px",
    "minutes": "Duration in all, min",
    "invalid_percent": "Invalid, %",
}
KINDS = ("objects", "still verbs", "motion verbs", "backgrounds")  # of the words in the backbone's card
WIDTH = 420  # pixels of a figure drawn for a column


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    profile: str
    rows: Sequence[Row]
    tables: Sequence[Table]
    context: Context
    datasets: Sequence[str]
    backbone: str
    card: Mapping[str, Any] | None
    figures: Mapping[str, Sequence[Figure]]
    claims: str


def page(report: Report) -> str:
    """The whole page."""
    parts = [_head(report), _results(report), _ran(report), _data(report)]
    if report.context.names.standins:
        parts.append(_levels(report))
    parts.append(_convergence(report))
    return "\n".join(parts)


def _head(report: Report) -> str:
    names = [report.context.names.dataset(name) for name in report.datasets]
    text = f"# M²-CLIP, profile `{report.profile}`\n\n"
    if report.context.names.standins:
        text += (
            "> **Stand-in data.** The videos are generated and the backbone is a small CLIP pre-trained on "
            "still pictures of the same generated world. Such numbers say nothing about the paper's. What "
            "the paper printed is marked as published; between the two only steps from a reference row "
            "compare, and they share no axis.\n\n"
        )
    text += f"Data: {', '.join(names)}. Backbone: {report.backbone}."
    if report.card:
        told = look(report.card, "zero_shot") or {}
        accuracies = ", ".join(f"{kind} {told[kind]:.1f} %" for kind in KINDS if is_number(told.get(kind)))
        text += f" Zero-shot on stills it was not trained on, it names {accuracies}" if accuracies else ""
        text += " ([its card](../../experiments/backbone/README.md))." if accuracies else ""
    return (
        f"{text}\n\nRendered by the stage `report` from the files of the runs; a value that is not there is "
        f"shown as {MISSING}.\n"
    )


def _ran(report: Report) -> str:
    headers = (
        "Row", "Dataset", "Seeds", "Steps", "Batch", "Learning rate", "τ", "Frames × crops × clips",
        "Training, min", "Commit",
    )  # fmt: skip
    lines = []
    for row in report.rows:
        seeds = ", ".join(str(run.key.seed) for run in row.measured)
        lines.append(
            [
                row.label,
                report.context.names.dataset(row.dataset) if row.dataset else MISSING,
                seeds or MISSING,
                *_recipe(row),
                shown(views(row)),
                ", ".join(_minutes(run) for run in row.measured) or MISSING,
                ", ".join(dict.fromkeys(_commit(run) for run in row.measured)) or MISSING,
            ]
        )
    machines = dict.fromkeys(_machine(run) for row in report.rows for run in row.measured)
    text = "## What ran\n\n" + markdown_rows(
        headers, lines, [True, True, True, False, False, False, False, True, True, True]
    )
    missing = [f"`{run.key}`" for row in report.rows for run in row.runs if not run.metrics]
    if missing:
        text += f"\nNot run yet: {', '.join(missing)}.\n"
    stale = [f"`{key}`" for row in report.rows for key in row.stale]
    if stale:
        text += f"\nMade with another config than the declared one, so left out: {', '.join(stale)}.\n"
    dropped = sorted({path for row in report.rows for run in row.measured for path in _dropped(run)})
    if dropped:
        text += f"\nLeft out of training as unreadable: {len(dropped)} videos, such as `{dropped[0]}`.\n"
    if machines:
        text += f"\nMachine: {'; '.join(machines)}.\n"
    return text


def _recipe(row: Row) -> list[str]:
    """Steps, batch, learning rate and temperature of a row; nothing but the last where nothing is trained."""
    if row.config is None:
        return [MISSING] * 4
    train, tau = row.config.train, row.config.backbone.temperature
    numbers = (
        [shown(train.steps), shown(train.batch), f"{train.lr:g}"] if train.steps else ["0", MISSING, MISSING]
    )
    return [*numbers, "CLIP's" if tau is None else f"{tau:g}"]


def _dropped(run: SeedRun) -> list[str]:
    return list(look(run.provenance, "dropped_videos") or [])


def _minutes(run: SeedRun) -> str:
    seconds = look(run.provenance, "seconds")
    return f"{seconds / 60:.1f}" if is_number(seconds) else MISSING


def _commit(run: SeedRun) -> str:
    commit = look(run.provenance, "commit")
    changed = " with changes" if look(run.provenance, "dirty") else ""
    return f"{commit[:12]}{changed}" if isinstance(commit, str) else MISSING


def _machine(run: SeedRun) -> str:
    machine = look(run.provenance, "machine") or {}
    told = [machine.get("system"), machine.get("processor"), f"{machine.get('cores', MISSING)} cores"]
    told.append(f"trained on {look(run.provenance, 'device') or MISSING}")
    return escape_markdown(", ".join(str(part) for part in told if part))


def _results(report: Report) -> str:
    """Every table in the order of params.yaml, and below it what is drawn of it."""
    runs = sum(len(row.runs) for row in report.rows)
    there = sum(len(row.measured) for row in report.rows)
    parts = [
        f"{there} of {runs} runs are here ([what ran](#what-ran)). [Claims of the paper](claims.md): "
        f"{report.claims}. [Where each number comes from](provenance.csv).\n"
    ]
    for table in report.tables:
        notes = "".join(f"\n{escape_markdown(note)}\n" for note in table.all_notes())
        files = ", ".join(f"[{name}](tables/{table.name}.{name})" for name in ("md", "csv", "tex"))
        parts.append(f"### {escape_markdown(table.title)}\n\n{markdown(table)}{notes}\nAs {files}.\n")
        for figure in report.figures.get(table.name, ()):
            drawn = _figure(figure.name, figure.caption) if figure.caption else "The figure has no run yet.\n"
            parts.append(drawn)
    return "## Results\n\n" + "\n".join(parts)


def _figure(name: str, caption: str) -> str:
    return (
        f'<img src="figures/{name}.png" width="{WIDTH}" alt="{name}">\n\n'
        f"{escape_markdown(caption)} [PDF](figures/{name}.pdf)\n"
    )


def _data(report: Report) -> str:
    lines, sheets = [], []
    for dataset in report.datasets:
        facts, name = report.context.facts.get(dataset), report.context.names.dataset(dataset)
        lines.append([name, *(shown((facts or {}).get(key)) for key in FACTS)])
        if facts:
            sheets.append(f"### {name}\n\n![{name}: six frames of some videos](data/{dataset}.png)\n")
    return "\n".join(
        ["## Data\n", markdown_rows(["Dataset", *FACTS.values()], lines, [True, True] + [False] * 6), *sheets]
    )


def _levels(report: Report) -> str:
    found = levels.levels(report.rows, report.context)
    lines = [[level.asked, shown(level.measured), shown(level.verdict())] for level in found]
    return (
        "## Data card: is it informative\n\nThe levels were decided before any ablation was run.\n\n"
        + markdown_rows(["Level", "Measured", "Met"], lines, [True, True, True])
    )


def _convergence(report: Report) -> str:
    headers = ["Row", "Seed", "Loss, last tenth of the steps", "Loss, tenth before", "Change", "Verdict"]
    lines = []
    for row in report.rows:
        for run in row.runs if row.trained else ():
            found = levels.convergence(run.key, run.history)
            numbers = [MISSING] * 4
            if found:
                change = f"{found.last - found.before:+.3f} ± {found.noise:.3f}"
                numbers = [f"{found.last:.3f}", f"{found.before:.3f}", change, found.verdict]
            lines.append([title(row, report.context), str(run.key.seed), *numbers])
    return (
        "## Has training converged\n\n"
        + markdown_rows(headers, lines, [True, False, False, False, False, True])
        + "\n± is twice the standard error of the change. The learning rate falls to zero, which levels any "
        "curve at its end: a level curve says that this recipe is finished, not that a longer one would give "
        "no more.\n"
    )
