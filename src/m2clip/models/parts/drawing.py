"""Random draws for each video that do not depend on how many processes or microbatches a step has.

The training step gives every process the same torch seed. Each draws for all videos of the batch and takes
the rows of its own, so that a video's draw depends on its place in the batch alone.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_shard: ContextVar[tuple[int, slice] | None] = ContextVar("shard", default=None)


@contextmanager
def shard_of_batch(batch: int, rows: slice) -> Iterator[None]:
    """Within this context, the videos that the model sees are `rows` of a batch of `batch` videos."""
    token = _shard.set((batch, rows))
    try:
        yield
    finally:
        _shard.reset(token)


def same_shard() -> Callable[[], AbstractContextManager[None]]:
    """A function that opens the present context of `shard_of_batch` again, for code that runs later."""
    shard = _shard.get()
    return nullcontext if shard is None else lambda: shard_of_batch(*shard)


def per_video(x: Tensor, draw: Callable[[int], Tensor]) -> Tensor:
    """Draws for the B videos of x (B, ...): their rows of `draw(n)`, (n, ...), with n the whole batch."""
    shard = _shard.get()
    if shard is None or shard[1].stop - shard[1].start != len(x):  # an empty shard computes a black video
        return draw(len(x))
    batch, rows = shard
    return draw(batch)[rows]


class DropPath(nn.Module):
    """Stochastic depth: a residual branch adds 0 for a fraction `rate` of the videos, else x / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """What the branch adds, (B, ...) -> (B, ...)."""
        if not self.training or not self.rate:
            return x
        kept = per_video(x, lambda n: torch.rand(n, device=x.device)) >= self.rate
        return x * (kept / (1 - self.rate)).to(x.dtype).view(-1, *[1] * (x.ndim - 1))


class Dropout(nn.Module):
    """Dropout whose mask depends on a video's place in the batch, not on how the batch is cut."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        if not self.training or not self.rate:
            return x
        return x * per_video(x, lambda n: F.dropout(x.new_ones(n, *x.shape[1:]), self.rate))
