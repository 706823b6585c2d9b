"""What a model sees in one video: its labels, how they change along it, and where it finds motion."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from m2clip.config import Data, Evaluate
from m2clip.data import isolated
from m2clip.data.sampling import Indices, segments, test_clips
from m2clip.data.transforms import test_views
from m2clip.data.video import VideoError
from m2clip.errors import UserError
from m2clip.evaluation.predict import encode
from m2clip.evaluation.recognition import Scores, probabilities
from m2clip.evaluation.temporal_difference import norms, seen
from m2clip.evaluation.trained import TrainedRun
from m2clip.models.factory import pixels_of

WINDOWS = 9


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """Probabilities of labels: of the whole video (C,), and of each of its windows (W, C)."""

    labels: tuple[str, ...]
    whole: Scores
    windows: Scores

    def best(self, count: int) -> list[int]:
        """The labels that are likeliest of the whole video, the best first."""
        return [int(index) for index in (-self.whole).argsort(kind="stable")[:count]]


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A video as a model sees it.

    frames: that the model was given of the whole video, (T, S, S, 3). motion: what the temporal difference
    adds to each patch, (T, H, W); None where no adapter has one. middles: the frame number in the middle of
    each window, (W,). supervised: the labels that the model was trained on. zero_shot: those of the user.
    """

    frames: NDArray[np.uint8]
    motion: NDArray[np.float32] | None
    middles: NDArray[np.float64]
    supervised: Guesses | None
    zero_shot: Guesses | None


class Viewer:
    """A run that looks at one video after the other; the labels it was trained on are read once."""

    def __init__(self, run: TrainedRun, *, supervised: bool = True) -> None:
        """Read the run's labels.

        Args:
            run: from `m2clip.load` or `m2clip.build`.
            supervised: whether it was trained on its labels; False for CLIP as it is.
        """
        self.run, self.supervised = run, supervised
        run.model.eval()
        self._own = encode(run, None) if supervised else None

    def look(self, file: Path, labels: Sequence[str] = ()) -> Sight:
        """Everything about a video.

        Args:
            file: the video.
            labels: of the user, for zero-shot; may be empty where the run has labels of its own.

        Raises:
            UserError: when the video cannot be read, or there are no labels, or the run reads no texts.
        """
        if not labels and not self.supervised:
            raise UserError("no labels: this model was trained on none, so give some, one a line")
        others = encode(self.run, tuple(labels)) if labels else None
        views, middles = self._views(file)
        motion = norms(self.run.model, views[:1].to(self.run.model.device))
        return Sight(
            frames=seen(views[0], pixels_of(self.run.model)),
            motion=None if motion is None else motion[0].cpu().numpy(),
            middles=middles,
            supervised=self._guess(views, self.run.labels, self._own, own=True) if self.supervised else None,
            zero_shot=self._guess(views, tuple(labels), others, own=False) if labels else None,
        )

    def _guess(self, views: Tensor, names: tuple[str, ...], read: Any, *, own: bool) -> Guesses:
        batch = Evaluate().batch
        *_, scores = probabilities(self.run.model, views[:, None], read, batch=batch, own=own).values()
        return Guesses(labels=names, whole=scores[0], windows=scores[1:])

    def _views(self, file: Path) -> tuple[Tensor, NDArray[np.float64]]:
        """The whole video and its windows as (1 + W, T, 3, S, S), and the windows' middles (W,)."""
        data = self.run.config.data
        try:
            total = isolated.probe(file).frames
            whole = test_clips(total, data.frames, 1, data.sampling, data.stride)
            numbers = np.concatenate([whole, windows(total, data)])
            frames = isolated.read(file, numbers.ravel().tolist(), total)
        except VideoError as error:
            raise UserError(f"{file.name}: {error.reason}") from None
        view = test_views(frames, pixels_of(self.run.model), 1)[0]
        return rearrange(view, "(N T) C H W -> N T C H W", T=data.frames), numbers[1:].mean(axis=1) + 1


def windows(total: int, data: Data) -> Indices:
    """Frame numbers (W, T) of windows that move over the video, by the run's own sampling.

    Dense views are short, so each is a window. Views that span the whole video are taken of halves of it.
    """
    if data.sampling == "dense":
        return np.unique(test_clips(total, data.frames, WINDOWS, data.sampling, data.stride), axis=0)
    half = -(-total // 2)
    starts = np.unique(np.linspace(0, total - half, WINDOWS).round().astype(np.int64))
    return np.stack([start + segments(half, data.frames) for start in starts])
