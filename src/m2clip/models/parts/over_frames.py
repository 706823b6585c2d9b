"""A transformer over the features of a video's frames, beside a residual: ActionCLIP's and BIKE's."""

import torch
from torch import Tensor, nn

from m2clip.models.parts.layers import transformer_block

LONGEST = 77  # frames that there are positions for, in both methods' code: CLIP's context length


class OverFrames(nn.Module):
    """v_t + Transformer(v + position)_t: frames of a video see each other."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(0.02 * torch.randn(LONGEST, width))
        self.blocks = nn.Sequential(*(transformer_block(width) for _ in range(layers)))

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, E)."""
        return frames + self.blocks(frames + self.positions[: frames.shape[1]])
