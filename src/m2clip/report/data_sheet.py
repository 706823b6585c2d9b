"""The data sheet of a dataset: some of its videos, for a contact sheet, and one line of facts."""

import numpy as np
import pandas as pd

from m2clip.data import video
from m2clip.data.manifest import VALID, Manifest
from m2clip.report.figures.contact_sheet import Strip

LABELS, FRAMES = 8, 6


def test_split(manifest: Manifest) -> str:
    """`test`, or the first of several; `validation` where the test set has no labels."""
    splits = manifest.splits()
    return next((split for split in splits if split.startswith(("test", "validation"))), splits[0])


def first_videos(manifest: Manifest, split: str, count: int) -> pd.DataFrame:
    """The first video of `count` labels, or of all if there are fewer, spread evenly over the class ids."""
    first = manifest.rows(split).drop_duplicates("class_id").sort_values("class_id")
    return first.iloc[_even(len(first), min(count, len(first)))]


def strips(manifest: Manifest) -> list[Strip]:
    """Some test videos, a few frames of each."""
    picked = first_videos(manifest, test_split(manifest), LABELS)
    return [
        Strip(label, video.read(manifest.folder / path, _even(frames, FRAMES), frames))
        for label, path, frames in zip(picked["label"], picked["path"], picked["frames"], strict=True)
    ]


def _even(total: int, count: int) -> list[int]:
    """`count` numbers below `total`, from the first to the last, evenly."""
    return np.linspace(0, total - 1, count).round().astype(int).tolist()


def facts(dataset: str, manifest: Manifest) -> pd.DataFrame:
    """One line: videos by split, labels, frames, frame rates, sizes, duration, share that is invalid."""
    table = manifest.table
    valid = table[table["status"] == VALID]
    splits = sorted(manifest.splits(), key=lambda split: (split != "train", split != "validation", split))
    pairs = sorted(set(zip(valid["width"], valid["height"], strict=True)))
    sizes = [f"{width}×{height}" for width, height in pairs]
    rates = dict.fromkeys(f"{rate:g}" for rate in (valid["fps"].min(), valid["fps"].max()))
    line = {
        "dataset": dataset,
        "videos": len(table),
        "splits": ", ".join(f"{split} {len(manifest.rows(split)):,}" for split in splits),
        "labels": len(manifest.labels),
        "frames": f"{valid['frames'].min()} / {valid['frames'].median():g} / {valid['frames'].max()}",
        "fps": " to ".join(rates),
        "size": sizes[0] if len(sizes) == 1 else f"{len(sizes)} sizes, {sizes[0]} to {sizes[-1]}",
        "minutes": f"{valid['duration'].sum() / 60:.1f}",
        "invalid_percent": f"{100 * (1 - len(valid) / len(table)):.2f}",
    }
    return pd.DataFrame([line])
