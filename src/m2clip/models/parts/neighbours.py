"""A block of CLIP that attends to neighbouring frames too, with no new weight: Open-VCLIP's and FROSTER's."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.clip import feed, merge_heads, split_heads


class NeighbourBlock(nn.Module):
    """Tokens of frame t attend to those of frames t - 1, t and t + 1.

    Before the first and after the last frame stand keys and values of zero. They count in the softmax, so the
    first and the last frame get other features than CLIP's even where all frames are the same.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.block = block

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, L, D) -> (B, T, L, D)."""
        queries, keys, values = split_heads(self.block, tokens)
        beside = merge_heads(self.block, queries, of_three_frames(keys), of_three_frames(values))
        tokens = tokens + beside
        return tokens + feed(self.block, tokens)


def of_three_frames(each: Tensor) -> Tensor:
    """Keys or values (B, T, heads, L, d) -> those of the frame before, the frame and the frame after."""
    padded = F.pad(each, (0, 0, 0, 0, 0, 0, 1, 1))
    return torch.cat([padded[:, :-2], each, padded[:, 2:]], dim=-2)
