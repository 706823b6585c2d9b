"""The gradients of a step's batch, the same for any number of processes and microbatches.

A batch is cut into microbatches (`train.accumulate`), and each of them into one shard a process. The model
sees one shard at a time as a plain batch. This module gathers from all processes what a loss needs of a
microbatch's other shards, and which videos there are, since a process drops those that it cannot read.
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

from m2clip.config import Train
from m2clip.data.loading import Batch
from m2clip.errors import UserError
from m2clip.models.method import Method
from m2clip.models.step import Step
from m2clip.seeds import generator, number
from m2clip.training.mixing import mix, mixes

NO_VIDEO = -1


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What this process computes of a microbatch; slices are of the batch."""

    rows: slice
    microbatch: slice
    counts: tuple[int, ...]  # videos of each process in the microbatch


@dataclass(frozen=True, kw_only=True)
class GlobalBatch:
    """The batch of a step as all processes together have it."""

    indices: Tensor  # (N,) of the videos that can be used, rows of manifest.rows(split)
    class_ids: Tensor  # (N,), on the device
    shards: tuple[Shard, ...]  # of this process, one a microbatch


def single_shard(class_ids: Tensor, seed: int = 0, step: int = 0) -> Step:
    """The `Step` of a batch that one process computes at once."""
    whole = slice(0, len(class_ids))
    return Step(
        batch_class_ids=class_ids, shard=whole, microbatch=whole, processes=1, gather=lambda own: own,
        random=generator(seed, "mask", step),
    )  # fmt: skip


def gather_batch(
    fabric: Fabric, loaded: Sequence[Batch], batch: int, class_ids: Sequence[int]
) -> GlobalBatch:
    """What all processes loaded for a step, of which each may have dropped videos.

    Args:
        fabric: of the training.
        loaded: the shards that this process loaded, one a microbatch.
        batch: videos that the step was to have.
        class_ids: of all training videos.

    Raises:
        UserError: in every process, when none has a usable video.
    """
    world, rank = fabric.world_size, fabric.global_rank
    own = torch.full((len(loaded), batch // len(loaded) // world), NO_VIDEO)
    for row, shard in zip(own, loaded, strict=True):
        row[: len(shard.indices)] = shard.indices
    every = _gather_equal(fabric, own.to(fabric.device)).cpu().transpose(0, 1)  # microbatch, process, video
    there = every != NO_VIDEO
    shards, first = [], 0
    for counts in there.sum(dim=2).tolist():
        before, end = first + sum(counts[:rank]), first + sum(counts)
        rows = slice(before, before + counts[rank])
        shards.append(Shard(rows=rows, microbatch=slice(first, end), counts=tuple(counts)))
        first = end
    if not first:
        raise UserError("no video of a batch can be used; the lines above name them")
    indices = every[there]
    return GlobalBatch(
        indices=indices,
        class_ids=torch.tensor(class_ids)[indices].to(fabric.device),
        shards=tuple(shards),
    )


def backward(
    fabric: Fabric,
    distributed: _FabricModule,
    loaded: Sequence[Batch],
    whole: GlobalBatch,
    config: Train,
    seed: int,
    step: int,
) -> dict[str, Tensor]:
    """Leave the gradients of a step's whole batch in every process.

    A shard's loss is what it adds to the loss of the batch. It is multiplied by the number of processes,
    because DDP averages gradients over processes where they are to be added up.

    Returns:
        Each loss over the whole batch, not weighed.
    """
    model = cast(Method, distributed.module)
    sums: dict[str, Tensor] = {}
    pairs = enumerate(zip(loaded, whole.shards, strict=True))
    some = [(n, videos, shard) for n, (videos, shard) in pairs if sum(shard.counts)]
    for done, (microbatch, shard_videos, shard) in enumerate(some, 1):
        first = (microbatch * fabric.world_size + fabric.global_rank) * (
            config.batch // config.accumulate // fabric.world_size
        )
        videos, targets = shard_videos.videos.to(fabric.device), None
        if mixes(config) and len(shard_videos.indices):
            videos, targets = mix(
                videos, whole.class_ids[shard.rows], shard_videos.places + first, model.classes, config,
                seed, step,
            )  # fmt: skip
        of_shard = Step(
            batch_class_ids=whole.class_ids,
            shard=shard.rows,
            microbatch=shard.microbatch,
            processes=fabric.world_size,
            gather=partial(_gather, fabric, shard.counts),
            random=generator(seed, "mask", step),
            targets=targets,
        )
        torch.manual_seed(number(seed, "dropout", step))
        with fabric.no_backward_sync(distributed, enabled=done < len(some)):
            losses = distributed(videos, of_shard)
            fabric.backward(model.total(losses) * fabric.world_size)
        for name, loss in losses.items():
            sums[name] = sums[name] + loss.detach() if name in sums else loss.detach()
    if fabric.world_size == 1:
        return sums
    summed = cast(Tensor, fabric.all_reduce(torch.stack(list(sums.values())), reduce_op="sum"))
    return dict(zip(sums, summed, strict=True))


def _gather(fabric: Fabric, counts: Sequence[int], own: Tensor) -> Tensor:
    """(n, ...) of this process -> (N, ...) of all, `counts` of each; gradients flow back to their process."""
    if fabric.world_size == 1:
        return own
    padded = F.pad(own, (0, 0) * (own.ndim - 1) + (0, max(counts) - len(own)))
    every = _gather_equal(fabric, padded)
    return torch.cat([rows[:count] for rows, count in zip(every, counts, strict=True)])


def _gather_equal(fabric: Fabric, own: Tensor) -> Tensor:
    """(...) of this process -> (processes, ...), of the same shape in all."""
    if fabric.world_size == 1:
        return own[None]
    return cast(Tensor, fabric.all_gather(own, sync_grads=own.requires_grad))
