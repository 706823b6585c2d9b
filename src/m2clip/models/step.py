"""What a loss may know of the training step that it belongs to."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from torch import Tensor


class Step(NamedTuple):
    """A shard of a step's batch.

    A step's batch is cut into microbatches, computed one after another, and each of them into one shard a
    process. `losses` sees one shard, and returns what it adds to the mean over the batch, so that the sum
    over all shards is the loss of the batch. `mean` and `cross_entropy` do that for losses of one video each;
    `of_microbatch`, with `gather`, for losses that compare videos with each other.
    """

    batch_class_ids: Tensor  # (N,) of all videos of the step
    shard: slice  # of the batch: the n videos of this call
    microbatch: slice  # of the batch: the videos that all processes compute now
    processes: int
    gather: Callable[[Tensor], Tensor]  # (n, ...) of the shard -> those of the microbatch, with gradients
    random: np.random.Generator  # of the step, the same in all its shards
    targets: Tensor | None = None  # (n, C) in place of class ids, where labels are smoothed or videos mixed

    @property
    def class_ids(self) -> Tensor:
        """Class ids of this call's videos, (n,)."""
        return self.batch_class_ids[self.shard]

    @property
    def microbatch_class_ids(self) -> Tensor:
        """Class ids of the videos that `gather` returns."""
        return self.batch_class_ids[self.microbatch]

    def mean(self, losses: Tensor) -> Tensor:
        """What losses (n,) of this call's videos add to the mean over the batch."""
        return losses.sum() / len(self.batch_class_ids)

    def cross_entropy(self, logits: Tensor) -> Tensor:
        """What logits (n, C) add to the mean cross-entropy over the batch."""
        targets = self.class_ids if self.targets is None else self.targets
        return F.cross_entropy(logits, targets, reduction="sum") / len(self.batch_class_ids)

    def of_microbatch(self, loss: Tensor) -> Tensor:
        """What a mean over the microbatch, which every process computes, adds to that over the batch."""
        return loss * (len(self.microbatch_class_ids) / len(self.batch_class_ids) / self.processes)
