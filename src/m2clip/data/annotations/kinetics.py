"""Kinetics: CSVs `label,youtube_id,time_start,time_end,split[,is_cc]`, files `<id>_<start>_<end>.mp4`.

Class ids are the sorted labels with their parentheses: sorting labels that have lost them swaps "skiing (not
slalom or crosscountry)" and "skiing crosscountry". Which CSV has which split is said by the column, not by
the file's name. The held-out test list came without labels at first; such rows are only counted.
"""

from collections import Counter
from pathlib import Path

from m2clip.data.annotations.files import find
from m2clip.data.annotations.records import Annotations, Record, assert_labels, class_ids
from m2clip.data.texts import check_label, check_name, read_csv, shown
from m2clip.errors import UserError

COLUMNS = ("youtube_id", "time_start", "time_end", "split")
SPLITS = {"train": "train", "val": "validation", "validate": "validation", "validation": "validation"} | {
    "test": "test"
}
KNOWN = {400: {"train": 246_534, "validation": 19_906, "test": 38_685}}  # by the number of labels
Entry = tuple[str, str]  # label and split


def read(folder: Path, annotations: Path | None = None) -> Annotations:
    """Read all CSVs of a folder.

    Args:
        folder: the videos, in one folder or in folders by label or split.
        annotations: the CSVs, if not beside the videos.

    Raises:
        UserError: naming file and row.
    """
    where = annotations or folder
    files = tuple(sorted(where.glob("*.csv")))
    if not files:
        raise UserError(f"{where}: no CSV of Kinetics, such as train.csv and val.csv")
    entries: dict[str, Entry] = {}
    unlabelled: Counter[str] = Counter()
    for file in files:
        _read_file(file, entries, unlabelled)
    if not entries:
        raise UserError(f"{where}: no video with a label in {', '.join(file.name for file in files[:5])}")
    labels = tuple(sorted({label for label, _ in entries.values()}))
    held = assert_labels(labels, "kinetics400", where)
    ids = class_ids(labels)
    found = find(folder, entries)
    return Annotations(
        folder=folder,
        labels=labels,
        records=tuple(
            Record(path=found.paths[path], label=label, class_id=ids[label], splits=(split,))
            for path, (label, split) in entries.items()
        ),
        files=files,
        extra=found.extra,
        unlabelled=dict(unlabelled),
        known=KNOWN.get(len(labels), {}),
        held=held,
    )


def _read_file(file: Path, entries: dict[str, Entry], unlabelled: Counter[str]) -> None:
    """Add the rows of a CSV; the same row may be in two files, and once without its label."""
    rows = read_csv(file)
    _, columns = next(rows, (1, []))
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise UserError(
            f"{file}, row 1: no column {missing[0]}; expected label,{','.join(COLUMNS)}; where other CSVs "
            "lie beside the annotations, put these into a folder of their own"
        )
    for number, values in rows:
        where = f"{file}, row {number}"
        if len(values) != len(columns):
            raise UserError(f"{where}: expected {len(columns)} values")
        row = dict(zip(columns, values, strict=True))
        path, split = _path(row, where), _split(row["split"], where)
        label = check_label(row.get("label", "").strip(), where)
        if not label:
            if split != "test":
                raise UserError(f"{where}: label is empty")
            unlabelled[split] += 1
        elif entries.setdefault(path, (label, split)) != (label, split):
            other = ", ".join(entries[path])
            raise UserError(f"{where}: {path} is {label}, {split} here and {other} in an earlier row")


def _path(row: dict[str, str], where: str) -> str:
    """The official name of a clip's file."""
    try:
        start, end = int(row["time_start"]), int(row["time_end"])
    except ValueError:
        raise UserError(
            f"{where}: time_start and time_end: expected whole seconds, got "
            f"{shown(row['time_start'])} and {shown(row['time_end'])}"
        ) from None
    if not row["youtube_id"]:
        raise UserError(f"{where}: youtube_id is empty")
    return f"{check_name(row['youtube_id'], where, 'youtube_id')}_{start:06d}_{end:06d}.mp4"


def _split(name: str, where: str) -> str:
    if name.strip() not in SPLITS:
        raise UserError(f"{where}: split: expected one of {', '.join(SPLITS)}, got {shown(name)}")
    return SPLITS[name.strip()]
