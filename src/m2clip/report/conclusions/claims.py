"""experiments/claims.yaml: what the paper claims of its experiments. Read without torch."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from m2clip.errors import UserError, did_you_mean
from m2clip.parsing import build, read_mapping
from m2clip.report.correlation import STATISTICS
from m2clip.report.outcomes import Verbs

CLAIMS = Path("experiments/claims.yaml")
Measure = Literal[
    "supervised", "zero-shot", "correlation", "correlation-size", "correlation-largest", "trade"
]
Set = Literal["k400", "ssv2", "ucf101", "hmdb51"]
UNSEEN = ("ucf101", "hmdb51")


@dataclass(frozen=True, kw_only=True)
class Printed:
    """The two numbers of the paper, in percent, and the file in experiments/published that has them."""

    better: float
    worse: float
    file: str

    @property
    def difference(self) -> float:
        """In points, without the dust of floats: the paper prints one digit."""
        return round(self.better - self.worse, 1)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim: its words and place, the rows compared, where it is measured, the side it is on.

    worse: the row that `better` is held against; of a trade, several, of which the best of those with as many
    trainable parameters or fewer counts. direction: the side of better - worse.
    verbs: of a zero-shot set the labels that count, all or those whose verb is trained on or is not.
    published: None where the paper prints no numbers. beyond: ours, not the paper's. note: stands below.
    """

    says: str
    section: str
    better: str
    worse: tuple[str, ...]
    set: Set
    measure: Measure = "supervised"
    verbs: Verbs = "all"
    direction: Literal["higher", "lower"] = "higher"
    published: Printed | None = None
    beyond: bool = False
    note: str = ""

    @property
    def rows(self) -> tuple[str, ...]:
        """All rows that it is about."""
        return (self.better, *self.worse)

    @property
    def is_correlation(self) -> bool:
        """Whether it is of label features, not of accuracy."""
        return self.statistic in STATISTICS

    @property
    def statistic(self) -> str:
        """The measure as correlation.STATISTICS has it."""
        return self.measure.replace("-", "_")

    @property
    def zero_shot(self) -> bool:
        """Whether it is measured on a set that no row is trained on."""
        return self.set in UNSEEN

    @property
    def trained_on(self) -> str:
        """The set of its rows: zero-shot is of models trained on K400."""
        return "k400" if self.zero_shot else self.set


def read(rows: Collection[str]) -> dict[str, Claim]:
    """Every claim by its name, in the order of the file.

    Raises:
        UserError: naming the key path of a row that is not declared, or of any other mistake.
    """
    content = read_mapping(CLAIMS).get("claims")
    if not isinstance(content, dict):
        raise UserError(f"{CLAIMS}: expected a mapping `claims`")
    return {str(name): _claim(str(name), values, rows) for name, values in content.items()}


def _claim(name: str, values: object, rows: Collection[str]) -> Claim:
    path = f"claims.{name}"
    for key in ("says", "section", "better", "worse", "set"):
        if isinstance(values, dict) and key not in values:
            raise UserError(f"{CLAIMS}: {path}.{key}: is missing")
    claim = build(Claim, values, path=path, source=str(CLAIMS))
    if not claim.worse or (claim.measure != "trade" and len(claim.worse) > 1):
        raise UserError(f"{CLAIMS}: {path}.worse: expected one row, and several of a trade alone")
    if claim.measure != "trade" and (claim.measure == "zero-shot") != claim.zero_shot:
        raise UserError(f"{CLAIMS}: {path}.set: expected one of {list(UNSEEN)} of zero-shot, and only of it")
    if claim.verbs != "all" and claim.measure != "zero-shot":
        raise UserError(f"{CLAIMS}: {path}.verbs: expected all; only zero-shot tells verbs apart")
    for row in claim.rows:
        if row not in rows:
            known = sorted(rows)
            raise UserError(
                f"{CLAIMS}: {path}: there is no row {row}{did_you_mean(row, known)}; known are {known}"
            )
    return claim


def rows_of(claims: Iterable[Claim]) -> tuple[str, ...]:
    """Every row that a claim is about, once."""
    return tuple(dict.fromkeys(row for claim in claims for row in claim.rows))
