"""Predictions for any video files, without manifest or class ids; a broken file is reported and skipped.

A video is probed and decoded in full before it is scored, since no manifest says that it is intact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from m2clip.config import Evaluate
from m2clip.data.dataset import Broken, Sample, TestVideos
from m2clip.data.isolated import probe
from m2clip.data.loading import collate
from m2clip.data.manifest import TYPES, VALID, Manifest
from m2clip.data.video import Probe, VideoError
from m2clip.errors import UserError
from m2clip.evaluation.recognition import Scores, probabilities
from m2clip.evaluation.trained import TrainedRun
from m2clip.evaluation.zero_shot import read_bare_labels, read_labels
from m2clip.models.factory import pixels_of


@dataclass(frozen=True)
class Prediction:
    """Probabilities (C,) of a video's labels."""

    path: Path
    scores: Scores


def encode(
    run: TrainedRun,
    labels: tuple[str, ...] | None,
    templates: Sequence[str] = (),
    *,
    text_adapter: bool = True,
) -> Any:
    """The model's `Labels`: of those that the run was trained on, or of others for zero-shot.

    Args:
        run: opened with `open_trained`.
        labels: None: the run's own.
        templates: of others, averaged over them; none: those of the method.
        text_adapter: read others with the text adapters, or as CLIP itself does.

    Returns:
        None for the run's own where it compares nothing with texts.

    Raises:
        UserError: for others where the run knows only the labels it was trained on.
    """
    options = run.config.options
    if labels is None:
        with torch.no_grad():
            return run.model.labels(run.model.prompts) if options.reads_text else None
    if options.no_zero_shot:
        raise UserError(
            f"{options.no_zero_shot}, so it predicts only the labels it was trained on; take a run that "
            "compares videos with texts"
        )
    bare = None if text_adapter else read_bare_labels(run, labels, templates)
    return read_labels(run, labels, templates) if bare is None else bare


def predict(
    run: TrainedRun, files: Sequence[Path], labels: Any, views: Evaluate, *, zero_shot: bool
) -> Iterator[Prediction | Broken]:
    """One answer a video, in the order of `files`; memory does not grow with their number.

    Args:
        run: opened with `open_trained`.
        files: the videos.
        labels: from `encode`.
        views: `crops`, `clips`, and as `batch` the views at once.
        zero_shot: whether the labels are others than the run's, which a classifier does not know.
    """
    run.model.eval()
    size = max(1, views.batch // (views.crops * views.clips))
    for first in range(0, len(files), size):
        some = files[first : first + size]
        opened = [_open(run, file, views) for file in some]
        batch = collate(opened)
        scores: Iterator[Scores] = iter(())
        if len(batch.class_ids):
            *_, prediction = probabilities(
                run.model, batch.videos, labels, batch=views.batch, own=not zero_shot
            ).values()
            scores = iter(prediction)
        for file, video in zip(some, opened, strict=True):
            yield video if isinstance(video, Broken) else Prediction(file, next(scores))


def _open(run: TrainedRun, file: Path, views: Evaluate) -> Sample | Broken:
    """All views of a file, by the code that evaluation uses, from a manifest of its own."""
    try:
        measured = probe(file)
    except VideoError as error:
        return Broken(path=str(file), reason=error.reason)
    # Where the run used decord alone, this machine may lack it, or decord may decode this video wrongly.
    decoder = "auto" if run.config.data.decoder == "decord" else run.config.data.decoder
    videos = TestVideos(
        _manifest(file, measured),
        None,
        replace(run.config.data, decoder=decoder),
        pixels_of(run.model),
        clips=views.clips,
        crops=views.crops,
        check=False,  # it was read a moment ago
        isolate=True,
    )
    return videos[0]


def _manifest(file: Path, measured: Probe) -> Manifest:
    known = {"path": str(file), "class_id": 0, "label": "", "split": "", "status": VALID}
    return Manifest(Path(), ("",), pd.DataFrame([known | vars(measured)], columns=list(TYPES)).astype(TYPES))
