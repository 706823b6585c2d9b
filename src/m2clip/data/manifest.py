"""The manifest of a dataset: size, duration, md5 and status of every annotated video.

A folder with these files:

    manifest.parquet   a row a video, in the order of their paths
    labels.json        labels and their class ids
    invalid.csv        the videos that cannot be used, and why
    videos.txt         where the videos lie: a path from there, or `$` and the variable that names a folder
    summary.json       of a real dataset: counts of its splits

The same videos and annotations give the same bytes.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd

from m2clip.data import dataset_root
from m2clip.data.labels import read_class_ids, read_labels
from m2clip.errors import UserError, did_you_mean

TYPES = {
    "path": "str",
    "class_id": "int64",
    "label": "str",
    "split": "str",
    "frames": "int64",
    "fps": "float64",
    "width": "int64",
    "height": "int64",
    "duration": "float64",
    "md5": "str",
    "status": "str",
}
VALID = "valid"
LABELS = "labels.json"


@dataclass(frozen=True)
class Manifest:
    """A prepared dataset."""

    folder: Path  # where the videos lie
    labels: tuple[str, ...]  # in class-id order
    table: pd.DataFrame  # the columns of TYPES; `path` is relative to `folder`

    def splits(self) -> tuple[str, ...]:
        """Names of all splits."""
        return tuple(sorted({name for names in self.table["split"] for name in names.split()}))

    def rows(self, split: str) -> pd.DataFrame:
        """The valid videos of a split in the order of their paths, numbered from 0."""
        if split not in self.splits():
            raise UserError(
                f"{self.folder}: there is no split {split!r}{did_you_mean(split, self.splits())}; "
                f"splits are {list(self.splits())}"
            )
        inside = self.table["split"].map(lambda names: split in names.split()).astype(bool)
        rows = self.table[inside & (self.table["status"] == VALID)].reset_index(drop=True)
        if rows.empty:
            raise UserError(f"{self.folder}: the split {split!r} has no valid video, see invalid.csv")
        return rows

    def all_rows(self) -> pd.DataFrame:
        """The valid videos of all splits in the order of their paths, numbered from 0."""
        rows = self.table[self.table["status"] == VALID].reset_index(drop=True)
        if rows.empty:
            raise UserError(f"{self.folder}: there is no valid video, see invalid.csv")
        return rows

    def digest(self) -> str:
        """sha256 of labels and rows: what a result depends on, but for where the videos lie."""
        content = "\n".join(self.labels) + "\n\n" + self.table.to_csv(index=False, lineterminator="\n")
        return sha256(content.encode()).hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest in a folder."""
    file = folder / "manifest.parquet"
    if not file.exists():
        raise UserError(f"{file}: there is no manifest; run `dvc repro prepare`")
    if not (folder / "videos.txt").exists():
        raise UserError(f"{folder}: the profile leaves this dataset out")
    place = (folder / "videos.txt").read_text(encoding="utf-8").strip()
    by_name = place.startswith("$")
    videos = dataset_root.folder(place[1:]) if by_name else Path(os.path.normpath(folder / place))
    try:
        table = pd.read_parquet(file).astype(TYPES)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        raise UserError(
            f"{file}: not a manifest ({str(error).splitlines()[0]}); run `dvc repro -f prepare`"
        ) from None
    known = labels(folder)
    rows = table[["class_id", "label"]].drop_duplicates()
    for class_id, label in zip(rows["class_id"], rows["label"], strict=True):
        if not 0 <= class_id < len(known) or known[class_id] != label:
            raise UserError(
                f"{folder}: {file.name} has the label {label!r} for class id {class_id}, the list of labels "
                "another; run `dvc repro -f prepare`"
            )
    return Manifest(videos, known, table)


def labels(folder: Path) -> tuple[str, ...]:
    """The labels of the dataset in a folder, in class-id order."""
    before = folder / "labels.txt"  # in folders that were prepared before there was labels.json
    if before.exists() and not (folder / LABELS).exists():
        return read_labels(before)
    return read_class_ids(folder / LABELS)


def digest(folder: Path) -> str:
    """The digest of the manifest in a folder."""
    return read(folder).digest()
