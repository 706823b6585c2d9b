"""Counts of a user's dataset, beside the publisher's.

Papers tested on different subsets: copies of K400's validation list have from 19,787 to 19,906 videos. So
each split gets a digest of the names of its usable videos. Two copies with the same digest have the same
videos, whatever folders these are in.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from m2clip.data.annotations import Annotations
from m2clip.data.manifest import VALID
from m2clip.data.transcoding import Copies

SHOWN = 20  # extra files that are named
CLASS_IDS = {True: "as published", False: "not checked", None: "as annotated"}  # by Annotations.held


def summarise(annotations: Annotations, table: pd.DataFrame, copies: Copies | None = None) -> dict[str, Any]:
    """Counts of the whole dataset and of each split, and digests of lists and annotation files.

    Args:
        annotations: the dataset as annotated.
        table: its manifest.
        copies: that were made of its videos.
    """
    splits = sorted({name for names in table["split"] for name in names.split()})
    inside = {name: table["split"].map(lambda names, name=name: name in names.split()) for name in splits}
    parts = {"all": table} | {name: table[mask.astype(bool)] for name, mask in inside.items()}
    return {
        "videos": {name: _counts(part, annotations.known.get(name)) for name, part in parts.items()},
        "labels": len(annotations.labels),
        "class_ids": CLASS_IDS[annotations.held],
        "unlabelled": dict(annotations.unlabelled),
        "extra": {"files": len(annotations.extra), "first": list(annotations.extra[:SHOWN])},
        "annotations": {file.name: _file(file) for file in annotations.files},
        **({"copies": copies.about()} if copies else {}),
    }


def _counts(part: pd.DataFrame, known: int | None) -> dict[str, Any]:
    status = part["status"]
    names = sorted(PurePosixPath(path).stem for path in part.loc[status == VALID, "path"])
    return {
        "annotated": len(part),
        "known": known,
        "found": int((status != "missing").sum()),
        "missing": int((status == "missing").sum()),
        "broken": int((status == "broken").sum()),
        "valid": len(names),
        "list_sha256": sha256("\n".join(names).encode()).hexdigest(),
    }


def _file(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}


def lines_of(dataset: str, summary: Mapping[str, Any]) -> Sequence[str]:
    """The summary as text: one line for the dataset, one for each split."""
    lines = [
        _line(dataset if name == "all" else f"  {name}", part) for name, part in summary["videos"].items()
    ]
    lines += [
        f"  {split}: {count:,} videos annotated without a label, left out"
        for split, count in summary["unlabelled"].items()
    ]
    if extra := summary["extra"]["files"]:
        lines.append(
            f"  extra: {extra:,} video files without annotation, such as {summary['extra']['first'][0]}"
        )
    if copies := summary.get("copies"):
        lines.append(
            f"  copies take their place: short side {copies['short_side']}, a keyframe every "
            f"{copies['keyframes']} frames, {copies['encoder']}"
        )
    return lines


def _line(name: str, part: Mapping[str, Any]) -> str:
    known = part["known"]
    against = (
        "" if known is None else f" (published: {known:,}{'' if known == part['annotated'] else ', differs'})"
    )
    return (
        f"{name}: {part['annotated']:,} videos annotated{against}, {part['found']:,} found, "
        f"{part['missing']:,} missing, {part['broken']:,} broken; {part['valid']:,} usable, "
        f"list {part['list_sha256'][:12]}"
    )
