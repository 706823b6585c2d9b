"""HMDB51: `<label>_test_split{1,2,3}.txt`, a line `name.avi n`: 0 unused, 1 training, 2 test in that split.

HMDB51 has no class ids of its own; here they are the sorted labels as the files' names have them. Videos that
no split uses belong to the full set alone.
"""

import re
from pathlib import Path

from m2clip.data.annotations.files import find, lists_beside
from m2clip.data.annotations.records import Annotations, Record, assert_labels, class_ids
from m2clip.data.texts import check_name, read_lines, shown
from m2clip.errors import UserError

ARCHIVE = "testTrainMulti_7030_splits"  # the folder that the archive of the annotations unpacks to
NAME = re.compile(r"(?P<label>.+)_test_split(?P<number>\d+)\.txt")
USES = {"0": None, "1": "train", "2": "test"}
KNOWN = {"all": 6_766} | {f"train{n}": 3_570 for n in (1, 2, 3)} | {f"test{n}": 1_530 for n in (1, 2, 3)}


def read(folder: Path, annotations: Path | None = None) -> Annotations:
    """Read the three splits of every label.

    Args:
        folder: the videos, in folders by label.
        annotations: the lists, if neither beside the videos nor in their `testTrainMulti_7030_splits`.

    Raises:
        UserError: naming file and line.
    """
    where = lists_beside(folder, ARCHIVE, annotations)
    lists = {
        (match["label"], int(match["number"])): file
        for file in sorted(where.glob("*.txt"))
        if (match := NAME.fullmatch(file.name))
    }
    if not lists:
        raise UserError(f"{where}: no list such as brush_hair_test_split1.txt")
    labels = tuple(sorted({label for label, _ in lists}))
    held = assert_labels([label.replace("_", " ") for label in labels], "hmdb51", where, ordered=False)
    splits: dict[str, dict[str, list[str]]] = {label: {} for label in labels}
    for label in labels:
        for number in sorted({number for _, number in lists}):
            if (label, number) not in lists:
                raise UserError(f"{where}: there is no {label}_test_split{number}.txt")
            _read_list(lists[label, number], number, splits[label])
    ids = class_ids(labels)
    official = {f"{label}/{name}": (label, of) for label in labels for name, of in splits[label].items()}
    found = find(folder, official)
    return Annotations(
        folder=folder,
        labels=labels,
        records=tuple(
            Record(path=found.paths[path], label=label, class_id=ids[label], splits=(*of,))
            for path, (label, of) in official.items()
        ),
        files=tuple(lists.values()),
        extra=found.extra,
        known=KNOWN if len(labels) == 51 else {},
        held=held,
    )


def _read_list(file: Path, number: int, splits: dict[str, list[str]]) -> None:
    """Add what one list says to the splits of each video of a label."""
    here: set[str] = set()
    for line_number, line in read_lines(file):
        name, _, use = line.rpartition(" ")
        where = f"{file}, line {line_number}"
        if not name or use not in USES:
            raise UserError(f"{where}: expected `name.avi` and 0, 1 or 2, got {shown(line)}")
        name = check_name(name.strip(), where, "name")
        if name in here:
            raise UserError(f"{where}: {name} is there already")
        here.add(name)
        of = splits.setdefault(name, [])
        if kind := USES[use]:
            of.append(f"{kind}{number}")
    if not here:
        raise UserError(f"{file}: no videos")
