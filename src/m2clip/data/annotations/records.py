"""What every reader of annotations returns, and the mistakes all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2clip.data.labels import read_labels, strip_parentheses
from m2clip.errors import UserError, meant

LISTS = Path("experiments/labels")


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


def class_ids(labels: Sequence[str]) -> dict[str, int]:
    """The class id of every label."""
    return {label: class_id for class_id, label in enumerate(labels)}


def class_id(label: str, known: dict[str, int], where: str) -> int:
    """The class id of a label, or a UserError that starts with `where` (file and row)."""
    if label not in known:
        raise UserError(f"{where}: label {label!r} is not in the list of labels{meant(label, known)}")
    return known[label]


def assert_labels(labels: Sequence[str], name: str, file: Path, *, ordered: bool = True) -> None:
    """Hold labels to the published list of the dataset in experiments/labels, where there are as many.

    Args:
        labels: as the annotations have them, in class-id order.
        name: of the list; some have lost their parentheses, so they do not count.
        file: the annotations, for the message.
        ordered: the class ids are the publisher's, so the order must be that of the list too.
    """
    path = LISTS / f"{name}.txt"
    published = [strip_parentheses(label) for label in read_labels(path)]
    if len(labels) != len(published):
        return
    mine = [strip_parentheses(label) for label in labels]
    if not ordered:
        mine, published = sorted(mine), sorted(published)
    for number, (label, expected) in enumerate(zip(mine, published, strict=True)):
        if label != expected:
            at = f"class id {number}" if ordered else "one of the labels"
            raise UserError(f"{file}: {at} is {label!r}, where {path} has {expected!r}")
