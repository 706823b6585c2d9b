"""Attention among the frames of a video, by which a token of each frame learns of the others."""

from torch import Tensor, nn


class FrameExchange(nn.Module):
    """x_t + MHSA over T of LN(x)_t."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """One token a frame, (B, T, D) -> (B, T, D)."""
        normed = self.norm(tokens)
        return tokens + self.attn(normed, normed, normed, need_weights=False)[0]
