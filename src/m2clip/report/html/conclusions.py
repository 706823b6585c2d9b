"""What the numbers say: the claims with their verdicts, and the paper against its released code."""

from markupsafe import Markup

from m2clip.report.conclusions import claims_page
from m2clip.report.html.grids import of_listing
from m2clip.report.html.parts import Section, grid, paragraphs
from m2clip.report.page import Report
from m2clip.report.provenance import Origin
from m2clip.report.tables.formats import Listing


def claims(report: Report) -> Section:
    """Each claim of the paper with its verdict, and the rule above them."""
    text = [part.replace("*", "").replace("`", "").replace("\n", " ") for part in _rule(report)]
    text.append(f"{len(report.judged)} claims: {claims_page.summary(report.judged)}.")
    tables = []
    for at, part in enumerate(claims_page.parts(report.judged, report.everything, report.context)):
        origins = [_origins(part.table, *report.traced.claims[name]) for name in part.names]
        tables.append(grid(of_listing(f"claims-{at}", part.title, part.table, part.notes, origins)))
    return Section("claims", "Claims", paragraphs(text) + Markup().join(tables))


def _origins(table: Listing, measured: Origin | None, printed: Origin | None) -> list[Origin | None]:
    """Of each cell of a claim's line: nothing of its words, of the paper's column the paper."""
    of = {"The paper": printed, **dict.fromkeys(claims_page.MEASURED, measured)}
    return [of.get(header) for header in table.headers]


def _rule(report: Report) -> list[str]:
    lines = claims_page.RULE.replace("\n- ", "\n\n- ").split("\n\n")
    rule = [line.strip().removeprefix("- ") for line in lines]
    synthetic = claims_page.SYNTHETIC.replace("> ", "") if report.context.names.synthetic else ""
    return [text for text in (*rule, synthetic) if text.strip()]


def audit(report: Report) -> Section:
    """Every difference between the paper and its released code, and what it costs."""
    found, costs = report.audit, report.traced.audit
    html = grid(of_listing("audit-switches", "Switches", found.switches, [found.how.replace("`", "")], costs))
    html += grid(of_listing("audit-others", "Other differences", found.others))
    slips = [f"{said} {why}" for said, why in found.slips]
    html += Markup("<h3>What the paper's own numbers cannot mean</h3>\n") + paragraphs(slips)
    return Section("released-code", "The released code", html)
