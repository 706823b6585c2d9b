"""`sheets PROFILE DATASET`: manifest and videos -> contact sheet and line of facts. No torch.

Beside them, for a zero-shot set, its labels that a training set has too, and for a synthetic set which test
videos have a verb that is trained on.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from m2clip import profiles
from m2clip.data import manifest
from m2clip.data.labels import overlap
from m2clip.errors import UserError, did_you_mean, guarded
from m2clip.names import arguments
from m2clip.report import data_sheet, facts
from m2clip.report.figures import contact_sheet, style
from m2clip.report.names import Names
from m2clip.synthetic.worlds import told_by

TRAINING = ("k400", "ssv2")
WITH_VERBS = ("ucf101", "hmdb51")  # synthetic sets whose labels consist of an object and a verb, like k400's


def main() -> None:
    """Write reports/<profile>/data/<dataset>.png and its .csv, _overlap.csv and _classes.csv."""
    name, dataset = arguments("PROFILE", "DATASET")
    profile = profiles.read(name)
    if dataset not in profiles.DATASETS:
        raise UserError(f"there is no dataset {dataset}{did_you_mean(dataset, profiles.DATASETS)}")
    folder = facts.sheets(profile.name)
    if dataset in profile.left_out:
        _write_nothing(folder, dataset)
        return
    data = manifest.read(Path("data") / profile.name / dataset)
    shown = data_sheet.strips(data)
    split = data_sheet.test_split(data)
    name = Names(tuple(profile.synthetic)).dataset(dataset)
    caption = (
        f"{name}, {split} split: the first video of {len(shown)} of its {len(data.labels)} labels, "
        f"{data_sheet.FRAMES} frames evenly over time."
    )
    with style.paper():
        style.save_small(contact_sheet.draw(shown, caption), folder / f"{dataset}.png")
    line = data_sheet.facts(dataset, data)
    if summary := _summary(profile.name, dataset):
        line["class_ids"] = summary["class_ids"]
        if "copies" in summary:
            line["size"] += ", of copies"
    line.to_csv(folder / f"{dataset}.csv", index=False, lineterminator="\n")
    others = [other for other in TRAINING if other not in (dataset, *profile.left_out)]
    shared = _overlap(profile.name, data.labels, others)
    shared.to_csv(folder / f"{dataset}_overlap.csv", index=False, lineterminator="\n")
    classes = _classes(profile, dataset, data)
    classes.to_csv(folder / f"{dataset}_classes.csv", index=False, lineterminator="\n")
    print(
        f"{folder / dataset}.png: {len(shown)} videos; {len(shared)} labels are in {' or '.join(others)} too"
    )


def _overlap(profile: str, labels: Sequence[str], others: Sequence[str]) -> pd.DataFrame:
    """A line for every label that a training set has too."""
    lines = [
        (shared.label, other, shared.other, shared.match)
        for other in others
        for shared in overlap(labels, manifest.labels(Path("data") / profile / other))
    ]
    return pd.DataFrame(lines, columns=["label", "training_set", "its_label", "match"])


def _classes(profile: profiles.Profile, dataset: str, data: manifest.Manifest) -> pd.DataFrame:
    """A line for every test video of a synthetic zero-shot set; zero-shot is of models trained on K400."""
    lines: list[tuple[str, int, str, str, str]] = []
    if dataset in profile.synthetic and dataset in WITH_VERBS:
        labels = manifest.labels(Path("data") / profile.name / "k400")
        trained = {told_by(label).verb for label in labels}
        videos = data.all_rows()
        for path, class_id, label in zip(videos["path"], videos["class_id"], videos["label"], strict=True):
            verb = told_by(label).verb
            lines.append((path, class_id, label, verb, "yes" if verb in trained else "no"))
    return pd.DataFrame(lines, columns=["video", "class_id", "label", "verb", "verb_trained"])


def _summary(profile: str, dataset: str) -> dict[str, Any] | None:
    """The summary.json of a real dataset, such as whether its labels are the published ones; else None."""
    path = Path("data") / profile / dataset / "summary.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _write_nothing(folder: Path, dataset: str) -> None:
    """Write empty outs for a dataset that the profile does without, since later stages depend on them."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (1, 1), "white").save(folder / f"{dataset}.png")
    for name in (dataset, f"{dataset}_overlap", f"{dataset}_classes"):
        (folder / f"{name}.csv").write_text("dataset\n", encoding="utf-8")
    print(f"{dataset} is left out")


if __name__ == "__main__":
    guarded(main)
