"""`pictures PROFILE ROW SEED`: weights, test videos -> a picture of what the temporal difference adds."""

from dataclasses import replace
from pathlib import Path

from m2clip import profiles, runs
from m2clip.data import manifest
from m2clip.data.dataset import Broken, TestVideos
from m2clip.data.manifest import Manifest
from m2clip.errors import UserError, guarded
from m2clip.evaluation.temporal_difference import norms, seen
from m2clip.evaluation.trained import TrainedRun, open_trained
from m2clip.models.factory import device_name, pixels_of
from m2clip.report import data_sheet, differences
from m2clip.report.figures import style, temporal_difference
from m2clip.report.figures.temporal_difference import MotionStrip
from m2clip.report.names import Names

VIDEOS = 6


def main() -> None:
    """Write reports/<profile>/pictures/temporal_difference.{json,png}."""
    key = runs.of_arguments()
    profile = profiles.read(key.profile)
    run = open_trained(key.weights, device := device_name())
    dataset = run.config.data.dataset
    data = manifest.read(Path("data") / profile.name / dataset)
    split = data_sheet.test_split(data)
    strips = _strips(run, data, split, device)
    path = temporal_difference.folder(profile.name) / temporal_difference.NAME
    path.with_suffix(".png").unlink(missing_ok=True)
    # The weights' config has no settings of evaluation, on which the picture does not depend: with those of
    # the paper the label names none.
    config = replace(run.config, evaluate=differences.paper(profile, dataset).evaluate)
    name = f"{differences.label(config, profile)} on {Names(tuple(profile.synthetic)).dataset(dataset)}"
    words = temporal_difference.NONE
    if strips:
        words = temporal_difference.describe(strips, f"{name}, {split} split, seed {key.seed}")
        with style.paper():
            style.save_small(temporal_difference.draw(strips), path.with_suffix(".png"))
    temporal_difference.write(words, path.with_suffix(".json"))
    print(f"{path}: {len(strips)} videos")


def _strips(run: TrainedRun, data: Manifest, split: str, device: str) -> list[MotionStrip]:
    """Some videos of the split with their norms; none without temporal difference."""
    pixels = pixels_of(run.model)
    videos = TestVideos(data, split, run.config.data, pixels)
    found = []
    for index, label in data_sheet.first_videos(data, split, VIDEOS)["label"].items():
        opened = videos[int(str(index))]
        if isinstance(opened, Broken):
            raise UserError(f"{data.folder}: {opened}")
        added = norms(run.model, opened.video.to(device))
        if added is None:
            return []
        found.append(MotionStrip(str(label), seen(opened.video[0], pixels), added[0].cpu().numpy()))
    return found


if __name__ == "__main__":
    guarded(main)
