"""Find the files of a dataset by their names.

Copies of a dataset have all videos in one folder, or a folder for each label or split. The names of the files
are the publisher's in all of them, except for the ending.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from m2clip.errors import UserError

ENDINGS = (".mp4", ".webm", ".avi", ".mkv")
REPLACEMENT = "replacement"  # how the folder begins where K400's host lays whole files for damaged ones


@dataclass(frozen=True, kw_only=True)
class Found:
    """The files of a folder, against the names that a dataset has."""

    paths: Mapping[
        str, str
    ]  # official path -> where it lies below the folder; itself, where there is no file
    extra: tuple[str, ...]  # video files that have none of the names


def lists_beside(folder: Path, archive: str, annotations: Path | None) -> Path:
    """The folder of a dataset's lists: as asked, else as their archive unpacks, else the videos' own."""
    return annotations or (folder / archive if (folder / archive).is_dir() else folder)


def find(folder: Path, official: Iterable[str]) -> Found:
    """Find the files of official paths such as `label/name.avi` below a folder, by their names.

    Where two of the paths share a name, only a file in the folder that a path names is its.

    Raises:
        UserError: there is no such folder, a name is there twice, or two paths have one file.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; it should hold the videos")
    official, lying = tuple(official), _by_name(folder)
    sharing = Counter(PurePosixPath(path).stem for path in official)
    paths: dict[str, str] = {}
    whose: dict[str, str] = {}  # of each file that was found, the path
    used: set[str] = set()
    for path in official:
        stem = PurePosixPath(path).stem
        there = lying.get(stem, [])
        if sharing[stem] > 1:
            there = _beside(path, there)
        paths[path] = _the_one(folder, path, there) if there else path
        if there and (other := whose.setdefault(paths[path], path)) != path:
            raise UserError(
                f"{folder}: {paths[path]} is the only file of two annotated videos, {other} and {path}"
            )
        used.update(there)
    extra = {path for there in lying.values() for path in there} - used
    return Found(paths=paths, extra=tuple(sorted(extra)))


def _by_name(folder: Path) -> dict[str, list[str]]:
    """Paths of all video files, relative to the folder, by their names without the ending."""
    lying: dict[str, list[str]] = {}
    for at, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(at).relative_to(folder)
        for name in names:
            stem, dot, ending = name.rpartition(".")
            if dot + ending.lower() in ENDINGS and not name.startswith("."):
                lying.setdefault(stem, []).append((below / name).as_posix())
    return lying


def _beside(path: str, there: list[str]) -> list[str]:
    """The files that lie in the folder that the path names."""
    parent = PurePosixPath(path).parent.name
    return [each for each in there if parent and PurePosixPath(each).parent.name == parent]


def _the_one(folder: Path, path: str, there: list[str]) -> str:
    """Of several files with a name: the replacement, or the one in the folder that the path names."""
    if len(there) == 1:
        return there[0]
    for wanted in (
        [each for each in there if any(part.startswith(REPLACEMENT) for part in PurePosixPath(each).parts)],
        _beside(path, there),
    ):
        if len(wanted) == 1:
            return wanted[0]
    raise UserError(
        f"{folder}: {PurePosixPath(path).stem} is there {len(there)} times: {', '.join(sorted(there)[:3])}; "
        "keep one of each, or name the folder that holds one"
    )
