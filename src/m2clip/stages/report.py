"""`report PROFILE`: files of the declared runs -> tables, figures, page and what DVC compares. No torch."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from m2clip import rows
from m2clip.errors import UserError, guarded
from m2clip.report import correlation, dvc_plots, facts, provenance, results
from m2clip.report.conclusions import audit_page, claims, claims_page, verdicts
from m2clip.report.figures import drawing
from m2clip.report.html import page as html
from m2clip.report.names import Names
from m2clip.report.page import Report, page
from m2clip.report.results import Row
from m2clip.report.tables import declared, formats
from m2clip.report.tables.beside_paper import beside_paper
from m2clip.report.tables.columns import Context
from m2clip.report.tables.making import make_table, of_table

PAGES = ("README.md", "audit.md", "claims.md", "claims.csv", "index.html", "main.json", "provenance.csv")
CARD = Path("experiments/backbone/card.json")


def main() -> None:
    """Render reports/<profile>/ anew, but for its data sheets."""
    profile = rows.profile(sys.argv[1])
    asked = declared.read(rows.params().get("tables"), rows.rows())
    stated = claims.read(rows.rows())
    names = tuple(dict.fromkeys((*asked.rows(), rows.MAIN, *claims.rows_of(stated.values()))))
    found = {row.name: row for row in results.load(profile, names, rows.seeds(profile), asked.labels)}
    shown = [found[name] for name in asked.rows()]
    datasets = _datasets(shown)
    context = Context(
        names=Names(tuple(profile.synthetic)),
        facts={dataset: facts.read_facts(profile.name, dataset) for dataset in rows.DATASETS},
        parameters=facts.read_parameters(),
        profile=profile,
    )
    asked = beside_paper(asked, context)
    folder = Path("reports") / profile.name
    _clear(folder)
    made = [make_table(name, spec, shown, context) for name, spec in asked.tables.items()]
    for table in made:
        for ending, content in formats.render(table).items():
            _write(folder / "tables" / f"{table.name}.{ending}", content)
    drawn = {
        name: drawing.draw(name, spec.figures, *of_table(spec, shown, context), folder / "figures")
        for name, spec in asked.tables.items()
    }
    judged = verdicts.judge(stated, found.values(), context)
    _write(folder / "claims.md", claims_page.markdown(judged, found.values(), context, profile.name))
    _write(folder / "claims.csv", claims_page.comma_separated(judged))
    audited = audit_page.audited(profile, rows.seeds(profile), context.names)
    traced = provenance.traced(asked, judged, audited, found.values(), context)
    _write(folder / "provenance.csv", provenance.comma_separated(traced.all()))
    backbone = next((row.config.backbone.name for row in shown if row.config), "unknown")
    report = Report(
        profile=profile.name, rows=shown, tables=made, context=context, datasets=datasets,
        backbone=backbone, card=_card(backbone), figures=drawn, specs=asked.tables,
        audit=audited, judged=judged, everything=tuple(found.values()), traced=traced,
    )  # fmt: skip
    _write(folder / "README.md", page(report))
    _write(folder / "audit.md", audit_page.page(profile.name, report.audit))
    _write(folder / "index.html", html.page(report, folder))
    _write(folder / "main.json", dvc_plots.metrics(found[rows.MAIN]))
    _write(folder / "plots" / "main_curves.csv", dvc_plots.curves(found[rows.MAIN]))
    _write(folder / "plots" / "main_confusion.csv", dvc_plots.predictions(found[rows.MAIN]))
    _write(folder / "plots" / "main_correlation.csv", correlation.pairs(found[rows.MAIN]))
    measured = sum(len(row.measured) for row in shown)
    print(f"{folder}/README.md: {measured} of {sum(len(row.runs) for row in shown)} runs")


def _datasets(shown: Sequence[Row]) -> list[str]:
    """Every dataset that a row is trained or tested on, in the order of the design."""
    used = {row.dataset for row in shown}
    used |= {dataset for row in shown if row.config for dataset in row.config.evaluate.zero_shot}
    return [dataset for dataset in rows.DATASETS if dataset in used]


def _card(backbone: str) -> dict[str, object] | None:
    """The backbone's card, where it is the card of this backbone."""
    if not CARD.exists():
        return None
    try:
        card = json.loads(CARD.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{CARD}: not valid JSON: {error}") from None
    return card if card.get("name") == backbone else None


def _clear(folder: Path) -> None:
    """So that a removed row or table leaves nothing behind; data sheets are not this stage's."""
    for name in ("tables", "figures", "plots"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (
        "README.md",
        "audit.md",
        "claims.md",
        "claims.csv",
        "index.html",
        "main.json",
        "provenance.csv",
    ):
        (folder / name).unlink(missing_ok=True)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    guarded(main)
