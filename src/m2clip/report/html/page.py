"""reports/<profile>/index.html: one file that needs no network and shows what is behind a number."""

from pathlib import Path

from markupsafe import Markup

from m2clip.report import page as markdown
from m2clip.report.html.conclusions import audit, claims
from m2clip.report.html.parts import HERE, rendered
from m2clip.report.html.sections import after, before
from m2clip.report.html.sources import all_sources
from m2clip.report.page import Report
from m2clip.report.tables import beside_paper

REAL = "The videos and the backbone are those that the profile names; nothing here is generated."


def page(report: Report, folder: Path) -> str:
    """The whole page.

    Args:
        report: what the stage found.
        folder: reports/<profile>, where the figures have been drawn.
    """
    sections = [*before(report, folder), claims(report), audit(report), *after(report, folder)]
    behind = list(all_sources(report))
    names = [report.context.names.dataset(name) for name in report.datasets]
    synthetic = bool(report.context.names.synthetic)
    intro = [
        f"Profile {report.profile}. Data: {', '.join(names)}. Backbone: {report.backbone}.",
        markdown.accuracies(report),
        beside_paper.note(report.datasets, report.context),
        "A number opens what it was made of; a header sorts its table; a value that is not there is shown "
        "as — and sorted last.",
    ]
    return rendered(
        "page.html", title=f"M²-CLIP, profile {report.profile}", synthetic=synthetic,
        about=markdown.SYNTHETIC if synthetic else REAL, intro=[text for text in intro if text],
        sections=sections, sources={one.key: one for one in behind}.values(),
        style=_raw("style.css"), script=_raw("script.js"),
    )  # fmt: skip


def _raw(name: str) -> Markup:
    """A file of ours that goes into the page as it is."""
    return Markup((HERE / name).read_text(encoding="utf-8"))
