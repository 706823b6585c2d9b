"""The plain format: `annotations.csv` with the header `path,label,split`, and `labels.txt` beside it.

`path` is relative to the folder of the videos; `split` holds one name or several with spaces between
(`test1 test3`). `labels.txt` has one label a line in class-id order; without it, labels are the ones that
occur, sorted. The synthetic datasets have this format, and so can anyone's own.
"""

from pathlib import Path

from m2clip.data.annotations.records import Annotations, Record, class_id, class_ids
from m2clip.data.labels import read_labels
from m2clip.data.texts import check_label, check_path, read_csv, shown
from m2clip.errors import UserError

HEADER = ["path", "label", "split"]


def read(folder: Path, annotations: Path | None = None) -> Annotations:
    """Read annotations.csv.

    Args:
        folder: what the paths are relative to.
        annotations: where the file lies, if not there.

    Raises:
        UserError: naming file and row.
    """
    file = (annotations or folder) / "annotations.csv"
    rows = _rows(file)
    beside = file.with_name("labels.txt")
    labels = read_labels(beside) if beside.exists() else tuple(sorted({label for _, _, label, _ in rows}))
    known = class_ids(labels)
    records: dict[str, Record] = {}
    for where, path, label, split in rows:
        if path in records:
            raise UserError(f"{where}: {path} is there already")
        records[path] = Record(
            path=path, label=label, class_id=class_id(label, known, where), splits=tuple(split.split())
        )
    files = (file, beside) if beside.exists() else (file,)
    return Annotations(folder=folder, labels=labels, records=tuple(records.values()), files=files)


def _rows(file: Path) -> list[tuple[str, str, str, str]]:
    """Where it stands, path, label and split of every row, each checked by itself."""
    rows = read_csv(file)
    _, header = next(rows, (1, []))
    if header != HEADER:
        raise UserError(
            f"{file}, row 1: expected the header {','.join(HEADER)}, got {shown(','.join(header))}"
        )
    found = []
    for number, values in rows:
        where = f"{file}, row {number}"
        if len(values) != len(HEADER):
            raise UserError(f"{where}: expected {len(HEADER)} values, got {len(values)}")
        for name, value in zip(HEADER, values, strict=True):
            if not value.strip():
                raise UserError(f"{where}: {name} is empty")
        path, label, split = (value.strip() for value in values)
        found.append((where, check_path(path, where), check_label(label, where), split))
    if not found:
        raise UserError(f"{file}: no videos")
    return found
