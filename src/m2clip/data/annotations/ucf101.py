"""UCF101: classInd.txt with class ids from 1, three trainlists with them, three testlists without.

The class of a video is the folder in its path; where a list has a class id too, it must be the folder's.
"""

from pathlib import Path, PurePosixPath

from m2clip.data.annotations.files import find, lists_beside
from m2clip.data.annotations.records import Annotations, Record, assert_labels, class_id, class_ids
from m2clip.data.texts import check_path, read_lines, shown
from m2clip.errors import UserError

ARCHIVE = "ucfTrainTestlist"  # the folder that the archive of the annotations unpacks to
TEST = {"test1": 3_783, "test2": 3_734, "test3": 3_696}
KNOWN = {"all": 13_320} | TEST | {f"train{n}": 13_320 - TEST[f"test{n}"] for n in (1, 2, 3)}


def read(folder: Path, annotations: Path | None = None) -> Annotations:
    """Read the class list and all train and test lists.

    Args:
        folder: the videos, in folders by label.
        annotations: the lists, if neither beside the videos nor in their `ucfTrainTestlist`.

    Raises:
        UserError: naming file and line.
    """
    where = lists_beside(folder, ARCHIVE, annotations)
    labels = _labels(where / "classInd.txt")
    held = assert_labels(labels, "ucf101", where / "classInd.txt")
    ids = class_ids(labels)
    lists = sorted(file for kind in ("train", "test") for file in where.glob(f"{kind}list*.txt"))
    if not any(file.name.startswith("test") for file in lists):
        raise UserError(f"{where}: no testlist01.txt")
    splits: dict[str, list[str]] = {}
    for file in lists:
        _read_list(file, ids, splits)
    found = find(folder, splits)
    return Annotations(
        folder=folder,
        labels=labels,
        records=tuple(
            Record(path=found.paths[path], label=(label := _label(path)), class_id=ids[label], splits=(*of,))
            for path, of in splits.items()
        ),
        files=(where / "classInd.txt", *lists),
        extra=found.extra,
        known=KNOWN if len(labels) == 101 else {},
        held=held,
    )


def _labels(file: Path) -> tuple[str, ...]:
    """`1 ApplyEyeMakeup`: ids in order from 1."""
    labels: list[str] = []
    for number, line in read_lines(file):
        class_number, _, label = line.partition(" ")
        if class_number != str(len(labels) + 1) or not label or label in labels:
            raise UserError(
                f"{file}, line {number}: expected `{len(labels) + 1} Label` with another label, "
                f"got {shown(line)}"
            )
        labels.append(label)
    if not labels:
        raise UserError(f"{file}: no labels")
    return tuple(labels)


def _read_list(file: Path, ids: dict[str, int], splits: dict[str, list[str]]) -> None:
    """`trainlist02.txt` names the split train2; a video may not be in both lists of a number."""
    kind, _, digits = file.stem.partition("list")
    if not digits.isdecimal():
        raise UserError(f"{file}: expected a name such as {kind}list01.txt")
    split, other = f"{kind}{int(digits)}", f"{'train' if kind == 'test' else 'test'}{int(digits)}"
    for number, line in read_lines(file):
        where = f"{file}, line {number}"
        path, _, written = line.partition(" ")
        if len(PurePosixPath(check_path(path, where)).parts) != 2:
            raise UserError(f"{where}: expected `Label/name.avi`, got {shown(path)}")
        expected = class_id(_label(path), ids, where) + 1
        if (written or kind == "train") and written.strip() != str(expected):
            raise UserError(
                f"{where}: class id {shown(written.strip())[1:-1] or 'missing'}, where classInd.txt has "
                f"{expected}"
            )
        of = splits.setdefault(path, [])
        if split in of or other in of:
            raise UserError(f"{where}: {path} is in {split if split in of else other} already")
        of.append(split)


def _label(path: str) -> str:
    return PurePosixPath(path).parent.name
