"""Files of labels, one a line in class-id order."""

from pathlib import Path

from m2clip.errors import UserError


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
