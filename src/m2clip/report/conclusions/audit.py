"""experiments/audit.yaml: where the paper and its released code differ. Read without torch."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.config import Run
from m2clip.errors import UserError, did_you_mean
from m2clip.parsing import build, read_yaml

AUDIT = Path("experiments/audit.yaml")


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


def read(rows: Collection[str]) -> Audit:
    """experiments/audit.yaml, each key of a switch known, each value possible and each row declared.

    Raises:
        UserError: naming what is not.
    """
    audit = build(Audit, read_yaml(AUDIT) or {}, source=str(AUDIT))
    for switch in audit.switches:
        if switch.row and switch.row not in rows:
            known = sorted(rows)
            raise UserError(
                f"{AUDIT}: {switch.what}: row: there is no row {switch.row}"
                f"{did_you_mean(switch.row, known)}; "
                f"known are {known}"
            )
        for value in switch.values.values():
            nested: Any = value
            for part in reversed(switch.key.split(".")):
                nested = {part: nested}
            build(Run, nested, source=f"{AUDIT}: {switch.what}")
    return audit
