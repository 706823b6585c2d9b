"""`report PROFILE`: files of the declared runs -> tables, figures, pages and what DVC compares. No torch."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from m2clip import experiment, profiles
from m2clip.errors import guarded
from m2clip.files import read_json
from m2clip.names import arguments
from m2clip.report import (
    audit,
    claims,
    claims_section,
    complexity,
    correlation,
    declared,
    dvc_plots,
    grid,
    levels,
    longer,
    pages,
    provenance,
    results,
    tables,
    verdicts,
)  # fmt: skip
from m2clip.report.figures import all_figures as figures
from m2clip.report.figures import temporal_difference
from m2clip.report.parts import Picture, Section
from m2clip.report.provenance import Made
from m2clip.report.rendering import render
from m2clip.report.results import Results
from m2clip.runs import RunKey

CARDS = Path("experiments/backbone")
FOLDERS = ("tables", "figures", "plots")
FILES = ("README.md", "audit.md", "claims.md", "claims.csv", "index.html", "main.json", "provenance.csv")


def main() -> None:
    """Render reports/<profile>/ anew, but for its data sheets and pictures, which other stages make."""
    profile = profiles.read(*arguments("PROFILE"))
    asked = declared.read(profiles.params().get("tables"), experiment.rows())
    stated, differences = claims.read(experiment.rows()), audit.read()
    more_rows = (experiment.MAIN, *claims.rows_of(stated.values()), *differences.rows(experiment.rows()))
    found = results.read(profile, asked, more_rows)
    folder = Path("reports") / profile.name
    _empty(folder)
    made, judged = tables.made(found), verdicts.judge(found, stated)
    for table in made:
        _write(folder / "tables" / f"{table.key}.md", render("table.md.j2", alone=table))
        _write(folder / "tables" / f"{table.key}.csv", grid.csv_text(table))
        _write(folder / "tables" / f"{table.key}.tex", render("table.tex.j2", table=table))
    _write(folder / "claims.csv", claims_section.comma_separated(judged))
    said = claims_section.first_screen(judged, found)
    _write(folder / "tables" / "found.md", render("points.md.j2", points=said[0]))
    drawn = list(pages.of_tables(made, figures.draw(found, folder / "figures")))
    runs = provenance.all_made(found.rows.values(), profile)
    sections = (
        *pages.opening(drawn, said),
        claims_section.section(judged, found, runs.values(), claims.CLAIMS),
        audit.section(found, differences),
        *_of_runs(found, runs),
    )
    _write_pages(folder, found, sections, runs)
    main_row = found.rows[experiment.MAIN]
    _write(folder / "main.json", dvc_plots.metrics(main_row))
    _write(folder / "plots" / "main_curves.csv", dvc_plots.curves(main_row))
    _write(folder / "plots" / "main_confusion.csv", dvc_plots.predictions(main_row))
    _write(folder / "plots" / "main_correlation.csv", correlation.pairs(main_row))
    print(f"{folder}/README.md: {pages.counted(found)}")


def _empty(folder: Path) -> None:
    """Remove what this stage writes; its folders are outs of the stage, also where nothing is drawn."""
    for name in FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _of_runs(found: Results, runs: Mapping[RunKey, Made]) -> Iterator[Section]:
    """Sections on the runs and their data: pictures, counts at full size, what ran, the datasets."""
    shown = pages.shown_rows(found)
    yield _pictures(found.profile.name)
    counts = complexity.table(shown, found)
    yield Section(key="complexity", title="Complexity", menu=pages.RUNS, parts=(counts,))
    yield pages.ran(found, runs, longer.table(found, shown), levels.converged(found, shown))
    yield pages.data(found, [levels.informative(found, shown)] if found.profile.synthetic else [])


def _write_pages(
    folder: Path, found: Results, sections: tuple[Section, ...], runs: Mapping[RunKey, Made]
) -> None:
    """provenance.csv, README.md, the pages of sections that have one, and index.html with all of them."""
    told_in, card = _card(found)
    page = pages.Page(
        profile=found.profile.name, synthetic=bool(found.profile.synthetic), sections=sections,
        intro=pages.introduction(found, card, runs), card=told_in,
        about=pages.SYNTHETIC if found.profile.synthetic else pages.REAL,
        behind=tuple(provenance.all_behind(found, runs.values(), pages.datasets(found))),
    )  # fmt: skip
    _write(folder / "provenance.csv", provenance.csv_text(sections, runs))
    _write(folder / "README.md", render("README.md.j2", page=page))
    for section in sections:
        if section.page:
            _write(folder / section.page, render("section.md.j2", page=page, section=section))
    _write(folder / "index.html", render("index.html.j2", page=page, behind=provenance.of_cell))


def _pictures(profile: str) -> Section:
    """The section with what the stage `pictures` drew, or that it has drawn nothing."""
    told = temporal_difference.read(profile)
    part: str | Picture = told.alt if told else "No run has been drawn yet."
    if told and told.caption:
        file = Path("pictures") / f"{temporal_difference.NAME}.png"
        part = Picture(file=file, alt=told.alt, caption=told.caption, drawn=False)
    return Section(key="pictures", title="Pictures", menu=pages.RUNS, parts=(part,))


def _card(found: Results) -> tuple[Path | None, dict[str, Any] | None]:
    """README.md and content of the model card of the backbone in use; None for a backbone without a card."""
    backbone = next((row.config.backbone.name for row in pages.shown_rows(found) if row.config), None)
    for path in sorted(CARDS.glob("**/card.json")) if backbone else ():
        card = read_json(path)
        if card.get("name") == backbone:
            return path.with_name("README.md"), card
    return None, None


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    guarded(main)
