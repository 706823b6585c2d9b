"""Write the manifest of a dataset: probe every annotated video, and list those that cannot be used."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from m2clip.data.annotations import Annotations
from m2clip.data.labels import class_ids_json, rename
from m2clip.data.manifest import LABELS, TYPES, VALID, Manifest
from m2clip.data.probing import Outcome, cannot_write, make_folder, probe_all
from m2clip.data.summary import lines_of, summarise
from m2clip.data.transcoding import Copies
from m2clip.data.video import Probe
from m2clip.errors import UserError, did_you_mean

LOG = "probes.jsonl"


@dataclass(frozen=True, kw_only=True)
class Real:
    """A dataset that the user has, in contrast to a generated one."""

    name: str
    place: str  # for videos.txt: `$` and the environment variable that names the folder of the videos
    log: Path  # outcomes of probing; kept afterwards, since probing takes hours
    copies: Copies | None = None  # that are made of the videos and take their place in the manifest


def prepare(
    annotations: Annotations, folder: Path, jobs: int, max_invalid: float, real: Real | None = None
) -> Manifest:
    """Probe all videos and write the manifest.

    Args:
        annotations: the dataset as annotated.
        folder: where the manifest goes.
        jobs: processes that probe.
        max_invalid: the largest allowed fraction of unusable videos, from 0 to 1.
        real: for a user's dataset: its summary.json is written and printed.

    Raises:
        UserError: too many videos are unusable (`invalid.csv` is written all the same), or the disk is full
            or read-only.
    """
    log, copies = (real.log, real.copies) if real else (folder / LOG, None)
    make_folder(folder)
    placed = _placed([record.path for record in annotations.records], copies)
    outcomes = probe_all(annotations.folder, placed, log, jobs, copies)
    table, invalid = _tables(annotations, placed, outcomes)
    _replace(folder / "invalid.csv", lambda path: invalid.to_csv(path, index=False, lineterminator="\n"))
    if real:
        summary = summarise(annotations, table, copies)
        _replace(folder / "summary.json", lambda path: _write(path, json.dumps(summary, indent=2) + "\n"))
        print("\n".join(lines_of(real.name, summary)), flush=True)
        if annotations.held is False:
            print(
                f"{real.name}: its {len(annotations.labels)} labels are not the publisher's, so class ids "
                "could not be checked",
                file=sys.stderr,
            )
    share = len(invalid) / len(table)
    if share > max_invalid:
        first = invalid.iloc[0]
        raise UserError(
            f"{len(invalid)} of {len(table)} videos cannot be used, more than prepare.max_invalid = "
            f"{max_invalid:g} allows: {first['path']}: {first['reason']}; all are in "
            f"{folder / 'invalid.csv'}; mend them, or set prepare.max_invalid to {share + 5e-5:.4f} in the "
            "profile"
        )
    _replace(folder / LABELS, lambda path: _write(path, class_ids_json(annotations.labels)))
    place = real.place if real else _place(annotations.folder, folder)
    _replace(folder / "videos.txt", lambda path: _write(path, f"{place}\n"))
    _replace(folder / "manifest.parquet", lambda path: table.to_parquet(path, index=False))
    if not real:
        log.unlink(missing_ok=True)
    return Manifest(copies.folder if copies else annotations.folder, annotations.labels, table)


def leave_out(folder: Path) -> None:
    """Write an empty manifest, without videos.txt, for a dataset that the profile leaves out."""
    make_folder(folder)
    table = pd.DataFrame(columns=list(TYPES)).astype(TYPES)
    _replace(folder / LABELS, lambda path: _write(path, class_ids_json(())))
    _replace(folder / "manifest.parquet", lambda path: table.to_parquet(path, index=False))


def select(annotations: Annotations, splits: tuple[str, ...], names: tuple[str, ...]) -> Annotations:
    """Keep the videos of some splits (of all where none is named), and rename the labels.

    Class ids stay those of the annotations.
    """
    known = {name for record in annotations.records for name in record.splits}
    for split in splits:
        if split not in known:
            raise UserError(
                f"splits: there is no {split!r}{did_you_mean(split, known)}; splits are {sorted(known)}"
            )
    labels = rename(annotations.labels, names)
    records = tuple(
        replace(record, label=labels[record.class_id], splits=kept)
        for record in annotations.records
        for kept in [tuple(name for name in record.splits if name in splits) if splits else record.splits]
        if kept or not splits
    )
    return replace(annotations, labels=labels, records=records)


def _placed(videos: Iterable[str], copies: Copies | None) -> dict[str, str]:
    """Of each video the path in the manifest: its own, or that of its copy.

    Raises:
        UserError: two would have the same copy.
    """
    if copies is None:
        return {path: path for path in videos}
    placed, taken = {}, dict[str, str]()
    for path in videos:
        placed[path] = copies.path(path)
        if taken.setdefault(placed[path], path) != path:
            raise UserError(
                f"prepare.transcode: {taken[placed[path]]} and {path} would have the same copy; rename one"
            )
    return placed


def _tables(
    annotations: Annotations, placed: dict[str, str], outcomes: dict[str, Outcome]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the manifest, and those of invalid.csv, which name what the user has."""
    nothing = Probe(frames=0, fps=0.0, width=0, height=0, duration=0.0, md5="")
    table, invalid = [], []
    for record in sorted(annotations.records, key=lambda record: placed[record.path]):
        outcome, split = outcomes[record.path], " ".join(record.splits)
        broken = isinstance(outcome, str)
        table.append(
            {"path": placed[record.path], "class_id": record.class_id, "label": record.label, "split": split}
            | vars(nothing if isinstance(outcome, str) else outcome)
            | {"status": ("missing" if outcome == "missing" else "broken") if broken else VALID}
        )
        if broken:
            invalid.append((record.path, record.label, split, outcome))
    return (
        pd.DataFrame(table, columns=list(TYPES)).astype(TYPES),
        pd.DataFrame(invalid, columns=["path", "label", "split", "reason"]),
    )


def _place(videos: Path, folder: Path) -> str:
    """Where the videos lie: relative to the manifest, unless the profile gave an absolute path."""
    if videos.is_absolute():
        return videos.as_posix()
    return Path(os.path.relpath(videos, folder)).as_posix()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file in one go: it is either the old one or the whole new one.

    Raises:
        UserError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.tmp")
    try:
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise cannot_write(path, error) from None
