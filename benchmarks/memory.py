"""What the image tower keeps for the backward pass, by row, frames and precision: docs/paper.md's estimate.

    python benchmarks/memory.py [ROW...]

With `train.checkpointing` it is what the blocks keep between the passes, to which comes what one block needs
while it is computed again.

On fake tensors of the profile `paper`: nothing is computed and no GPU is asked, so that weights, workspace,
fragmentation and the text tower come on top of it.
"""

import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import measure
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from m2clip import experiment, profiles
from m2clip.models.factory import build_model

ROWS = ("main", "site-both", "frames-16", "frames-32", "st-adapter")


def saved(row: str, precision: str, checkpointing: bool = False) -> float:
    """GB that a video adds to those of a batch."""
    config = experiment.resolve(row, profiles.read("paper"))
    config = replace(config, train=replace(config.train, checkpointing=checkpointing))
    model, _ = build_model(config, ("a", "b"), 0, "meta")
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu").train()
        weights = {_storage(tensor) for tensor in (*model.parameters(), *model.buffers())}
        sizes = []
        for videos in (1, 2):
            kept: dict[int, Tensor] = {}  # by storage, which lives as long as its tensor stands here
            inputs = [
                block.register_forward_pre_hook(partial(_input, kept))
                for block in model.image.blocks
                if checkpointing  # which no hook of autograd sees
            ]
            with (
                saved_tensors_hooks(lambda tensor, kept=kept: _keep(tensor, kept), lambda tensor: tensor),
                torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext(),
            ):
                out = model.video(torch.empty(videos, config.data.frames, 3, measure.SIDE, measure.SIDE))
            for hook in inputs:
                hook.remove()
            sizes.append(sum(t.untyped_storage().nbytes() for at, t in kept.items() if at not in weights))
            del out
    return (sizes[1] - sizes[0]) / 1e9


def _keep(tensor: Tensor, kept: dict[int, Tensor]) -> Tensor:
    kept.setdefault(_storage(tensor), tensor)
    return tensor


def _input(kept: dict[int, Tensor], _: torch.nn.Module, given: tuple[Tensor, ...]) -> None:
    _keep(given[0], kept)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def main() -> None:
    """A line for each row, precision, and with checkpointing or without."""
    lines = [
        {
            "row": row, "precision": precision, "checkpointing": again,
            "gb_a_video": saved(row, precision, again),
        }
        for row in sys.argv[1:] or ROWS
        for again in (False, True)
        for precision in ("bf16", "32")
    ]  # fmt: skip
    measure.write("memory", lines, {"profile": "paper"})


if __name__ == "__main__":
    main()
