"""Activation checkpointing, `train.checkpointing`: less memory for a second forward pass of the image tower.

A block of the image tower then keeps its input alone for the backward pass and computes the rest again there,
with the same random draws, so that losses and gradients are the same to the bit.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from m2clip.models.parts.drawing import same_shard


def checkpoint_blocks(blocks: nn.ModuleList) -> None:
    """Make each block recompute its activations in the backward pass instead of keeping them."""
    for block in blocks:
        block.forward = _recomputed(block.forward)


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*tokens: Any, **more: Any) -> Any:
        if not torch.is_grad_enabled() or not any(_differentiable(each) for each in tokens):
            return forward(*tokens, **more)
        again = same_shard()

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), again()

        return checkpoint(forward, *tokens, use_reentrant=False, context_fn=contexts, **more)

    return run


def _differentiable(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
