# ruff: noqa: E501
"""Claims and audit as sections, from the older modules, until they make sections themselves."""

import re
from collections.abc import Iterable, Mapping, Sequence

from m2clip.report import grid, old_provenance
from m2clip.report.conclusions import audit_page, claims_page, levels, verdicts
from m2clip.report.conclusions.claims import Claim, read, rows_of
from m2clip.report.conclusions.claims_page import comma_separated, summary
from m2clip.report.conclusions.verdicts import Judged
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.numbers import Text
from m2clip.report.old_provenance import Origin
from m2clip.report.parts import Heading, Part, Points, Section
from m2clip.report.results import Results
from m2clip.report.run_facts import all_made
from m2clip.report.tables.columns import Context
from m2clip.report.tables.formats import Listing

__all__ = ["Claim", "comma_separated", "read", "rows_of", "summary"]
KEYS = {"Here": "difference", "The paper": "paper_difference"}


def context(results: Results) -> Context:
    return Context(results.names, results.sheets, results.complexity, results.profile)


def judge(results: Results, stated: Mapping[str, Claim]) -> list[Judged]:
    return verdicts.judge(stated, results.rows.values(), context(results))


def section(judged: Sequence[Judged], results: Results) -> Section:
    made = all_made(results.rows.values(), results.profile)
    rule = [
        line.strip().removeprefix("- ") for line in claims_page.RULE.replace("\n- ", "\n\n- ").split("\n\n")
    ]
    parts: list[Part] = [re.sub(r"[*`]", "", text.replace("\n", " ")) for text in rule if text]
    parts += [f"{len(judged)} claims: {summary(judged)}."]
    by_name = {one.name: one for one in judged}
    for at, part in enumerate(claims_page.parts(judged, results.rows.values(), context(results))):
        origins = []
        for name in part.names:
            one, rows = by_name[name], results.rows.values()
            measured = old_provenance.of_claim(one, rows, context(results), made)
            printed = old_provenance.of_printed(one, rows, context(results))
            of = {"The paper": printed, "Here": measured}
            origins.append([of.get(header) for header in part.table.headers])
        parts.append(_grid(f"claims-{at}", part.title, part.table, part.notes, origins, part.names))
    return Section(key="claims", title="Claims", parts=tuple(parts), page="claims.md", menu="Conclusions")


def _grid(
    key: str,
    title: str,
    listing: Listing,
    notes: Sequence[str] = (),
    origins: Sequence[Sequence[Origin | None]] = (),
    names: Sequence[str] = (),
) -> Grid:
    columns = [
        Column(KEYS.get(header) or re.sub(r"\W+", "-", header.casefold()), header, text)
        for header, text in zip(listing.headers, listing.texts, strict=True)
    ]
    none = [[None] * len(columns)] * len(listing.rows)
    lines = []
    for at, (words, given) in enumerate(zip(listing.rows, origins or none, strict=True)):
        cells: list[Cell] = [
            Text(text, origin.sources) if origin else text for text, origin in zip(words, given, strict=True)
        ]
        lines.append(grid.Line(tuple(cells), names[at] if names else ""))
    return Grid(
        key=key,
        title=title,
        columns=tuple(columns),
        groups=(grid.Group("", tuple(lines)),),
        notes=tuple(notes),
    )


def audit(results: Results, seeds: Sequence[int]) -> Section:
    found = audit_page.audited(results.profile, seeds, results.names)
    made = all_made(found.rows.values(), results.profile)
    costs = old_provenance.of_audit(found, results.names, made)
    at = found.switches.headers.index("Row")
    names = [line[at] for line in found.switches.rows]
    return Section(
        key="released-code",
        title="The released code",
        page="audit.md",
        menu="Conclusions",
        parts=(
            _grid("audit-switches", "Switches", found.switches, [found.how.replace("`", "")], costs, names),
            _grid("audit-others", "Other differences", found.others),
            Heading("What the paper's own numbers cannot mean"),
            Points(tuple(f"{said} {why}" for said, why in found.slips)),
        ),
    )


def informative(results: Results, rows: Iterable[object]) -> Grid:
    found = levels.levels(list(rows), context(results))  # type: ignore[arg-type]
    lines = [[level.asked, level.measured, level.verdict()] for level in found]
    columns = [
        Column("level", "Level", True),
        Column("measured", "Measured", True),
        Column("met", "Met", True),
    ]
    return grid.plain(
        "informative",
        "Is the synthetic world informative",
        columns,
        lines,
        ["What the world was made to reach."],
    )


def converged(results: Results, rows: Iterable[object]) -> Grid:
    note = (
        "± is twice the standard error of the change. The learning rate falls to zero, which levels any curve at "
        "its end: a level curve says that this recipe is finished, not that a longer one would give no more."
    )
    return _grid("converged", "Has training converged", levels.endings(list(rows), context(results)), [note])  # type: ignore[arg-type]
