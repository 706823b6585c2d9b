"""Lists for anyone's own dataset: `train.txt`, `validation.txt`, `test.txt`, each line a path and a label.

The file's name is the split (`test1.txt` too). What follows the last tab, else the first space, is the label:
its text, or its class id where `labels.txt` beside it has one label a line. Paths are relative to the videos.
"""

from pathlib import Path

from m2clip.data.annotations.records import Annotations, Record, class_id, class_ids
from m2clip.data.labels import DIGITS, read_labels
from m2clip.data.texts import check_label, check_path, read_lines, shown
from m2clip.errors import UserError

NAMES = {"val": "validation"}
LABELS = "labels.txt"


def read(folder: Path, annotations: Path | None = None) -> Annotations:
    """Read all lists of a folder.

    Args:
        folder: what the paths are relative to.
        annotations: the lists and `labels.txt`, if not beside the videos.

    Raises:
        UserError: naming file and line.
    """
    where = annotations or folder
    files = sorted(file for file in where.glob("*.txt") if file.name != LABELS)
    lines = [(file, *line) for file in files for line in _lines(file)]
    if not lines:
        raise UserError(f"{where}: no list such as train.txt with `path label` on each line")
    beside = where / LABELS
    written = read_labels(beside) if beside.exists() else None
    labels = written or tuple(sorted({label for *_, label in lines}))
    if written is None and all(label.isdecimal() for label in labels):
        raise UserError(f"{where}: the lists have class ids; put the labels into {beside}, one a line")
    ids, splits = class_ids(labels), dict[str, list[str]]()
    numbers: dict[str, int] = {}
    for file, line, path, label in lines:
        at = f"{file}, line {line}"
        number = _number(label, ids, at)
        if numbers.setdefault(path, number) != number:
            raise UserError(
                f"{at}: {path} is {labels[number]!r} here and {labels[numbers[path]]!r} elsewhere"
            )
        of = splits.setdefault(path, [])
        if (split := NAMES.get(file.stem, file.stem)) in of:
            raise UserError(f"{at}: {path} is there already")
        of.append(split)
    return Annotations(
        folder=folder,
        labels=labels,
        records=tuple(
            Record(path=path, label=labels[numbers[path]], class_id=numbers[path], splits=(*of,))
            for path, of in splits.items()
        ),
        files=(*files, beside) if written else tuple(files),
    )


def _number(label: str, ids: dict[str, int], where: str) -> int:
    """The class id of a label, or of its number."""
    if label in ids or not label.isdecimal():
        return class_id(label, ids, where)
    if len(label) > DIGITS or int(label) >= len(ids):
        raise UserError(f"{where}: class id {shown(label)[1:-1]}, where {LABELS} ends at {len(ids) - 1}")
    return int(label)


def _lines(file: Path) -> list[tuple[int, str, str]]:
    """Number, path and label of every line with something on it."""
    lines = []
    for number, line in read_lines(file):
        where = f"{file}, line {number}"
        path, _, label = line.rpartition("\t") if "\t" in line else line.partition(" ")
        if not path.strip() or not label.strip():
            raise UserError(f"{where}: expected a path and a label, got {shown(line)}")
        lines.append((number, check_path(path.strip(), where), check_label(label.strip(), where)))
    return lines
