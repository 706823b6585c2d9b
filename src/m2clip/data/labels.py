"""Labels: files with one a line in class-id order, ways to write them, and what two sets have in common."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.errors import UserError, did_you_mean

HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels from a file with one a line, in class-id order."""
    labels = tuple(line.strip() for line in read_text(path).splitlines())
    for row, label in enumerate(labels, start=1):
        if not label:
            raise UserError(f"{path}, line {row}: empty; expected one label a line")
        if label in labels[: row - 1]:
            raise UserError(f"{path}, line {row}: {label!r} is there already")
    if not labels:
        raise UserError(f"{path}: no labels")
    return labels


def read_text(path: Path) -> str:
    """The content of an annotation file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such annotation file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


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
    """Labels as the text tower is to read them, in the same class-id order.

    Args:
        labels: as the publisher wrote them.
        steps: names out of STEPS, done one after the other.

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
    """The labels that are among others, written in whatever way.

    Case, CamelCase, underscores and punctuation do not count; forms of a word do: "ride horse" is not found
    in "riding horse", so that this is the least overlap, not all of it.
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
