"""experiments/claims.yaml: what the paper claims of its experiments. Read without torch.

An entry is a claim on each set that it is asked `on`, by each of its heads: `all-over-half` by Eq. 11 and by
the classifier is `all-over-half-eq11` and `all-over-half-vc`.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from m2clip.errors import UserError, did_you_mean
from m2clip.experiment import MAIN
from m2clip.files import read_mapping
from m2clip.parsing import build
from m2clip.report.accuracy import Head, Verbs
from m2clip.report.columns import UNSEEN

CLAIMS = Path("experiments/claims.yaml")
Set = Literal["k400", "ssv2", "ucf101", "hmdb51"]


@dataclass(frozen=True, kw_only=True)
class Printed:
    """The two numbers of the paper, in percent, and the file in experiments/published that has them."""

    better: float
    worse: float
    file: str

    @property
    def difference(self) -> float:
        """In points, rounded to the one digit that the paper prints."""
        return round(self.better - self.worse, 1)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """An entry of the file; the comment at its top says what each key means."""

    says: str
    section: str
    better: str
    worse: tuple[str, ...]
    on: tuple[Set, ...]
    asks: Literal["gain", "no-loss", "slope"] = "gain"
    measure: Literal["accuracy", "correlation-size", "correlation-largest"] = "accuracy"
    heads: tuple[Head, ...] = ("",)
    verbs: Verbs = "all"
    direction: Literal["higher", "lower"] = "higher"
    published: Printed | None = None
    beyond: tuple[Set, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim(Stated):
    """An entry on one of its sets by one of its heads, with its rows as they are called there."""

    name: str
    set: Set
    head: Head

    @property
    def is_beyond(self) -> bool:
        """Whether the paper does not make this claim on this set and we do."""
        return self.set in self.beyond

    @property
    def rows(self) -> tuple[str, ...]:
        """All rows that it is about."""
        return (self.better, *self.worse)

    @property
    def best_of(self) -> bool:
        """Whether only the best of the other rows counts."""
        return len(self.worse) > 1 and self.asks != "slope"

    @property
    def zero_shot(self) -> bool:
        """Whether it is measured on a set that no row is trained on."""
        return self.set in UNSEEN

    @property
    def trained_on(self) -> str:
        """The dataset that its rows are trained on: K400 for zero-shot, else `set`."""
        return "k400" if self.zero_shot else self.set

    @property
    def statistic(self) -> str:
        """The key in correlation.STATISTICS of a claim about label features; empty for one about accuracy."""
        return "" if self.measure == "accuracy" else self.measure.replace("-", "_")

    @property
    def towards(self) -> int:
        """+1 where the claim expects a difference above zero, -1 where it expects one below."""
        return 1 if self.direction == "higher" else -1


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
    stated = build(Stated, values, path=path, source=str(CLAIMS))
    _check(path, stated)
    for dataset, head in product(stated.on, stated.heads):
        better, *worse = (_row_on(dataset, row, path, rows) for row in (stated.better, *stated.worse))
        endings = [dataset] * (len(stated.on) > 1 and dataset != "k400") + [head] * (len(stated.heads) > 1)
        own: dict[str, Any] = {"name": "-".join([name, *endings]), "set": dataset, "head": head}
        own |= {"better": better, "worse": tuple(worse)}
        if dataset != stated.on[0]:
            own |= {"published": None}
        if (dataset, head) != (stated.on[0], stated.heads[0]):
            own |= {"note": ""}
        yield Claim(**(vars(stated) | own))


def _check(path: str, stated: Stated) -> None:
    on, unseen, alike = set(stated.on), set(stated.on) & set(UNSEEN), stated.measure != "accuracy"
    beyond = "on: expected one set or more, and those of `beyond` among them"
    wrong = {
        beyond: not on or not set(stated.beyond) <= on,
        "heads: expected one or more": not stated.heads,
        "worse: expected a row": not stated.worse,
        "worse: expected two rows or more, of a slope": stated.asks == "slope" and len(stated.worse) < 2,
        "verbs: expected all; only zero-shot tells verbs apart": stated.verbs != "all" and unseen != on,
        "heads: expected none of zero-shot, which is by texts": unseen and stated.heads != ("",),
        "on: expected sets that rows are trained on, of a correlation": alike and unseen,
        "worse: expected one row, of a correlation": alike and len(stated.worse) > 1,
    }
    if first := next((told for told, is_wrong in wrong.items() if is_wrong), ""):
        raise UserError(f"{CLAIMS}: {path}.{first}")


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
