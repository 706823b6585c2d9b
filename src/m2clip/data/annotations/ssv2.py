"""Something-Something v2: JSON lists of {id, label, template, placeholders}, and labels.json.

The class of a video is what labels.json has for its template without the brackets, a number written as a
text. The test list has no templates and is only counted. Files are `<id>.webm`, or have another ending.
"""

import json
from pathlib import Path
from typing import Any

from m2clip.data.annotations.files import find
from m2clip.data.annotations.records import Annotations, Record, assert_labels, class_id
from m2clip.data.labels import read_text
from m2clip.errors import UserError

PREFIX = "something-something-v2-"  # of all four files as first published; later downloads have it not
SPLITS = ("train", "validation")
KNOWN = {"train": 168_913, "validation": 24_777, "test": 27_157}
Entry = tuple[str, int, str]  # label, class id and split


def read(folder: Path, annotations: Path | None = None) -> Annotations:
    """Read labels.json and the lists of training, validation and test videos.

    Args:
        folder: the videos.
        annotations: the JSON files, if not beside the videos.

    Raises:
        UserError: naming file and entry.
    """
    where = annotations or folder
    labels_file = _file(where, "labels")
    labels = _labels(labels_file)
    held = assert_labels(labels, "ssv2", labels_file)
    ids = {label: number for number, label in enumerate(labels)}
    files, entries = [labels_file], dict[str, Entry]()
    for split in SPLITS:
        files.append(_file(where, split))
        _read_split(files[-1], split, ids, entries)
    test = _file(where, "test", needed=False)
    unlabelled = {"test": len(_load(test, list))} if test.is_file() else {}
    found = find(folder, entries)
    return Annotations(
        folder=folder,
        labels=labels,
        records=tuple(
            Record(path=found.paths[path], label=label, class_id=number, splits=(split,))
            for path, (label, number, split) in entries.items()
        ),
        files=(*files, test) if unlabelled else tuple(files),
        extra=found.extra,
        unlabelled=unlabelled,
        known=KNOWN if len(labels) == 174 else {},
        held=held,
    )


def _file(where: Path, name: str, *, needed: bool = True) -> Path:
    """`something-something-v2-<name>.json`, or `<name>.json`."""
    names = (f"{PREFIX}{name}.json", f"{name}.json")
    for each in names:
        if (where / each).is_file():
            return where / each
    if needed:
        raise UserError(f"{where}: there is neither {names[0]} nor {names[1]}")
    return where / names[0]


def _labels(file: Path) -> tuple[str, ...]:
    """The labels in class-id order; the ids must be all numbers from 0."""
    content = _load(file, dict)
    by_id: dict[int, str] = {}
    for label, value in content.items():
        if not str(value).isdecimal() or int(value) in by_id:
            raise UserError(f"{file}: {label!r}: expected a class id of its own, got {value!r}")
        by_id[int(value)] = label
    if sorted(by_id) != list(range(len(by_id))) or not by_id:
        raise UserError(f"{file}: class ids must be all numbers from 0 to {len(by_id) - 1}")
    return tuple(by_id[number] for number in range(len(by_id)))


def _read_split(file: Path, split: str, ids: dict[str, int], entries: dict[str, Entry]) -> None:
    for number, entry in enumerate(_load(file, list), start=1):
        where = f"{file}, entry {number}"
        if not isinstance(entry, dict) or not {"id", "template"} <= entry.keys():
            raise UserError(f"{where}: expected id and template, got {entry!r}")
        label = str(entry["template"]).replace("[", "").replace("]", "")
        path = f"{entry['id']}.webm"
        if path in entries:
            raise UserError(f"{where}: id {entry['id']} is there already, in {entries[path][2]}")
        entries[path] = (label, class_id(label, ids, where), split)
    if not any(each == split for _, _, each in entries.values()):
        raise UserError(f"{file}: no videos")


def _load(file: Path, kind: type) -> Any:
    try:
        content = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise UserError(f"{file}: not valid JSON: {error}") from None
    if not isinstance(content, kind):
        raise UserError(f"{file}: expected a {kind.__name__} of JSON, got {type(content).__name__}")
    return content
