"""Labels and class ids: reading and writing them, renaming labels, and labels that two datasets share."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.data.texts import check_label, read_json, read_text, shown
from m2clip.errors import UserError, did_you_mean

DIGITS = 10  # a class id has fewer
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels from a file with one a line, in class-id order.

    Raises:
        UserError: naming file and line.
    """
    lines = [line.strip() for line in read_text(path).rstrip().split("\n")]
    labels: dict[str, None] = {}
    for row, label in enumerate(lines, start=1):
        where = f"{path}, line {row}"
        if not label and len(lines) > 1:
            raise UserError(f"{where}: empty; expected one label a line")
        if label in labels:
            raise UserError(f"{where}: {shown(label)} is there already")
        labels[check_label(label, where)] = None
    if not any(labels):
        raise UserError(f"{path}: no labels")
    return tuple(labels)


def read_class_ids(path: Path) -> tuple[str, ...]:
    """Labels in class-id order from a JSON object `{label: class id}`, where an id may be a text.

    Raises:
        UserError: naming file and label; the ids must be all numbers from 0.
    """
    by_id: dict[int, str] = {}
    for label, value in read_json(path, dict).items():
        number = str(value)
        if not (number.isascii() and number.isdecimal() and len(number) < DIGITS) or int(number) in by_id:
            raise UserError(
                f"{path}: {shown(label)}: expected a class id of its own, a whole number from 0, got "
                f"{shown(value)}"
            )
        by_id[int(number)] = check_label(label, str(path))
    if sorted(by_id) != list(range(len(by_id))):
        raise UserError(f"{path}: class ids must be all numbers from 0 to {len(by_id) - 1}")
    return tuple(by_id[number] for number in range(len(by_id)))


def class_ids_json(labels: Sequence[str]) -> str:
    """What read_class_ids reads: whatever characters a label has, its id stays its own."""
    return json.dumps({label: class_id for class_id, label in enumerate(labels)}, indent=1) + "\n"


def strip_parentheses(label: str) -> str:
    """`skiing (not slalom or crosscountry)` without the two signs; the words inside stay."""
    return label.replace("(", "").replace(")", "")


def spaces(label: str) -> str:
    """`ApplyEyeMakeup` and `brush_hair` as words with spaces between."""
    return " ".join(HUMP.sub(" ", label.replace("_", " ")).split())


STEPS: dict[str, Callable[[str], str]] = {
    "spaces": spaces,
    "lower": str.lower,
    "no_parentheses": strip_parentheses,
}


def rename(labels: Sequence[str], steps: Sequence[str]) -> tuple[str, ...]:
    """Labels rewritten for the text tower, in the same class-id order.

    Args:
        labels: as the publisher wrote them.
        steps: keys of STEPS, applied in this order.

    Raises:
        UserError: there is no such step, or two labels become the same.
    """
    renamed: dict[str, str] = {}
    for label in labels:
        name = label
        for step in steps:
            if step not in STEPS:
                raise UserError(
                    f"names: there is no {step!r}{did_you_mean(step, STEPS)}; known are {sorted(STEPS)}"
                )
            name = STEPS[step](name)
        if name in renamed:
            raise UserError(f"names: {list(steps)} makes {name!r} of both {renamed[name]!r} and {label!r}")
        renamed[name] = label
    return tuple(renamed)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A label that a second set of labels has too."""

    label: str
    other: str
    match: str  # exact: the same words in the same order; words: the same words


def overlap(labels: Sequence[str], others: Sequence[str]) -> list[Shared]:
    """The labels that a second set has too, whatever their spelling.

    Case, CamelCase, underscores and punctuation are ignored. Forms of a word are not: "ride horse" does not
    match "riding horse". So there may be more overlap than is found.
    """
    texts = {other: _words(other) for other in others}
    found = []
    for label in labels:
        words = _words(label)
        for other, theirs in texts.items():
            if words == theirs or set(words) == set(theirs):
                match = "exact" if words == theirs else "words"
                found.append(Shared(label=label, other=other, match=match))
    return found


def _words(label: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", spaces(label).lower())
