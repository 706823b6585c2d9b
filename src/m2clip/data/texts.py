"""Text, JSON and CSV that strangers wrote: read whole, or refused in one line that names file and place."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import category

from m2clip.errors import UserError

MOST_BYTES = 1 << 30  # of an annotation file; the longest known has 50 MB
SHOWN = 100  # characters of a wrong value in a message
# Control characters, line and paragraph separators, halves of a character: none can be printed in a line.
UNPRINTABLE = {
    "Cc": "a control character",
    "Zl": "a line break",
    "Zp": "a line break",
    "Cs": "half a character",
}
BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85"


def read_text(path: Path) -> str:
    """The content of an annotation file."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: is not a file; expected an annotation file")
        if path.exists() and path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: longer than {MOST_BYTES >> 30} GiB; expected an annotation file")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such annotation file") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8
        raise UserError(f"{path}: cannot be read: {error}") from None


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Number, from 1, and stripped text of every line with something on it; only a newline ends a line."""
    lines = enumerate(read_text(path).split("\n"), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_json(path: Path, kind: type) -> Any:
    """The content of a JSON file, whose outermost value is a `kind`."""
    try:
        content = json.loads(read_text(path))
    except RecursionError:
        raise UserError(f"{path}: not valid JSON: nested too deeply") from None
    except ValueError as error:  # also for a number with more digits than Python converts
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(content, kind):
        raise UserError(f"{path}: expected a {kind.__name__} of JSON, got {type(content).__name__}")
    return content


def read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number of the line where a row ends, from 1, and values of every row of a CSV file that has any."""
    rows = csv.reader(io.StringIO(read_text(path)))
    while True:
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}, row {rows.line_num}: not valid CSV: {error}") from None
        if values:
            yield rows.line_num, values


def check_label(label: str, where: str) -> str:
    """The label, which must be one line of text.

    Raises:
        UserError: starting with `where`, file and row.
    """
    if fault := _unprintable(label):
        raise UserError(f"{where}: label {shown(label)} has {fault}; expected one line of text")
    return label


def check_path(path: str, where: str, what: str = "path") -> str:
    """A path, which must lie inside the folder of the videos, with forward slashes.

    Raises:
        UserError: starting with `where`, file and row.
    """
    if fault := _unprintable(path):
        raise UserError(f"{where}: {what} {shown(path)} has {fault}")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise UserError(f"{where}: {path[:SHOWN]} must be relative to the videos and inside them")
    return pure.as_posix()


def check_name(name: str, where: str, what: str = "id") -> str:
    """The name of a file, which must not be a path to another folder.

    Raises:
        UserError: starting with `where`, file and row.
    """
    check_path(name, where, what)
    if "/" in name or "\\" in name:
        raise UserError(f"{where}: {what} {shown(name)} must be a file's name, without a folder")
    return name


def shown(value: Any) -> str:
    """A wrong value in a message: quoted, escaped and not too long."""
    text = ascii(value) if isinstance(value, str) and _unprintable(value) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def _unprintable(text: str) -> str | None:
    for character in "" if text.isprintable() else text:
        if kind := UNPRINTABLE.get(category(character)):
            kind = "a line break" if character in BREAKS else kind
            return f"{kind} (U+{ord(character):04X})"
    return None
