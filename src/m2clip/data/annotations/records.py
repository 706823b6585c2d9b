"""What every reader of annotations returns, and the mistakes all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.errors import UserError, meant


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


def class_ids(labels: Sequence[str]) -> dict[str, int]:
    """The class id of every label."""
    return {label: class_id for class_id, label in enumerate(labels)}


def class_id(label: str, known: dict[str, int], where: str) -> int:
    """The class id of a label, or a UserError that starts with `where` (file and row)."""
    if label not in known:
        raise UserError(f"{where}: label {label!r} is not in the list of labels{meant(label, known)}")
    return known[label]
