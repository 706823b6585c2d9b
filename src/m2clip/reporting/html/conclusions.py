"""What the numbers say: the claims with their verdicts, and the paper against its released code."""

from markupsafe import Markup

from m2clip.reporting import claims_page
from m2clip.reporting.html.grids import of_listing
from m2clip.reporting.html.parts import Section, grid, paragraphs
from m2clip.reporting.page import Report


def claims(report: Report) -> Section:
    """Each claim of the paper with its verdict, and the rule above them."""
    text = [part.replace("*", "").replace("`", "").replace("\n", " ") for part in _rule(report)]
    text.append(f"{len(report.judged)} claims: {claims_page.summary(report.judged)}.")
    tables = [
        grid(of_listing(f"claims-{at}", part.title, part.table, part.notes))
        for at, part in enumerate(claims_page.parts(report.judged, report.everything, report.context))
    ]
    return Section("claims", "Claims", paragraphs(text) + Markup().join(tables))


def _rule(report: Report) -> list[str]:
    rule = [line.removeprefix("- ") for line in claims_page.RULE.replace("\n- ", "\n\n- ").split("\n\n")]
    standin = claims_page.STANDIN.replace("> ", "") if report.context.names.standins else ""
    return [text for text in (*rule, standin) if text.strip()]


def audit(report: Report) -> Section:
    """Every difference between the paper and its released code, and what it costs."""
    found = report.audit
    html = grid(of_listing("audit-switches", "Switches", found.switches, [found.how.replace("`", "")]))
    html += grid(of_listing("audit-others", "Other differences", found.others))
    slips = [f"{said} {why}" for said, why in found.slips]
    html += Markup("<h3>What the paper's own numbers cannot mean</h3>\n") + paragraphs(slips)
    return Section("audit", "The released code", html)
