"""What other programs may call: labels of any videos, by a checkpoint.

    from m2clip.api import predict
    for answer in predict("clips/", checkpoint="FOLDER"):
        print(answer.path, answer.labels or answer.error)

Nothing here imports torch before it is asked for a prediction.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from m2clip.config import Evaluate
from m2clip.errors import UserError

if TYPE_CHECKING:
    from m2clip.data.dataset import Broken
    from m2clip.evaluation.predict import Prediction
    from m2clip.evaluation.trained import TrainedRun

VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The likeliest labels of a video, the best first; or none, and why it cannot be used."""

    path: Path
    labels: tuple[Label, ...] = ()
    error: str | None = None


def predict(
    videos: str | Path | Iterable[str | Path],
    checkpoint: str | Path,
    labels: Sequence[str] | None = None,
    top: int = 5,
    *,
    templates: Sequence[str] = (),
    text_adapter: bool = True,
    backbone: str | Path | None = None,
    crops: int = 1,
    clips: int = 1,
    batch: int = 32,
    device: str | None = None,
) -> list[Answer]:
    """The likeliest labels of videos, one answer a video; a broken one has an error and the rest goes on.

    Args:
        videos: files, or folders that are searched at any depth.
        checkpoint: a folder that `m2clip export` wrote.
        labels: to choose from, zero-shot by Eq. 11; None: those it was trained on.
        top: labels a video.
        templates: sentences with {} where one of `labels` goes, averaged over; none: the run's prompt.
        text_adapter: read `labels` with the text adapters; or without, as CLIP itself does.
        backbone: the file of the backbone's weights, where it is not found by itself.
        crops: spatial views of each clip: 1, 3 or 4.
        clips: temporal samples of a video.
        batch: views at once.
        device: cpu or cuda; None: a GPU where there is one.

    Raises:
        UserError: for a file that is not there, a checkpoint that does not fit its backbone, labels where
            the run reads no text, or templates without labels.
    """
    files = find([Path(videos)] if isinstance(videos, str | Path) else [Path(video) for video in videos])
    if isinstance(templates, str):
        raise UserError(f"templates: expected a list of templates, got {templates!r}")
    views = Evaluate(crops=crops, clips=clips, batch=batch, templates=tuple(templates))
    if labels is not None and (isinstance(labels, str) or not labels):
        raise UserError(f"labels: expected a list of labels, got {labels!r}")
    if top < 1:
        raise UserError(f"top: {top} must be 1 or more")
    check_zero_shot(labels, views, text_adapter=text_adapter)
    import torch

    from m2clip.evaluation.checkpoint import open_checkpoint

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    run = open_checkpoint(Path(checkpoint), device, Path(backbone) if backbone else None)
    given = None if labels is None else tuple(labels)
    return list(answers(run, files, given, top, views, text_adapter=text_adapter))


def check_zero_shot(labels: Sequence[str] | None, views: Evaluate, *, text_adapter: bool) -> None:
    """Raise UserError where templates, or leaving the text adapters out, would change nothing."""
    if labels is None and (views.templates or not text_adapter):
        raise UserError(
            "templates and leaving out the text adapters are for zero-shot: give labels too (--labels FILE)"
        )


def answers(
    run: "TrainedRun",
    files: Sequence[Path],
    labels: tuple[str, ...] | None,
    top: int,
    views: Evaluate,
    *,
    text_adapter: bool = True,
) -> Iterator[Answer]:
    """One answer a video, as they come.

    Raises:
        UserError: before the first, for labels where the run reads no text.
    """
    from m2clip.evaluation import predict as library

    read = library.encode(run, labels, views.templates, text_adapter=text_adapter)
    found = library.predict(run, files, read, views, zero_shot=labels is not None)
    return (_answer(each, labels or run.labels, top) for each in found)


def _answer(found: "Prediction | Broken", labels: tuple[str, ...], top: int) -> Answer:
    from m2clip.data.dataset import Broken

    if isinstance(found, Broken):
        return Answer(path=Path(found.path), error=found.reason)
    best = (-found.scores).argsort(kind="stable")[:top]
    likeliest = (Label(label=labels[index], probability=float(found.scores[index])) for index in best)
    return Answer(path=found.path, labels=tuple(likeliest))


def find(places: Sequence[Path]) -> list[Path]:
    """The videos that files and folders stand for, each once.

    Raises:
        UserError: for a path that does not exist, or when there is no video.
    """
    found: dict[Path, None] = {}
    for place in places:
        if not place.exists():
            raise UserError(f"{place}: there is no such file or folder")
        inside = sorted(file for file in place.rglob("*") if file.suffix.lower() in VIDEOS and file.is_file())
        found |= dict.fromkeys(inside if place.is_dir() else [place])
    if not found:
        raise UserError(f"no video in {', '.join(map(str, places))}; looked for {' '.join(VIDEOS)}")
    return list(found)
