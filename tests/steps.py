"""Training steps for tests that call a model's losses without a training."""

import torch

from m2clip.seeds import generator
from m2clip.training.step import single_shard


def step_of(class_ids, shard=None, *, gather=None, processes=1, random=None, targets=None):
    """A step of one microbatch, of which this call computes the videos of `shard` (all, if None)."""
    step = single_shard(torch.as_tensor(class_ids))
    return step._replace(
        shard=shard or step.shard,
        processes=processes,
        gather=gather or step.gather,
        random=random or generator(0, "mask"),
        targets=targets,
    )
