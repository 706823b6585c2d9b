"""Zero-shot: Eq. 11 against labels that were never trained on, by every protocol that papers use.

The paper says only "mean ± std". Most papers report it over the three official splits; others (BIKE,
Text4Vis) mean the full set, or half of the classes drawn ten times. Their deviations do not compare, so all
three protocols are computed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from m2clip.data import sentences
from m2clip.evaluation.recognition import Scores, top
from m2clip.evaluation.trained import TrainedRun
from m2clip.models.prompts import Prompts, make_prompts
from m2clip.seeds import generator

DRAWS = 10  # of half of the classes


@torch.no_grad()
def read_labels(run: TrainedRun, labels: tuple[str, ...], templates: Sequence[str]) -> Any:
    """The model's `Labels` of labels that it was not trained on.

    Args:
        run: opened with `open_trained`.
        labels: in the order of their class ids.
        templates: sentences with {} where the label goes, averaged over; none: those of the method.
    """
    return run.model.labels(_prompts(run, labels, templates), own=False)


@torch.no_grad()
def read_bare_labels(run: TrainedRun, labels: tuple[str, ...], templates: Sequence[str]) -> Any:
    """`read_labels` without the run's text adapters; None where it has none."""
    return run.model.bare_labels(_prompts(run, labels, templates))


def _prompts(run: TrainedRun, labels: tuple[str, ...], templates: Sequence[str]) -> list[Prompts]:
    templates = tuple(templates) or run.config.options.templates(run.config.data.prompt, own=False)
    read = sentences.spoken(labels, run.config.data)
    return [make_prompts(each, template, run.tokenizer) for template in templates for each in read]


def half_of_classes(scores: Scores, class_ids: NDArray[np.int64], name: str) -> dict[str, Any]:
    """Top-1 among half of the classes, drawn ten times: mean and sample standard deviation over draws.

    The draws depend on the set alone, so that all rows and seeds have the same. Only videos and scores of the
    drawn classes count; scores are restricted after the views are averaged.

    Args:
        scores: (N, C).
        class_ids: (N,).
        name: of the set.
    """
    present = np.unique(class_ids)
    top1 = []
    for draw in range(DRAWS):
        drawn = generator("half of the classes", name, draw).permutation(present)
        drawn = np.sort(drawn[: max(1, len(present) // 2)])
        inside = np.isin(class_ids, drawn)
        top1.append(top(scores[inside][:, drawn], np.searchsorted(drawn, class_ids[inside]), 1))
    return {
        "top1": float(np.mean(top1)),
        "top1_std": float(np.std(top1, ddof=1)),
        "classes": len(drawn),
        "draws": top1,
    }


def by_split(scores: Scores, class_ids: NDArray[np.int64], splits: pd.Series) -> dict[str, Any]:
    """Top-1 and top-5 of each split, their mean and sample standard deviation over splits, and of all videos.

    Args:
        scores: (N, C).
        class_ids: (N,).
        splits: names of the splits that each video belongs to, joined by a space; those that begin with
            "test" count.
    """
    names = sorted({name for joined in splits for name in joined.split() if name.startswith("test")})
    inside = {
        name: splits.map(lambda joined, name=name: name in joined.split()).to_numpy(bool) for name in names
    }
    parts = {
        name: {
            "top1": top(scores[mask], class_ids[mask], 1),
            "top5": top(scores[mask], class_ids[mask], 5),
            "videos": int(mask.sum()),
        }
        for name, mask in inside.items()
    }
    top1 = [part["top1"] for part in parts.values()]
    return {
        "top1": float(np.mean(top1)),
        "top1_std": float(np.std(top1, ddof=1)) if len(top1) > 1 else None,
        "top5": float(np.mean([part["top5"] for part in parts.values()])),
        "videos": len(class_ids),
        "full": {"top1": top(scores, class_ids, 1), "top5": top(scores, class_ids, 5)},
        "splits": parts,
    }
