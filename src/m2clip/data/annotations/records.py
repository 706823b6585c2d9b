"""What every reader of annotations returns, and checks that several readers share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2clip.data.labels import read_labels, strip_parentheses
from m2clip.data.texts import SHOWN, shown
from m2clip.errors import UserError, did_you_mean

LISTS = Path("experiments/labels")
MOST = 2 / 3  # of the longer of two lists of labels, in common: one of them is a faulty copy of the other


@dataclass(frozen=True, kw_only=True)
class Record:
    """One annotated video."""

    path: str  # relative to Annotations.folder, with forward slashes
    label: str
    class_id: int
    splits: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """One dataset as its publisher annotated it."""

    folder: Path  # where the videos lie
    labels: tuple[str, ...]  # in class-id order
    records: tuple[Record, ...]
    files: tuple[Path, ...] = ()  # what was read
    extra: tuple[str, ...] = ()  # videos of the folder that no annotation names
    unlabelled: Mapping[str, int] = field(default_factory=dict)  # annotated without a label, by split
    known: Mapping[str, int] = field(default_factory=dict)  # the publisher's number of videos, by split
    held: bool | None = None  # whether labels equal the published list; None: the format has no such list


def class_ids(labels: Sequence[str]) -> dict[str, int]:
    """The class id of every label."""
    return {label: class_id for class_id, label in enumerate(labels)}


def class_id(label: str, known: dict[str, int], where: str) -> int:
    """The class id of a label, or a UserError that starts with `where` (file and row)."""
    if label not in known:
        close = did_you_mean(label, known) if len(label) <= SHOWN else ""
        raise UserError(f"{where}: label {shown(label)} is not in the list of labels{close}")
    return known[label]


def assert_labels(labels: Sequence[str], name: str, file: Path, *, ordered: bool = True) -> bool:
    """Compare labels with the published list in experiments/labels; False if they are of another dataset.

    Labels count as the published ones if there are equally many or if most of them are in the list. Then they
    must be equal: a list that lacks one label has other class ids after it.

    Args:
        labels: as the annotations have them, in class-id order.
        name: of the list; some have lost their parentheses, so they do not count.
        file: the annotations, for the message.
        ordered: the class ids are the publisher's, so the order must be that of the list too.

    Raises:
        UserError: naming the first label that differs.
    """
    path = LISTS / f"{name}.txt"
    published = [strip_parentheses(label) for label in read_labels(path)]
    mine = [strip_parentheses(label) for label in labels]
    if len(mine) != len(published):
        if len(set(mine) & set(published)) < MOST * max(len(mine), len(published)):
            return False
        there = set(mine)
        lacking = [f"{label!r} is not there" for label in published if label not in there]
        strange = [f"{label!r} is not in the list" for label in mine if label not in published]
        raise UserError(
            f"{file}: {len(mine)} labels, where {path} has {len(published)}: {(lacking + strange)[0]}; "
            "take the publisher's whole list, or annotate a choice of it in the format `list` or `plain`"
        )
    if not ordered:
        mine, published = sorted(mine), sorted(published)
    for number, (label, expected) in enumerate(zip(mine, published, strict=True)):
        if label != expected:
            at = f"class id {number}" if ordered else "one of the labels"
            raise UserError(f"{file}: {at} is {label!r}, where {path} has {expected!r}")
    return True
