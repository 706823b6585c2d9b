"""Mixup, CutMix and label smoothing (Zhang et al., 2018; Yun et al., 2019; Szegedy et al., 2016).

Videos are mixed within cells of `train.cell` neighbours of the batch, so that the outcome does not depend on
how many processes and microbatches there are: the shard of a process is whole cells. In a cell the first
video is mixed with the last, the second with the last but one, and so on, by one weight and one box for all.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from m2clip.config import Train
from m2clip.errors import UserError
from m2clip.seeds import generator


def mixes(config: Train) -> bool:
    """Whether class ids are replaced by targets (n, C)."""
    return bool(config.mixup or config.cutmix or config.smoothing)


def check_cells(config: Train, processes: int) -> None:
    """Raise a UserError where the shard of a process is not a whole number of cells."""
    shard = config.batch // config.accumulate // processes
    if (config.mixup or config.cutmix) and shard % config.cell:
        raise UserError(
            f"train.cell: the {shard} videos that each of {processes} processes computes at once are no "
            f"multiple of {config.cell}, within which videos are mixed; set it to a divisor of {shard}"
        )


def mix(
    videos: Tensor, class_ids: Tensor, positions: Tensor, classes: int, config: Train, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Mixed videos and their targets.

    Args:
        videos: (n, T, 3, H, W).
        class_ids: (n,).
        positions: (n,) of the videos in the batch, counted from 0; those that could not be read are missing.
        classes: C.
        config: `smoothing`; `mixup` and `cutmix`, the parameters of their Beta distributions, 0 for none;
            where both are given each cell draws one of the two.
        seed: of the run.
        step: of the training.

    Returns:
        (n, T, 3, H, W) and (n, C), whose rows add up to 1.
    """
    ones = F.one_hot(class_ids, classes).to(videos.dtype)
    targets = ones * (1 - config.smoothing) + config.smoothing / classes
    if not (config.mixup or config.cutmix):
        return videos, targets
    videos, mixed_targets = videos.clone(), targets.clone()
    cells = torch.div(positions, config.cell, rounding_mode="floor").to(class_ids.device)
    for cell in cells.unique().tolist():
        random = generator("mix", seed, step, cell)
        own = (cells == cell).nonzero()[:, 0]
        other = own.flip(0)
        weight = _mix_cell(videos, own, other, config, random)
        mixed_targets[own] = weight * targets[own] + (1 - weight) * targets[other]
    return videos, mixed_targets


def _mix_cell(
    videos: Tensor, own: Tensor, other: Tensor, config: Train, random: np.random.Generator
) -> float:
    """Mix the videos `own` in place with the videos `other`; the weight that each one's own label keeps."""
    by_cutmix = bool(config.cutmix) and (not config.mixup or random.random() < 0.5)
    parameter = config.cutmix if by_cutmix else config.mixup
    weight = float(random.beta(parameter, parameter))
    if not by_cutmix:
        videos[own] = weight * videos[own] + (1 - weight) * videos[other]
        return weight
    height, width = videos.shape[-2:]
    rows, columns = (_cut(size, 1 - weight, random) for size in (height, width))
    videos[own, ..., rows, columns] = videos[other, ..., rows, columns]
    return 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)


def _cut(size: int, area: float, random: np.random.Generator) -> slice:
    """One side of CutMix's box: `area`**0.5 of the size, around a random centre, cut at the borders."""
    half, centre = round(size * area**0.5) // 2, int(random.integers(size))
    return slice(max(0, centre - half), min(size, centre + half))
