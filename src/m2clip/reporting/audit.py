"""reports/<profile>/audit.md: the paper against its released code, and what each difference costs here.

Rendered from experiments/audit.yaml; a cost is the step from `main` to the row that changes one switch alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.config import Run
from m2clip.parsing import build, read_yaml
from m2clip.reporting import outcomes
from m2clip.reporting.differences import difference, written
from m2clip.reporting.names import Names
from m2clip.reporting.outcomes import Step
from m2clip.reporting.results import Row, load
from m2clip.reporting.tables import Listing, escape_markdown, shown
from m2clip.rows import MAIN, Profile

AUDIT = Path("experiments/audit.yaml")
UNSEEN = "ucf101"
ALL = "released"  # the row that changes every switch
NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A difference that is one key of the config; `values` by whose: paper, released, ssv2 (as released)."""

    what: str
    paper: str
    released: str
    key: str
    values: dict[str, Any]
    ours: str
    row: str = ""
    cost: str = ""


@dataclass(frozen=True, kw_only=True)
class Other:
    """A difference that is no switch, in words."""

    what: str
    paper: str
    released: str
    ours: str


@dataclass(frozen=True, kw_only=True)
class Slip:
    """What the paper says of its numbers, and why that cannot be."""

    said: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The whole of experiments/audit.yaml."""

    switches: tuple[Switch, ...] = ()
    others: tuple[Other, ...] = ()
    slips: tuple[Slip, ...] = ()


def read() -> Audit:
    """experiments/audit.yaml, each key of a switch known and each value possible.

    Raises:
        UserError: naming what is not.
    """
    audit = build(Audit, read_yaml(AUDIT) or {}, source=str(AUDIT))
    for switch in audit.switches:
        for value in switch.values.values():
            nested: Any = value
            for part in reversed(switch.key.split(".")):
                nested = {part: nested}
            build(Run, nested, source=f"{AUDIT}: {switch.what}")
    return audit


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
    audit = read()
    wanted = [MAIN, ALL, *(switch.row for switch in audit.switches if switch.row)]
    rows = {row.name: row for row in load(profile, dict.fromkeys(wanted), seeds, {})}
    main = rows[MAIN]
    of_paper = main.config is None or not difference(main.config, profile)
    others = [[other.what, other.paper, other.released, other.ours] for other in audit.others]
    return Audited(
        switches=_switches(audit, rows, main if of_paper else None, names),
        how=_how(main, names, of_paper),
        others=Listing(["Difference", "The paper", "The released code", "Here"], others, [True] * 4),
        slips=tuple((slip.said, slip.why) for slip in audit.slips),
        rows=rows,
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


def _switches(audit: Audit, rows: dict[str, Row], main: Row | None, names: Names) -> Listing:
    headers = [
        "Difference", "The paper", "The released code", "Key", "Paper's value", "Released value", "Here",
        "Row", "Top-1, points", f"Zero-shot {names.dataset(UNSEEN)}, points",
    ]  # fmt: skip
    lines = []
    for switch in audit.switches:
        measured = _cost(rows[switch.row], main) if switch.row else [switch.cost, ""]
        told = [switch.what, switch.paper, switch.released, switch.key, written(switch.values["paper"])]
        lines.append([*told, _released(switch), switch.ours, switch.row, *measured])
    lines.append(["All of these on K400", *[""] * 6, ALL, *_cost(rows[ALL], main)])
    return Listing(headers, lines, [True] * 8 + [False] * 2)


def _released(switch: Switch) -> str:
    """The released code's value, and its other one on SSv2."""
    on_k400, on_ssv2 = (written(switch.values.get(name)) for name in ("released", "ssv2"))
    return f"{on_k400}; SSv2: {on_ssv2}" if "ssv2" in switch.values and on_ssv2 != on_k400 else on_k400


def _how(main: Row, names: Names, of_paper: bool) -> str:
    if not of_paper:
        return f"`{MAIN}` is not the paper's model as it stands, so no cost is counted from it.\n"
    dataset = names.dataset(main.dataset) if main.dataset else NOT_MEASURED
    return (
        f"Points: the row, which has the other value alone, less `{MAIN}`, trained on {dataset}; in brackets "
        "the 95 % interval over the test videos, paired. Try one: `dvc exp run -S KEY=VALUE`.\n"
    )


def _cost(row: Row, main: Row | None) -> list[str]:
    """Steps from `main` on the set trained for, and zero-shot on the unseen one."""
    found = (outcomes.step(row, main), _unseen(row, main) if main else None)
    return [shown(step) if step else NOT_MEASURED for step in found]


def _unseen(row: Row, main: Row) -> Step | None:
    found = outcomes.difference(row, main, UNSEEN)
    if found is None:
        return None
    return Step(found.points, *((found.interval.low, found.interval.high) if found.interval else ()))
