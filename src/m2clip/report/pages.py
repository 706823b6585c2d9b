"""The report of a profile as sections: README.md and index.html are two templates over this one content."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.experiment import MAIN
from m2clip.report import declared, facts, grid, history, overlap, published
from m2clip.report.columns import views
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.names import DATASETS
from m2clip.report.numbers import MISSING
from m2clip.report.parts import Part, Picture, Points, Section
from m2clip.report.provenance import Behind, Made
from m2clip.report.results import Results
from m2clip.report.row import Row, get_path, is_number
from m2clip.runs import RunKey

KINDS = ("objects", "still verbs", "motion verbs", "backgrounds")  # of the words in the backbone's card
SYNTHETIC = (
    "The videos are generated and the backbone is a small CLIP pre-trained on still pictures of the same "
    "generated world. Such numbers say nothing about the paper's. What the paper printed is marked as "
    "published; between the two only the sign of a step from a reference row compares, and they share no "
    "axis."
)
REAL = "The videos and the backbone are those that the profile names; nothing here is generated."
FACTS = {
    "splits": "Videos by split", "labels": "Labels", "frames": "Frames, min / median / max",
    "fps": "Frames a second", "size": "Size, px", "minutes": "Duration in all, min",
    "invalid_percent": "Invalid, %",
}  # fmt: skip
MENU = {"table": "Tables", "fig": "Figures"}  # by how a table's name starts; the others are "More"
BY_LABEL = "Label by label, and the losses in training"
CONCLUSIONS, RUNS = "Conclusions", "Runs and data"
UNPRINTED = {  # figures whose values the paper draws and does not print
    "fig2a": "Of ST-Adapter with a text branch the paper draws bars without printing their values.",
    "fig2b": "The paper draws its maps without printing a value.",
    "fig4b": "The paper draws its curves without printing their values.",
}
ORIGIN = {True: "where this page was rendered", False: "came with the clone"}
CHANGED = (
    "A commit with changes: files of that training differed from the commit; the digest of the code that ran "
    "is in the run's provenance.json."
)
FIRST_LINES = (
    "The paper's figure prints no values. Of a method with several numbers of frames its first line is "
    "taken: which frames the figure draws the paper does not say, so this choice is ours. Nothing here is "
    "measured."
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the pages show. about: the kind of data. behind: runs and files that its numbers come from.

    card: the page that tells of the backbone; None where there is none.
    """

    profile: str
    synthetic: bool
    about: str
    intro: tuple[str, ...]
    sections: tuple[Section, ...]
    behind: tuple[Behind, ...]
    card: Path | None = None

    @property
    def title(self) -> str:
        """The title of the page."""
        return f"M²-CLIP, profile {self.profile}"

    def menu(self) -> list[tuple[str, list[Section]]]:
        """The sections by group, in the order in which they are read."""
        groups: dict[str, list[Section]] = {}
        for section in self.sections:
            groups.setdefault(section.menu, []).append(section)
        return list(groups.items())


def introduction(
    results: Results, card: Mapping[str, Any] | None, made: Mapping[RunKey, Made] | None = None
) -> tuple[str, ...]:
    """The data, the backbone with its card's zero-shot accuracy on stills, and how many runs exist."""
    used, rows, named = datasets(results), shown_rows(results), results.names.dataset
    told = get_path(card, "zero_shot") or {}
    known = ", ".join(f"{kind} {told[kind]:.1f} %" for kind in KINDS if is_number(told.get(kind)))
    stills = f" Zero-shot on stills it was not trained on, it names {known}." if known else ""
    backbone = next((row.config.backbone.name for row in rows if row.config), "unknown")
    texts = [f"Data: {', '.join(map(named, used))}. Backbone: {backbone}.{stills}"]
    if others := ", ".join(named(name) for name in used if not results.is_papers(name)):
        texts.append(
            f"The labels of {others} are not the published ones, or were not held to them when the set was "
            "prepared: no number of the paper is set beside what was measured there."
        )
    runs = [made[run.key] for row in rows for run in row.measured if made]
    here, missing = sum(run.here for run in runs), f"A value that is not there is shown as {MISSING}."
    rendered = f"{here} were trained on the machine that rendered this page"
    origins = f" {rendered}, {len(runs) - here} came with the clone." if runs else ""
    return (*texts, f"{counted(results)}{origins} {missing}")


def shown_rows(results: Results) -> list[Row]:
    """Every row that a table shows, once, in the order of the tables."""
    return [results.rows[name] for name in declared.shown(results.tables)]


def datasets(results: Results) -> list[str]:
    """Every dataset that a row is trained or tested on."""
    rows = shown_rows(results)
    used = {row.dataset for row in rows}
    used |= {dataset for row in rows if row.config for dataset in row.config.evaluate.zero_shot}
    return [dataset for dataset in DATASETS if dataset in used]


def counted(results: Results) -> str:
    """How many of the shown rows' runs there are."""
    rows = shown_rows(results)
    return f"{sum(len(row.measured) for row in rows)} of {sum(len(row.runs) for row in rows)} runs are here."


def opening(tables: Sequence[Section], found: Sequence[Part]) -> Iterator[Section]:
    """What was found: the claims' verdicts and the table `main`; the other tables; the figures of `main`."""
    main = [section for section in tables if section.key == f"of-{MAIN}"]
    own = main[0].parts if main else ()
    files = main[0].files if main else ()
    parts = (*found[:1], *own[:1], *found[1:])
    yield Section(key="summary", title="What was found", parts=parts, files=files)
    yield from (section for section in tables if section not in main)
    if own[1:]:
        yield Section(key=f"of-{MAIN}", title=BY_LABEL, parts=own[1:], menu=CONCLUSIONS)


def _slug(words: str) -> str:
    return re.sub(r"\W+", "-", words.casefold()).strip("-")


def of_tables(tables: Sequence[Grid], figures: Sequence[Picture]) -> Iterator[Section]:
    """A section for each table, with its figures below it and what the paper prints of them."""
    for table in tables:
        own = (one for one in figures if one.table == table.key)
        parts = [table, *(f"The figure {one.name} {one.why}." if one.why else one for one in own)]
        parts += [part for part in (_printed(table.key), UNPRINTED.get(table.key)) if part]
        parts += [published.protocols()] if table.key == "table3" else []
        files = tuple(Path("tables") / f"{table.key}.{ending}" for ending in ("md", "csv", "tex"))
        menu = next((title for start, title in MENU.items() if table.key.startswith(start)), "More tables")
        yield Section(key=f"of-{table.key}", title=table.title, parts=tuple(parts), files=files, menu=menu)


def _printed(key: str) -> Grid | None:
    """The numbers of the paper's tables that its Figures 1 and 2a draw; None for another figure."""
    if key not in ("fig1", "fig2a"):
        return None
    k400, ssv2, unseen = map(published.first_lines, published.LISTED)
    wanted: dict[str, tuple[dict[str, published.Line], str, int]] = {
        "Frames": (k400, "frames", 0), "Tunable parameters, M": (k400, "tunable_params_m", 0),
        "K400, top-1, %": (k400, "top1", 1), "SSv2, top-1, %": (ssv2, "top1", 1),
        "Zero-shot UCF101, top-1, %": (unseen, "ucf101", 1),
        "Zero-shot HMDB51, top-1, %": (unseen, "hmdb51", 1),
    }  # fmt: skip
    out = ("SSv2, top-1, %",) if key == "fig1" else ("Frames", "Tunable parameters, M")
    methods = [name for name in unseen if name in k400] if key == "fig1" else ["ST-Adapter", published.OURS]
    columns = {header: of for header, of in wanted.items() if header not in out}
    lines = [[name, *(_cell(name, *of) for of in columns.values())] for name in methods]
    heads = [Column("method", "Method", text=True), *(Column(_slug(header), header) for header in columns)]
    title = "From the paper's Tables 1-3, not read off the figure"
    return grid.plain(f"{key}-values", title, heads, lines, [FIRST_LINES])


def _cell(name: str, lines: Mapping[str, published.Line], key: str, digits: int) -> Cell:
    return lines[name].number(key, digits) if name in lines else None


RECIPES = {  # headers of what ran, and whether they are of words
    "Row": True, "Dataset": True, "Seeds": True, "Steps": False, "Batch": False, "Learning rate": False,
    "τ": False, "Frames × crops × clips": True, "Training, min": True, "Commit": True, "Trained": True,
}  # fmt: skip


def ran(results: Results, made: Mapping[RunKey, Made], *more: Grid | None) -> Section:
    """Every row: what it was trained with, for how long, of which commit; then more tables of this."""
    rows = shown_rows(results)
    columns = [Column(_slug(header), header, text) for header, text in RECIPES.items()]
    lines = [_recipe(row, results, [made[run.key] for run in row.measured]) for row in rows if row.measured]
    recipes = grid.plain("recipes", "Rows and their recipes", columns, lines)
    changed = any(get_path(run.provenance, "dirty") for row in rows for run in row.measured)
    notes = ((CHANGED,) if changed else ()) + tuple(_apart(results, made))
    tables = tuple(table for table in more if table)
    return Section(key="ran", title="What ran", menu=RUNS, parts=(recipes, Points(notes), *tables))


def _recipe(row: Row, results: Results, runs: Sequence[Made]) -> list[Cell]:
    """What a row was trained with; nothing but the temperature where nothing is trained."""
    steps, batch, lr, temperature = ["0" if row.config else MISSING, *[MISSING] * 3]
    if row.config:
        train, tau = row.config.train, row.config.backbone.temperature
        temperature = "CLIP's" if tau is None else f"{tau:g}"
        if train.steps:
            steps, batch, lr = f"{train.steps:,}", f"{train.batch:,}", f"{train.lr:g}"
    seconds = (run.trained.get("seconds") for run in runs)
    commits = (history.short(run.commits[0]) or MISSING for run in runs)
    return [
        row.label, results.names.dataset(row.dataset),
        ", ".join(str(run.key.seed) for run in runs), steps, batch, lr, temperature, views(row),
        ", ".join(f"{one / 60:.1f}" if is_number(one) else MISSING for one in seconds),
        ", ".join(dict.fromkeys(commits)), ", ".join(dict.fromkeys(ORIGIN[run.here] for run in runs)),
    ]  # fmt: skip


def _apart(results: Results, made: Mapping[RunKey, Made]) -> Iterator[str]:
    """Runs that are missing or of another config, videos left out of training, and the machines."""
    rows = shown_rows(results)
    runs = [run for row in rows for run in row.measured]
    dropped = sorted({path for run in runs for path in get_path(run.provenance, "dropped_videos") or []})
    stale = "Made with another config than the declared one, so left out"
    found = {
        "Not run yet": [told for row in rows if (told := _not_run(row))],
        stale: [str(key) for row in rows for key in row.stale],
        f"Left out of training as unreadable, {len(dropped)} in all": dropped[:1],
        "Machine": list(dict.fromkeys(made[run.key].machine for run in runs)),
    }
    yield from (f"{name}: {'; '.join(values)}." for name, values in found.items() if values)


def _not_run(row: Row) -> str:
    """`fake/main/0`, `fake/main/0, 2`: the run folders of the seeds that are missing, where some are."""
    missing = [run.key for run in row.runs if not run.metrics]
    return ", ".join([*map(str, missing[:1]), *(str(key.seed) for key in missing[1:])])


def data(results: Results, more: Sequence[Part] = ()) -> Section:
    """Facts and contact sheets of the datasets, and which labels of theirs are not unseen."""
    used, profile = datasets(results), results.profile.name
    columns = [Column("dataset", "Dataset", text=True)]
    columns += [Column(key, header, text=key == "splits") for key, header in FACTS.items()]
    lines = [
        (results.names.dataset(name), *((results.sheets.get(name) or {}).get(key) for key in FACTS))
        for name in used
    ]
    shared = overlap.all_told(used, shown_rows(results), results)
    notes = [" ".join([overlap.HOW, *(f"{text}." for text in shared.values())])] if shared else []
    parts: list[Part] = [grid.plain("sets", "Datasets", columns, lines, notes), *more]
    for name in used:
        if (facts.sheets(profile) / f"{name}.png").exists():
            called = results.names.dataset(name)
            alt = f"Contact sheet of {called}: six frames of some videos, one video a line under its label."
            parts.append(Picture(file=Path("data") / f"{name}.png", alt=alt, caption=called, drawn=False))
    files = tuple(Path("data") / f"{name}_overlap.csv" for name in shared)
    return Section(key="data", title="Data", parts=tuple(parts), menu=RUNS, files=files)
