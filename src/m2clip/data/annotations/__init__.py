"""Annotations of datasets: one reader a format, and the names a profile gives them.

A reader is a function from the dataset's folder to Annotations; a new format is one file and one line here.
"""

from collections.abc import Callable
from pathlib import Path

from m2clip.data.annotations import plain
from m2clip.data.annotations.records import Annotations, Record
from m2clip.errors import UserError, meant

__all__ = ["FORMATS", "Annotations", "Record", "read"]

FORMATS: dict[str, Callable[[Path], Annotations]] = {"plain": plain.read}


def read(name: str, folder: Path) -> Annotations:
    """Read the annotations in `folder` that are written in the format `name`."""
    if name not in FORMATS:
        raise UserError(
            f"annotations: there is no format {name!r}{meant(name, FORMATS)}; formats are {sorted(FORMATS)}"
        )
    return FORMATS[name](folder)
