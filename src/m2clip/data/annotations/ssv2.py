"""Something-Something v2: JSON lists of {id, label, template, placeholders}, and labels.json.

The class of a video is what labels.json has for its template without the brackets, a number written as a
text. The test list has no templates and is only counted. Files are `<id>.webm`, or have another ending.
"""

from pathlib import Path

from m2clip.data.annotations.files import find
from m2clip.data.annotations.records import Annotations, Record, assert_labels, class_id
from m2clip.data.labels import read_class_ids
from m2clip.data.texts import check_name, read_json, shown
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
    labels = read_class_ids(labels_file)
    if not labels:
        raise UserError(f"{labels_file}: no labels")
    held = assert_labels(labels, "ssv2", labels_file)
    ids = {label: number for number, label in enumerate(labels)}
    files, entries = [labels_file], dict[str, Entry]()
    for split in SPLITS:
        files.append(_file(where, split))
        _read_split(files[-1], split, ids, entries)
    test = _file(where, "test", needed=False)
    unlabelled = {"test": len(read_json(test, list))} if test.is_file() else {}
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


def _read_split(file: Path, split: str, ids: dict[str, int], entries: dict[str, Entry]) -> None:
    for number, entry in enumerate(read_json(file, list), start=1):
        where = f"{file}, entry {number}"
        if not isinstance(entry, dict) or not {"id", "template"} <= entry.keys():
            raise UserError(f"{where}: expected id and template, got {shown(entry)}")
        label = str(entry["template"]).replace("[", "").replace("]", "")
        path = f"{check_name(str(entry['id']), where)}.webm"
        if path in entries:
            raise UserError(f"{where}: id {entry['id']} is there already, in {entries[path][2]}")
        entries[path] = (label, class_id(label, ids, where), split)
    if not any(each == split for _, _, each in entries.values()):
        raise UserError(f"{file}: no videos")
