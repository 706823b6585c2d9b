"""experiments/claims.yaml: what the paper claims of its experiments. Read without torch.

An entry that is asked `on` several sets is a claim on each: `te-over-td` on K400, `te-over-td-ssv2` of the
rows `te-ssv2` and `td-ssv2`.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from m2clip.errors import UserError, did_you_mean
from m2clip.experiment import MAIN
from m2clip.files import read_mapping
from m2clip.parsing import build
from m2clip.report.accuracy import Verbs
from m2clip.report.columns import UNSEEN
from m2clip.report.correlation import STATISTICS

CLAIMS = Path("experiments/claims.yaml")
Measure = Literal["accuracy", "trade", "correlation", "correlation-size", "correlation-largest"]
Set = Literal["k400", "ssv2", "ucf101", "hmdb51"]


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
class Stated:
    """An entry of the file, with its rows as they are called on K400.

    worse: the row that `better` is held against; of a trade, several, of which the best of those with as many
    trainable parameters or fewer counts. on: the sets; on one that no row is trained on it is of zero-shot.
    direction: the side of better - worse. verbs: of a zero-shot set the labels that count, all or those whose
    verb is trained on or is not. published: on the first set; None where the paper prints no numbers. beyond:
    the sets on which it is ours, not the paper's. note: stands below.
    """

    says: str
    section: str
    better: str
    worse: tuple[str, ...]
    on: tuple[Set, ...]
    measure: Measure = "accuracy"
    verbs: Verbs = "all"
    direction: Literal["higher", "lower"] = "higher"
    published: Printed | None = None
    beyond: tuple[Set, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim(Stated):
    """An entry on one of its sets, with its rows as they are called there."""

    name: str
    set: Set

    @property
    def is_beyond(self) -> bool:
        """Whether it is ours on this set, not the paper's."""
        return self.set in self.beyond

    @property
    def rows(self) -> tuple[str, ...]:
        """All rows that it is about."""
        return (self.better, *self.worse)

    @property
    def zero_shot(self) -> bool:
        """Whether it is measured on a set that no row is trained on."""
        return self.set in UNSEEN

    @property
    def trained_on(self) -> str:
        """The set of its rows: zero-shot is of models trained on K400."""
        return "k400" if self.zero_shot else self.set

    @property
    def statistic(self) -> str:
        """Of a claim on label features, which of correlation.STATISTICS; of accuracy nothing."""
        name = self.measure.replace("-", "_")
        return name if name in STATISTICS else ""

    @property
    def kind(self) -> str:
        """The measure in full: `supervised`, `zero-shot, untrained verbs`, `trade`, `correlation`."""
        if self.measure != "accuracy":
            return self.measure
        verbs = "" if self.verbs == "all" else f", {self.verbs} verbs"
        return f"zero-shot{verbs}" if self.zero_shot else "supervised"


def read(rows: Collection[str]) -> dict[str, Claim]:
    """Every claim by its name, in the order of the file.

    Raises:
        UserError: naming the key path of a row that is not declared, or of any other mistake.
    """
    content = read_mapping(CLAIMS).get("claims")
    if not isinstance(content, dict):
        raise UserError(f"{CLAIMS}: expected a mapping `claims`")
    claims = (claim for name, values in content.items() for claim in _claims(str(name), values, rows))
    return {claim.name: claim for claim in claims}


def _claims(name: str, values: object, rows: Collection[str]) -> Iterator[Claim]:
    path = f"claims.{name}"
    for key in ("says", "section", "better", "worse", "on"):
        if isinstance(values, dict) and key not in values:
            raise UserError(f"{CLAIMS}: {path}.{key}: is missing")
    stated = build(Stated, values, path=path, source=str(CLAIMS))
    _check(path, stated)
    for place, dataset in enumerate(stated.on):
        better, *worse = (_row_on(dataset, row, path, rows) for row in (stated.better, *stated.worse))
        first = place == 0
        own = {"better": better, "worse": tuple(worse), "published": stated.published if first else None}
        own |= {"note": stated.note if first else "", "set": dataset}
        own |= {"name": name if dataset == "k400" or len(stated.on) == 1 else f"{name}-{dataset}"}
        yield Claim(**(vars(stated) | own))


def _check(path: str, stated: Stated) -> None:
    if not stated.on or not set(stated.beyond) <= set(stated.on):
        raise UserError(f"{CLAIMS}: {path}.on: expected one set or more, and those of `beyond` among them")
    if not stated.worse or (stated.measure != "trade" and len(stated.worse) > 1):
        raise UserError(f"{CLAIMS}: {path}.worse: expected one row, and several of a trade alone")
    if stated.verbs != "all" and not set(stated.on) <= set(UNSEEN):
        raise UserError(f"{CLAIMS}: {path}.verbs: expected all; only zero-shot tells verbs apart")
    if stated.measure.startswith("correlation") and set(stated.on) & set(UNSEEN):
        raise UserError(f"{CLAIMS}: {path}.on: expected sets that rows are trained on, of a correlation")


def _row_on(dataset: str, row: str, path: str, rows: Collection[str]) -> str:
    """A row's name on a set: `te-ssv2` on SSv2, of `main` `ssv2`; the row itself where it has no other."""
    if dataset == "ssv2":
        other = "ssv2" if row == MAIN else f"{row}-ssv2"
        row = other if other in rows else row
    if row not in rows:
        raise UserError(f"{CLAIMS}: {path}: there is no row {row}{did_you_mean(row, rows)}")
    return row


def rule() -> tuple[str, ...]:
    """How a verdict comes about, in sentences, as the file has it."""
    found = read_mapping(CLAIMS).get("rule") or []
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise UserError(f"{CLAIMS}: rule: expected a list of texts")
    return tuple(found)


def rows_of(claims: Iterable[Claim]) -> tuple[str, ...]:
    """Every row that a claim is about, once."""
    return tuple(dict.fromkeys(row for claim in claims for row in claim.rows))
