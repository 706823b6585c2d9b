"""reports/<profile>/audit.md: the paper against its released code, and what each difference costs here.

Rendered from experiments/audit.yaml; a cost is the step from `main` to the row that changes one switch alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from m2clip import rows
from m2clip.parsing import flat
from m2clip.report import chance, facts, outcomes
from m2clip.report.conclusions.audit import AUDIT, Audit, Switch, read
from m2clip.report.differences import between, difference, written
from m2clip.report.names import MISSING, Names
from m2clip.report.results import Row, load
from m2clip.report.tables.formats import MARKS, Listing, escape_markdown, shown
from m2clip.rows import MAIN, Profile

UNSEEN = "ucf101"
ALL = "released"  # the row that changes every switch
NOT_MEASURED = "not measured"
SAME = f"same as {MAIN} under this profile"


@dataclass(frozen=True)
class Audited:
    """The audit with what the runs of a profile measured."""

    switches: Listing
    how: str
    others: Listing
    slips: tuple[tuple[str, str], ...]  # what the paper says of its numbers, and why that cannot be
    rows: dict[str, Row]  # those that costs are counted of


def audited(profile: Profile, seeds: Sequence[int], names: Names) -> Audited:
    """Read the declared differences and the runs that tried them."""
    declared = rows.rows()
    audit = read(declared)
    wanted = [MAIN, *(row for row in (ALL, *(switch.row for switch in audit.switches)) if row in declared)]
    found = {row.name: row for row in load(profile, dict.fromkeys(wanted), seeds, {})}
    main = found[MAIN]
    of_paper = main.config is None or not difference(main.config, profile)
    others = [[other.what, other.paper, other.released, other.ours] for other in audit.others]
    sheet = facts.read_facts(profile.name, main.dataset) if main.dataset else None
    unlearned = {name for name, row in found.items() if chance.near(row, sheet)}
    switches = _switches(audit, found, of_paper, unlearned, names)
    return Audited(
        switches=switches,
        how=_how(main, names, of_paper, switches),
        others=Listing(["Difference", "The paper", "The released code", "Here"], others, [True] * 4),
        slips=tuple((slip.said, slip.why) for slip in audit.slips),
        rows=found,
    )


def page(profile: str, found: Audited) -> str:
    """The whole page."""
    slips = "\n".join(f"- {escape_markdown(said)} {escape_markdown(why)}" for said, why in found.slips)
    return (
        f"# The paper and its released code, profile `{profile}`\n\n"
        f"Rendered from [{AUDIT}](../../{AUDIT}) by the stage `report`. The default follows the paper's "
        "text and equations, and where they leave two readings its numbers.\n\n"
        f"## Switches\n\n{found.switches.markdown()}\n{found.how}\n"
        f"## Other differences\n\n{found.others.markdown()}"
        f"\n## What the paper's own numbers cannot mean\n\n{slips}\n"
    )


def _switches(
    audit: Audit, found: dict[str, Row], of_paper: bool, unlearned: Collection[str], names: Names
) -> Listing:
    """A line for each switch; unlearned: the rows that are within ten points of chance."""
    headers = [
        "Difference", "The paper", "The released code", "Key", "Paper's value", "Released value", "Here",
        "Row", "Top-1, points", f"Zero-shot {names.dataset(UNSEEN)}, points",
    ]  # fmt: skip
    main, lines = found[MAIN], []
    for switch in audit.switches:
        measured = [switch.cost, ""]
        if switch.row:
            measured = _cost(found[switch.row], main, of_paper, unlearned)
        told = [switch.what, switch.paper, switch.released, switch.key, written(switch.values["paper"])]
        lines.append([*told, _released(switch), _here(switch, main), switch.row, *measured])
    if ALL in found:
        lines.append(["All of these on K400", *[""] * 6, ALL, *_cost(found[ALL], main, of_paper, unlearned)])
    return Listing(headers, lines, [True] * 8 + [False] * 2)


def _released(switch: Switch) -> str:
    """The released code's value, and its other one on SSv2."""
    on_k400, on_ssv2 = (written(switch.values.get(name)) for name in ("released", "ssv2"))
    return f"{on_k400}; SSv2: {on_ssv2}" if "ssv2" in switch.values and on_ssv2 != on_k400 else on_k400


def _here(switch: Switch, main: Row) -> str:
    """Whose value `main` has under this profile: `paper`, `released`, or the value where it is neither's."""
    if main.config is None:
        return MISSING
    value = flat(main.config).get(switch.key, MISSING)
    of_code = switch.values["released"]
    if main.dataset == "ssv2":
        of_code = switch.values.get("ssv2", of_code)
    owners = {written(of_code): "released", written(switch.values["paper"]): "paper"}
    return owners.get(written(value), written(value))


def _how(main: Row, names: Names, of_paper: bool, switches: Listing) -> str:
    if not of_paper:
        return f"`{MAIN}` is not the paper's model as it stands, so no cost is counted from it.\n"
    dataset = names.dataset(main.dataset) if main.dataset else NOT_MEASURED
    cells = "".join(cell for line in switches.rows for cell in line[-2:])
    spread = "± is the standard deviation over seeds. " if "±" in cells else ""
    legend = "".join(f"{mark} {meaning}. " for mark, meaning in MARKS.items() if mark in cells)
    return (
        f"Here: whose value `{MAIN}` has under this profile. "
        f"Points: the row, which has the other value alone, less `{MAIN}`, trained on {dataset}; in brackets "
        f"the 95 % interval over the test videos, paired. {spread}{legend}"
        "Try one: `dvc exp run -S KEY=VALUE`.\n"
    )


def _cost(row: Row, main: Row, of_paper: bool, unlearned: Collection[str]) -> list[str]:
    """Steps from `main` on the set trained for, marked of a row that has not learned, and on the unseen."""
    if row.config and main.config and not between(row.config, main.config):
        return [SAME, ""]
    if not of_paper:
        return [NOT_MEASURED] * 2
    own, unseen = outcomes.step(row, main), outcomes.step_on(UNSEEN, row, main)
    if own and {row.name, main.name} & set(unlearned):
        own = replace(own, mark=own.mark + chance.MARK)
    return [shown(step) if step else NOT_MEASURED for step in (own, unseen)]
