"""The sections of the page, from what the report holds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from m2clip.report import facts as sheets
from m2clip.report import overlap, page
from m2clip.report.conclusions import levels
from m2clip.report.figures import temporal_difference
from m2clip.report.figures.drawing import Figure
from m2clip.report.html import grids, papers
from m2clip.report.html.parts import Section, embedded, grid, paragraphs, picture
from m2clip.report.page import Report
from m2clip.report.tables import complexity_table
from m2clip.report.tables.formats import Table

BESIDE = {"scatter", "published_scatter", "bars", "correlation", "named_correlation", "steps", "text_layers"}


def before(report: Report, folder: Path) -> Iterator[Section]:
    """What the paper has: the tables and the figures with their numbers."""
    parts = {
        "": ("summary", "Summary"),
        "table": ("tables", "Tables 1-4"),
        "fig": ("figures", "Figures 1, 2, 4"),
    }
    for start, (key, title) in parts.items():
        tables = [table for table in report.tables if _start(table) == start]
        if tables:
            yield Section(key, title, Markup().join(_table(report, table, folder) for table in tables))


def _start(table: Table) -> str:
    """How the names of the paper's tables and figures start; nothing of any other's."""
    return next((start for start in ("table", "fig") if table.name.startswith(start)), "")


def after(report: Report, folder: Path) -> Iterator[Section]:
    """What is beyond the paper: more pictures, counts, what ran and on what."""
    yield Section("pictures", "More pictures", _pictures(report, folder))
    counts = complexity_table.listing(report.rows, report.context)
    if counts.rows:
        table = grids.of_listing(
            "complexity-table", complexity_table.TITLE, counts, [complexity_table.note(report.rows)]
        )
        yield Section("complexity", "Complexity", grid(table))
    yield Section("ran", "What ran", _ran(report))
    yield Section("data", "Data", _data(report))


def _table(report: Report, table: Table, folder: Path) -> Markup:
    """A table, and beside it what is drawn of it and what the paper prints."""
    made = grids.of_made(table, report.traced.tables[table.name])
    figures = [figure for figure in report.figures.get(table.name, ()) if figure.kind in BESIDE]
    parts = [grid(made), _figures(figures, folder)]
    if theirs := papers.values(table.name):
        parts.append(grid(theirs, level=4))
    if table.name in papers.UNPRINTED:
        parts.append(paragraphs([papers.UNPRINTED[table.name]]))
    return Markup().join(parts)


def _figures(figures: Sequence[Figure], folder: Path) -> Markup:
    """Figures beside one another where there is room."""
    parts = [
        picture(embedded(folder / "figures" / f"{one.name}.png", alt=one.alt, caption=one.caption))
        for one in figures
        if one.caption
    ]
    missing = [f"The figure {one.name} {one.why}." for one in figures if not one.caption]
    joined = Markup('<div class="pictures">\n{}</div>\n').format(Markup().join(parts)) if parts else Markup()
    return joined + paragraphs(missing)


def _pictures(report: Report, folder: Path) -> Markup:
    figures = [one for found in report.figures.values() for one in found if one.kind not in BESIDE]
    parts = [_figures(figures, folder)]
    told = temporal_difference.read(report.profile)
    if told and told.caption:
        file = temporal_difference.folder(report.profile) / f"{temporal_difference.NAME}.png"
        parts.append(picture(embedded(file, alt=told.alt, caption=told.caption, drawn=False)))
    elif told:
        parts.append(paragraphs([told.alt]))
    return Markup().join(parts)


def _ran(report: Report) -> Markup:
    runs = sum(len(row.runs) for row in report.rows)
    there = sum(len(row.measured) for row in report.rows)
    listed = [f"{name}: {'; '.join(values)}." for name, values in page.apart(report).items()]
    recipes = grids.of_listing("recipes", "Rows and their recipes", page.ran(report), listed)
    converged = levels.endings(report.rows, report.context)
    ends = grids.of_listing("converged", "Has training converged", converged, [page.CONVERGED])
    return paragraphs([f"{there} of {runs} runs are here."]) + grid(recipes) + grid(ends)


def _data(report: Report) -> Markup:
    shared = overlap.all_told(report.datasets, report.rows, report.context)
    told = [" ".join([overlap.HOW, *(f"{text}." for text in shared.values())])] if shared else []
    parts = [grid(grids.of_listing("sets", "Datasets", page.facts(report), told))]
    for dataset in report.datasets:
        file = sheets.sheets(report.profile) / f"{dataset}.png"
        if file.exists():
            name = report.context.names.dataset(dataset)
            alt = f"Contact sheet of {name}: {page.SHEET}, one video a line under the name of its label."
            parts.append(picture(embedded(file, alt=alt, caption=name, drawn=False)))
    if report.context.names.synthetic:
        table = grids.of_listing(
            "informative", "Is the synthetic world informative", page.informative(report), [page.LEVELS]
        )
        parts.append(grid(table))
    return Markup().join(parts)
