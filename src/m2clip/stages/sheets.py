"""`sheets PROFILE DATASET`: manifest and videos -> contact sheet and line of facts. No torch."""

import sys
from pathlib import Path

from m2clip import rows
from m2clip.data import manifest
from m2clip.errors import UserError, guarded, meant
from m2clip.reporting import facts, sheets
from m2clip.reporting.names import Names


def main() -> None:
    """Write reports/<profile>/data/<dataset>.{png,csv}."""
    profile, dataset = rows.profile(sys.argv[1]), sys.argv[2]
    if dataset not in rows.DATASETS:
        raise UserError(f"there is no dataset {dataset}{meant(dataset, rows.DATASETS)}")
    data = manifest.read(Path("data") / profile.name / dataset)
    folder = facts.sheets(profile.name)
    shown = sheets.strips(data)
    split = sheets.test_split(data)
    name = Names(tuple(profile.standin)).dataset(dataset)
    caption = (
        f"{name}, {split} split: the first video of {len(shown)} of its {len(data.labels)} labels, "
        f"{sheets.FRAMES} frames evenly over time."
    )
    sheets.draw(shown, caption, folder / f"{dataset}.png")
    line = sheets.facts(dataset, data)
    line.to_csv(folder / f"{dataset}.csv", index=False, lineterminator="\n")
    print(f"{folder / dataset}.png: {len(shown)} videos")


if __name__ == "__main__":
    guarded(main)
