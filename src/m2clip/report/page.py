"""reports/<profile>/README.md: what ran, tables, figures, data. No number is typed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from m2clip.report import overlap
from m2clip.report.conclusions import levels
from m2clip.report.conclusions.audit_page import Audited
from m2clip.report.conclusions.claims_page import summary
from m2clip.report.conclusions.verdicts import Judged
from m2clip.report.facts import overlap_file
from m2clip.report.figures import temporal_difference
from m2clip.report.figures.drawing import Figure
from m2clip.report.names import MISSING
from m2clip.report.provenance import Traced
from m2clip.report.results import Row, SeedRun, get_path, is_number
from m2clip.report.tables import beside_paper, complexity_table
from m2clip.report.tables.columns import Context, views
from m2clip.report.tables.declared import Spec
from m2clip.report.tables.formats import Listing, Table, escape_markdown, markdown, shown

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
SYNTHETIC = (
    "The videos are generated and the backbone is a small CLIP pre-trained on still pictures of the same "
    "generated world. Such numbers say nothing about the paper's. What the paper printed is marked as "
    "published; between the two only steps from a reference row compare, and they share no axis."
)
SHEET = "six frames of some videos"
LEVELS = "What the world was made to reach."
CONVERGED = (
    "± is twice the standard error of the change. The learning rate falls to zero, which levels any curve at "
    "its end: a level curve says that this recipe is finished, not that a longer one would give no more."
)
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
    specs: Mapping[str, Spec]
    audit: Audited
    judged: Sequence[Judged]
    everything: Sequence[Row]  # also the rows that only claims name
    traced: Traced


def page(report: Report) -> str:
    """The whole page."""
    parts = [_head, _results, _pictures, _complexity, _ran, _data]
    parts += [_levels] if report.context.names.synthetic else []
    return "\n".join(part(report) for part in (*parts, _convergence))


def _head(report: Report) -> str:
    names = [report.context.names.dataset(name) for name in report.datasets]
    text = f"# M²-CLIP, profile `{report.profile}`\n\n"
    if report.context.names.synthetic:
        text += f"> **Generated data.** {SYNTHETIC}\n\n"
    text += f"Data: {', '.join(names)}. Backbone: {report.backbone}."
    if known := accuracies(report):
        text += f" {known[:-1]} ([its card](../../experiments/backbone/README.md))."
    if others := beside_paper.note(report.datasets, report.context):
        text += f" {others}"
    text += " The same with sortable tables and what stands behind each number: [index.html](index.html)."
    return (
        f"{text}\n\nRendered by the stage `report` from the files of the runs; a value that is not there is "
        f"shown as {MISSING}. What the paper and its released code do differently: [audit.md](audit.md).\n"
    )


def accuracies(report: Report) -> str:
    """What the backbone names before any training, from its card; nothing where it has none."""
    told = get_path(report.card, "zero_shot") or {}
    known = ", ".join(f"{kind} {told[kind]:.1f} %" for kind in KINDS if is_number(told.get(kind)))
    return f"Zero-shot on stills it was not trained on, it names {known}." if known else ""


def ran(report: Report) -> Listing:
    """Every row: what it was trained with, for how long, of which commit."""
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
    return Listing(headers, lines, [True, True, True, False, False, False, False, True, True, True])


def apart(report: Report) -> dict[str, list[str]]:
    """What is not as declared, and the machines: lists by what they are of, those that are not empty."""
    made, runs = report.traced.made, [run for row in report.rows for run in row.measured]
    dropped = sorted({path for run in runs for path in get_path(run.provenance, "dropped_videos") or []})
    found = {
        "Not run yet": [str(run.key) for row in report.rows for run in row.runs if not run.metrics],
        "Made with another config than the declared one, so left out": [
            str(key) for row in report.rows for key in row.stale
        ],
        f"Left out of training as unreadable, {len(dropped)} in all": dropped[:1],
        "Machine": list(dict.fromkeys(made[run.key].machine for run in runs)),
    }
    return {name: values for name, values in found.items() if values}


def _ran(report: Report) -> str:
    text = f"## What ran\n\n{ran(report).markdown()}"
    for name, values in apart(report).items():
        quoted = [escape_markdown(value) if name == "Machine" else f"`{value}`" for value in values]
        text += f"\n{name}: {('; ' if name == 'Machine' else ', ').join(quoted)}.\n"
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


def _minutes(run: SeedRun) -> str:
    seconds = get_path(run.provenance, "seconds")
    return f"{seconds / 60:.1f}" if is_number(seconds) else MISSING


def _commit(run: SeedRun) -> str:
    commit = get_path(run.provenance, "commit")
    changed = " with changes" if get_path(run.provenance, "dirty") else ""
    return f"{commit[:12]}{changed}" if isinstance(commit, str) else MISSING


def _results(report: Report) -> str:
    """Every table in the order of params.yaml, and below it what is drawn of it."""
    runs = sum(len(row.runs) for row in report.rows)
    there = sum(len(row.measured) for row in report.rows)
    parts = [
        f"{there} of {runs} runs are here ([what ran](#what-ran)). [Claims of the paper](claims.md): "
        f"{summary(report.judged)}. [Where each number comes from](provenance.csv).\n"
    ]
    for table in report.tables:
        notes = "".join(f"\n{escape_markdown(note)}\n" for note in table.all_notes())
        files = ", ".join(f"[{name}](tables/{table.name}.{name})" for name in ("md", "csv", "tex"))
        parts.append(f"### {escape_markdown(table.title)}\n\n{markdown(table)}{notes}\nAs {files}.\n")
        for figure in report.figures.get(table.name, ()):
            parts.append(_figure(figure) if figure.caption else f"The figure {figure.name} {figure.why}.\n")
    return "## Results\n\n" + "\n".join(parts)


def _figure(figure: Figure) -> str:
    alt = escape(" ".join(figure.alt.split()))
    return (
        f'<img src="figures/{figure.name}.png" width="{WIDTH}" alt="{alt}">\n\n'
        f"{escape_markdown(figure.caption or '')} [PDF](figures/{figure.name}.pdf)\n"
    )


def _pictures(report: Report) -> str:
    """What the stage `pictures` drew."""
    told = temporal_difference.read(report.profile)
    if told is None:
        text = "No run has been drawn yet."
    elif told.caption is None:
        text = escape_markdown(told.alt)
    else:
        file = f"pictures/{temporal_difference.NAME}.png"
        text = f'<img src="{file}" alt="{escape(told.alt)}">\n\n{escape_markdown(told.caption)}'
    return f"## Pictures\n\n{text}\n"


def _complexity(report: Report) -> str:
    counts = complexity_table.listing(report.rows, report.context)
    text = (
        f"{counts.markdown()}\n{complexity_table.note(report.rows)}\n"
        if counts.rows
        else "Not counted yet.\n"
    )
    return f"## Complexity\n\n{complexity_table.TITLE}, as [csv](../complexity.csv).\n\n{text}"


def facts(report: Report) -> Listing:
    """A line for each dataset."""
    lines = []
    for dataset in report.datasets:
        known = report.context.facts.get(dataset) or {}
        lines.append([report.context.names.dataset(dataset), *(shown(known.get(key)) for key in FACTS)])
    return Listing(["Dataset", *FACTS.values()], lines, [True, True] + [False] * 6)


def _data(report: Report) -> str:
    names = {dataset: report.context.names.dataset(dataset) for dataset in report.datasets}
    there = [dataset for dataset in report.datasets if report.context.facts.get(dataset)]
    sheets = [f"### {names[name]}\n\n![{names[name]}: {SHEET}](data/{name}.png)\n" for name in there]
    shared = [
        f"- {text} ([which](data/{overlap_file(report.profile, name).name})).\n"
        for name, text in overlap.all_told(report.datasets, report.rows, report.context).items()
    ]
    told = [f"{overlap.HOW}\n\n{''.join(shared)}"] if shared else []
    return "\n".join(["## Data\n", facts(report).markdown(), *told, *sheets])


def informative(report: Report) -> Listing:
    """The levels that the synthetic world was to reach."""
    found = levels.levels(report.rows, report.context)
    lines = [[level.asked, shown(level.measured), shown(level.verdict())] for level in found]
    return Listing(["Level", "Measured", "Met"], lines, [True, True, True])


def _levels(report: Report) -> str:
    return f"## Data card: is it informative\n\n{LEVELS}\n\n{informative(report).markdown()}"


def _convergence(report: Report) -> str:
    ends = levels.endings(report.rows, report.context)
    return f"## Has training converged\n\n{ends.markdown()}\n{CONVERGED}\n"
