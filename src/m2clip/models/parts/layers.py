"""Layers that several methods share."""

from collections.abc import Callable
from typing import Any

import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn

from m2clip.models.parts.drawing import Dropout

HEAD_WIDTH = 64  # of an attention head, in every CLIP with published weights


def seeded(seed: int, make: Callable[[], Any]) -> Any:
    """A module whose random weights depend on `seed` alone, not on what was made before it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def scores(layer: nn.Linear, features: Tensor) -> Tensor:
    """A head's last layer, (..., D) -> logits (..., C); never under autocast, as `similarity`."""
    with torch.autocast("cuda" if features.is_cuda else "cpu", enabled=False):
        return layer(features.to(layer.weight.dtype))


def small_weights(module: Any, std: float = 0.02) -> Any:
    """The module with all linear layers drawn from a truncated normal of this deviation, biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def transformer_block(width: int) -> Any:
    """A new transformer block like CLIP's, with the small random weights of a temporal transformer."""
    return small_weights(ResidualAttentionBlock(width, max(1, width // HEAD_WIDTH), act_layer=QuickGELU))


class Bottleneck(nn.Module):
    """W_up act(W_dn x), zero at the start; the method adds the residual connection around it."""

    def __init__(
        self,
        width: int,
        bottleneck: int,
        act: Callable[[], nn.Module] = nn.GELU,
        dropout: float = 0.0,
        std: float | None = None,
    ) -> None:
        """`dropout` is before W_up; with `std` W_dn is truncated normal of this deviation, else PyTorch's."""
        super().__init__()
        self.down, self.act, self.up = nn.Linear(width, bottleneck), act(), nn.Linear(bottleneck, width)
        self.dropout = Dropout(dropout)
        if std is not None:
            small_weights(self.down, std)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, ..., D) -> (B, ..., D)."""
        return self.up(self.dropout(self.act(self.down(x))))


class LinearHead(nn.Module):
    """Visual classification: dropout, then a linear layer, on one feature a video."""

    def __init__(self, width: int, classes: int, dropout: float = 0.0, std: float | None = None) -> None:
        """With `std` the weights are normal of this deviation and the bias is zero; else PyTorch's."""
        super().__init__()
        self.dropout, self.linear = Dropout(dropout), nn.Linear(width, classes)
        if std is not None:
            nn.init.normal_(self.linear.weight, std=std)
            nn.init.zeros_(self.linear.bias)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, D) -> logits (B, C)."""
        return scores(self.linear, self.dropout(feature))
