"""Multi-view recognition: softmax scores averaged over the views of a video, then top-k."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from einops import rearrange, reduce
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from m2clip.data.dataset import TestVideos
from m2clip.data.loading import test_batches
from m2clip.errors import UserError
from m2clip.models.method import Method

Scores = NDArray[np.float32]


@torch.no_grad()
def score(
    model: Method,
    videos: TestVideos,
    labels: Any,
    *,
    batch: int,
    workers: int,
    bf16: bool = False,
    own: bool = True,
    title: str = "evaluate",
    others: Mapping[str, Any] | None = None,
) -> dict[str, Scores]:
    """Scores of every video of a split, in the order of its manifest.

    Args:
        model: trained, on its device.
        videos: with K views each.
        labels: from the model's `labels`; None where it reads no text.
        batch: the most views that the model sees at once; of one video more may be in the CPU's memory.
        workers: processes that decode.
        bf16: under autocast, as it was trained.
        own: whether the labels are those trained on.
        title: for the progress bar.
        others: by name, further labels of the same classes to compare with in the same pass.

    Returns:
        Probabilities (videos, C) by name, each the mean of the views' softmax: `compare`'s, `classify`'s
        where the labels are the model's own, and those of `others`. The last before those of `others` is
        the prediction.

    Raises:
        UserError: when a video cannot be read or scored, since a result is of the whole test set.
    """
    model.eval()
    scores: dict[str, list[Scores]] = {}
    autocast = torch.autocast(model.device.type, torch.bfloat16, enabled=bf16)
    with autocast, tqdm(total=len(videos), desc=title, unit="video", mininterval=5, file=sys.stderr) as bar:
        for loaded in test_batches(videos, batch=batch, workers=workers):
            means = probabilities(model, loaded.videos, labels, batch=batch, own=own, others=others)
            for name, mean in means.items():
                scores.setdefault(name, []).append(mean)
            bar.update(len(loaded.class_ids))
    whole = {name: np.concatenate(parts) for name, parts in scores.items()}
    for name, rows in whole.items():
        if len(rows) != len(videos):
            raise UserError(f"{title}: {name} scored {len(rows)} of {len(videos)} videos")
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))  # which would rank first, whatever the class
        if len(bad):
            raise UserError(f"{title}: {name} scores of {videos.videos.paths[bad[0]]} are not finite")
    return whole


@torch.no_grad()
def probabilities(
    model: Method,
    videos: Tensor,
    labels: Any,
    *,
    batch: int,
    own: bool = True,
    others: Mapping[str, Any] | None = None,
) -> dict[str, Scores]:
    """The mean of the views' softmax by name, as in `score`: videos (B, K, T, 3, H, W) -> (B, C).

    The model sees `batch` views at once, if need be a part of a video's K.
    """
    views = rearrange(videos, "B K T C H W -> (B K) T C H W")
    parts: dict[str, list[Tensor]] = {}
    for some in views.split(batch):
        video = model.video(some.to(model.device))
        logits = model.logits(video, labels, own)
        for name, other in (others or {}).items():
            *_, logits[name] = model.compare(video, other).values()
        for name, values in logits.items():
            parts.setdefault(name, []).append(values.softmax(dim=1))
    return {
        name: reduce(torch.cat(some), "(B K) C -> B C", "mean", K=videos.shape[1]).cpu().numpy()
        for name, some in parts.items()
    }


def ranks(scores: Scores, class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each video's true class among its scores, 0 for the highest: (N, C), (N,) -> (N,).

    Of equal scores the lower class id ranks first, as in argmax.
    """
    own = scores[np.arange(len(scores)), class_ids][:, None]
    before = np.arange(scores.shape[1])[None] < class_ids[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(axis=1)


def top(scores: Scores, class_ids: NDArray[np.int64], k: int) -> float:
    """Share of videos, in percent, whose class is among the k that score highest."""
    return float((ranks(scores, class_ids) < k).mean() * 100)


def confusion(scores: Scores, class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts (C, C): true class by predicted class."""
    classes = scores.shape[1]
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (class_ids, scores.argmax(axis=1)), 1)
    return counts


def class_accuracy(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class's videos that are right, in percent, of a confusion (C, C); NaN without videos."""
    videos = counts.sum(axis=1)
    return np.divide(100 * counts.diagonal(), videos, out=np.full(len(counts), np.nan), where=videos > 0)
