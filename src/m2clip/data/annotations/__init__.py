"""Annotations of datasets: one reader a format, and the names a profile gives them.

A reader is a function from the folder of the videos, and that of the annotations where it is another, to
Annotations; a new format is one file and one line here.
"""

from collections.abc import Callable
from pathlib import Path

from m2clip.data.annotations import hmdb51, kinetics, listed, plain, ssv2, ucf101
from m2clip.data.annotations.records import Annotations, Record
from m2clip.data.texts import check_label
from m2clip.errors import UserError, did_you_mean

__all__ = ["FORMATS", "Annotations", "Record", "read"]

FORMATS: dict[str, Callable[[Path, Path | None], Annotations]] = {
    "plain": plain.read,
    "list": listed.read,
    "kinetics": kinetics.read,
    "ssv2": ssv2.read,
    "ucf101": ucf101.read,
    "hmdb51": hmdb51.read,
}


def read(name: str, folder: Path, annotations: Path | None = None) -> Annotations:
    """Read the annotations of the videos in `folder` that are written in the format `name`.

    Raises:
        UserError: naming file and row: no videos, a label that is not one line, a path outside of the
            folder, or whatever the format does not allow.
    """
    if name not in FORMATS:
        raise UserError(
            f"annotations: there is no format {name!r}{did_you_mean(name, FORMATS)}; "
            f"formats are {sorted(FORMATS)}"
        )
    found = FORMATS[name](folder, annotations)
    if not found.records:
        files = ", ".join(str(file) for file in found.files[:3])
        raise UserError(f"{files or annotations or folder}: no videos")
    for label in found.labels:
        check_label(label, str(found.files[0] if found.files else annotations or folder))
    return found
