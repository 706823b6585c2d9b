"""Gradients of a step's batch, the same in how many processes and parts it is computed (Eq. 10-12).

Each process computes its share of each part. What a loss needs of the others is gathered: the features that
the contrastive head compares, and which videos there are at all, since any process may have dropped some.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
from torch import Tensor

from m2clip.data.loading import Batch
from m2clip.errors import UserError
from m2clip.models.video_clip import Share, VideoCLIP
from m2clip.seeds import generator, number

NO_VIDEO = -1


@dataclass(frozen=True, kw_only=True)
class GlobalBatch:
    """The batch of a step as all processes together have it."""

    indices: Tensor  # (N,) of the videos that can be used, rows of manifest.rows(split)
    class_ids: Tensor  # (N,), on the device
    shares: tuple[Share, ...]  # of this process, one a part


def together(fabric: Fabric, parts: Sequence[Batch], batch: int, class_ids: Sequence[int]) -> GlobalBatch:
    """What all processes loaded for a step, of which each may have dropped videos.

    Args:
        fabric: of the training.
        parts: what this process loaded.
        batch: videos that the step was to have.
        class_ids: of all training videos.

    Raises:
        UserError: in every process, when none has a usable video.
    """
    world, rank = fabric.world_size, fabric.global_rank
    own = torch.full((len(parts), batch // len(parts) // world), NO_VIDEO)
    for row, loaded in zip(own, parts, strict=True):
        row[: len(loaded.indices)] = loaded.indices
    every = _of_all(fabric, own.to(fabric.device)).cpu().transpose(0, 1)
    there = every != NO_VIDEO
    shares, first = [], 0
    for counts in there.sum(dim=2).tolist():
        before, end = first + sum(counts[:rank]), first + sum(counts)
        rows, gather = slice(before, before + counts[rank]), partial(_gather, fabric, counts)
        shares.append(Share(rows=rows, part=slice(first, end), processes=world, gather=gather))
        first = end
    if not first:
        raise UserError("no video of a batch can be used; the lines above name them")
    indices = every[there]
    return GlobalBatch(
        indices=indices,
        class_ids=torch.tensor(class_ids)[indices].to(fabric.device),
        shares=tuple(shares),
    )


def backward(
    fabric: Fabric,
    distributed: _FabricModule,
    parts: Sequence[Batch],
    whole: GlobalBatch,
    seed: int,
    step: int,
) -> dict[str, Tensor]:
    """Leave the gradients of a step's whole batch in every process.

    A process adds its share of the loss. DDP averages the gradients, so each share is taken as often as
    there are processes.

    Returns:
        The loss of each head over the whole batch, unweighted.
    """
    model = cast(VideoCLIP, distributed.module)
    sums: dict[str, Tensor] = {}
    all_parts = zip(parts, whole.shares, strict=True)
    some = [(loaded, share) for loaded, share in all_parts if share.part.start < share.part.stop]
    for part, (loaded, share) in enumerate(some, 1):
        torch.manual_seed(number(seed, "dropout", step))
        videos, random = loaded.videos.to(fabric.device), generator(seed, "mask", step)
        with fabric.no_backward_sync(distributed, enabled=part < len(some)):
            losses = distributed(videos, whole.class_ids, random, share)
            fabric.backward(model.total(losses) * fabric.world_size)
        for head, loss in losses.items():
            sums[head] = sums[head] + loss.detach() if head in sums else loss.detach()
    if fabric.world_size == 1:
        return sums
    summed = cast(Tensor, fabric.all_reduce(torch.stack(list(sums.values())), reduce_op="sum"))
    return dict(zip(sums, summed, strict=True))


def _gather(fabric: Fabric, counts: Sequence[int], own: Tensor) -> Tensor:
    """(n, E) of this process -> (N, E) of all, `counts` of each; a gradient flows back to whose row it is."""
    if fabric.world_size == 1:
        return own
    padded = F.pad(own, (0, 0, 0, max(counts) - len(own)))
    every = _of_all(fabric, padded)
    return torch.cat([rows[:count] for rows, count in zip(every, counts, strict=True)])


def _of_all(fabric: Fabric, own: Tensor) -> Tensor:
    """(...) of this process -> (processes, ...)."""
    if fabric.world_size == 1:
        return own[None]
    return cast(Tensor, fabric.all_gather(own, sync_grads=own.requires_grad))
