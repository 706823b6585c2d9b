"""The order of training videos, computed from the seed: a checkpoint need not keep it.

Training reads an endless sequence of videos, in which every epoch is a new permutation. Step k takes the
positions k * batch to (k + 1) * batch - 1, which may lie in two epochs. With gradient accumulation a batch is
cut into parts (microbatches), and with several processes each part into shares (shards): parts first, shares
second, so that neither batches nor parts depend on the number of processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from m2clip.errors import UserError
from m2clip.seeds import number

Position = tuple[int, int]  # epoch, index of the video


@dataclass(frozen=True, eq=False)  # equal only to itself: hashing all paths at every look-up is slow
class Order:
    """Videos in the order of training with a seed."""

    seed: int
    paths: tuple[str, ...]

    def at(self, position: int) -> Position:
        """Epoch and index of the video at a position of the sequence."""
        epoch, place = divmod(position, len(self.paths))
        return epoch, _permutation(self, epoch)[place]


@lru_cache(maxsize=4)  # a batch seldom touches more than two epochs
def _permutation(order: Order, epoch: int) -> Sequence[int]:
    # By a hash of each path, so that a video more or less leaves the order of the others as it is.
    keys = [number("order", order.seed, epoch, path) for path in order.paths]
    return sorted(range(len(keys)), key=keys.__getitem__)


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Positions that a process takes in steps `start` to `steps` - 1, part by part: a batch sampler."""

    order: Order
    start: int
    steps: int
    batch: int  # of all processes together
    rank: int = 0
    world: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if self.batch % (self.world * self.parts):
            parts = f" in {self.parts} parts (train.accumulate)" if self.parts > 1 else ""
            raise UserError(f"train.batch: {self.batch} cannot be shared by {self.world} processes{parts}")

    def __len__(self) -> int:
        return max(0, self.steps - self.start) * self.parts

    def __iter__(self) -> Iterator[list[Position]]:
        return (self._share(part) for part in range(self.start * self.parts, self.steps * self.parts))

    def _share(self, part: int) -> list[Position]:
        """The positions that this process takes of a part, counted from the first of step 0."""
        part_size = self.batch // self.parts
        share = part_size // self.world
        first = part * part_size + self.rank * share
        return [self.order.at(position) for position in range(first, first + share)]
