"""`sheets PROFILE DATASET`: manifest and videos -> contact sheet and line of facts. No torch.

Beside them, the labels that a training set has too: with those, zero-shot is not of what was never seen.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from m2clip import rows
from m2clip.data import manifest
from m2clip.data.labels import overlap, read_labels
from m2clip.errors import UserError, did_you_mean, guarded
from m2clip.report import facts
from m2clip.report.figures import sheets
from m2clip.report.names import Names

TRAINING = ("k400", "ssv2")


def main() -> None:
    """Write reports/<profile>/data/<dataset>.png, <dataset>.csv and <dataset>_overlap.csv."""
    profile, dataset = rows.profile(sys.argv[1]), sys.argv[2]
    if dataset not in rows.DATASETS:
        raise UserError(f"there is no dataset {dataset}{did_you_mean(dataset, rows.DATASETS)}")
    folder = facts.sheets(profile.name)
    if dataset in profile.left_out:
        _write_nothing(folder, dataset)
        return
    data = manifest.read(Path("data") / profile.name / dataset)
    shown = sheets.strips(data)
    split = sheets.test_split(data)
    name = Names(tuple(profile.synthetic)).dataset(dataset)
    caption = (
        f"{name}, {split} split: the first video of {len(shown)} of its {len(data.labels)} labels, "
        f"{sheets.FRAMES} frames evenly over time."
    )
    sheets.draw(shown, caption, folder / f"{dataset}.png")
    line = sheets.facts(dataset, data)
    if summary := _summary(profile.name, dataset):
        line["class_ids"] = summary["class_ids"]
    line.to_csv(folder / f"{dataset}.csv", index=False, lineterminator="\n")
    others = [other for other in TRAINING if other not in (dataset, *profile.left_out)]
    shared = _overlap(profile.name, data.labels, others)
    shared.to_csv(folder / f"{dataset}_overlap.csv", index=False, lineterminator="\n")
    print(
        f"{folder / dataset}.png: {len(shown)} videos; {len(shared)} labels are in {' or '.join(others)} too"
    )


def _overlap(profile: str, labels: Sequence[str], others: Sequence[str]) -> pd.DataFrame:
    """A line for every label that a training set has too."""
    lines = [
        (shared.label, other, shared.other, shared.match)
        for other in others
        for shared in overlap(labels, read_labels(Path("data") / profile / other / "labels.txt"))
    ]
    return pd.DataFrame(lines, columns=["label", "training_set", "its_label", "match"])


def _summary(profile: str, dataset: str) -> dict[str, Any] | None:
    """What `prepare` says of a set that is not made here: also whether its labels are the published ones."""
    path = Path("data") / profile / dataset / "summary.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _write_nothing(folder: Path, dataset: str) -> None:
    """The outs of a dataset that the profile does without: empty, so that the stages after this one run."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (1, 1), "white").save(folder / f"{dataset}.png")
    for name in (dataset, f"{dataset}_overlap"):
        (folder / f"{name}.csv").write_text("dataset\n", encoding="utf-8")
    print(f"{dataset} is left out")


if __name__ == "__main__":
    guarded(main)
