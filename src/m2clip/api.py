"""What other programs may call: a checkpoint's model, a new one of any method, and labels of any videos.

    import m2clip
    for answer in m2clip.predict("clips/", "FOLDER"):
        print(answer.path, answer.labels or answer.error)
    run = m2clip.load("FOLDER")             # run.model, run.config, run.labels, run.tokenizer
    clip = m2clip.build("clip", ["a dog", "a cat"])    # OpenAI's CLIP; predict takes it as a checkpoint

Nothing here imports torch before it is called.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2clip.config import Evaluate, Run
from m2clip.errors import UserError
from m2clip.parsing import build as typed
from m2clip.parsing import gather_options
from m2clip.synthetic.worlds import CLIPS, WORLDS

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


def load(
    checkpoint: str | Path, *, backbone: str | Path | None = None, device: str | None = None
) -> "TrainedRun":
    """A checkpoint's model with its config, its labels and its tokenizer.

    Args:
        checkpoint: a folder that `m2clip export` wrote, or the name of one on the Hugging Face hub.
        backbone: the file of the backbone's weights, where it is not found by itself.
        device: cpu or cuda; None: a GPU where there is one.

    Raises:
        UserError: when a file is missing, does not go with the others, or the backbone is another.
    """
    from m2clip import hub
    from m2clip.evaluation.checkpoint import open_checkpoint

    return open_checkpoint(hub.local(checkpoint), _device(device), Path(backbone) if backbone else None)


def build(
    method: str,
    labels: Sequence[str],
    *,
    clip: str = "ViT-B-16",
    pretrained: str | Path = "openai",
    frames: int = 8,
    prompt: str = Run().data.prompt,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
) -> "TrainedRun":
    """A new model of any method around a CLIP, for training by one's own loop or, of `clip`, for zero-shot.

    Args:
        method: a file of `m2clip/methods/`: m2clip, clip, st_adapter, ...
        labels: in the order of their class ids.
        clip: open_clip's name, or the file of a model config of open_clip's.
        pretrained: one of open_clip's tags, or a file of weights.
        frames: of a view.
        prompt: with {} where the label goes.
        options: the method's, nested as in experiments/rows/; None: those of its paper.
        seed: of the new weights.
        device: cpu or cuda; None: a GPU where there is one.

    Raises:
        UserError: naming what does not fit.
    """
    if isinstance(labels, str) or not labels:
        raise UserError(f"labels: expected a list of labels, got {labels!r}")
    own = Path(clip).suffix == ".json"
    backbone = {"name": Path(clip).stem if own else clip, "config": clip if own else None}
    content = {
        **(options or {}),
        "method": method,
        "backbone": backbone | {"pretrained": str(pretrained)},
        "data": {"frames": frames, "prompt": prompt},
    }
    config = typed(Run, gather_options(content))
    from m2clip import backbones
    from m2clip.evaluation.trained import TrainedRun
    from m2clip.models.factory import build_model

    backbones.check(config)
    model, tokenizer = build_model(config, tuple(labels), seed, _device(device))
    return TrainedRun(model.eval(), config, tuple(labels), tokenizer)


def predict(
    videos: str | Path | Iterable[str | Path],
    checkpoint: "str | Path | TrainedRun",
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
        checkpoint: a folder that `m2clip export` wrote, or what `load` or `build` gave.
        labels: to choose from, zero-shot by Eq. 11; None: those it was trained on.
        top: labels a video.
        templates: sentences with {} where one of `labels` goes, averaged over; none: the run's prompt.
        text_adapter: read `labels` with the text adapters; or without, as CLIP itself does.
        backbone: the file of the backbone's weights, where it is not found by itself.
        crops: spatial views of each clip: 1, 3 or 4.
        clips: temporal samples of a video.
        batch: views at once.
        device: cpu or cuda; None: a GPU where there is one.

    Warns:
        UserWarning: when the checkpoint knows generated videos alone.

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
    run = (
        load(checkpoint, backbone=backbone, device=device)
        if isinstance(checkpoint, str | Path)
        else checkpoint
    )
    if said := generated(run):
        warnings.warn(said, stacklevel=2)
    given = None if labels is None else tuple(labels)
    return list(answers(run, files, given, top, views, text_adapter=text_adapter))


def _device(name: str | None) -> str:
    from m2clip.models.factory import device_name

    return name or device_name()


def generated(run: "TrainedRun") -> str:
    """A warning where a run has seen generated data alone, and knows nothing of real videos; else ""."""
    worlds = {labels for world in WORLDS.values() for labels in world.labels.values()}
    if run.config.backbone.name in CLIPS or run.labels in worlds:
        return (
            "this run knows a small world of generated videos and nothing else; of real videos its labels "
            "mean nothing, however sure they look"
        )
    return ""


def check_zero_shot(labels: Sequence[str] | None, views: Evaluate, *, text_adapter: bool) -> None:
    """Raise UserError where templates, or leaving the text adapters out, would change nothing."""
    if labels is None and (views.templates or not text_adapter):
        raise UserError("templates and leaving out the text adapters are for zero-shot: give labels too")


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
