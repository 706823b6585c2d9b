"""X-CLIP's transformer over frames and its video-specific prompt, which ILA takes over."""

import torch
import torch.nn.functional as F
from einops import rearrange
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

from m2clip.models.parts.layers import HEAD_WIDTH, transformer_block


class Integration(nn.Module):
    """MIT, the multi-frame integration transformer: mean over T of h_t + Transformer(h + e)_t."""

    def __init__(self, frames: int, width: int, layers: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(frames, width), std=0.02))
        self.blocks = nn.Sequential(*(transformer_block(width) for _ in range(layers)))

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, E) -> (B, E)."""
        return (frames + self.blocks(frames + self.positions)).mean(dim=1)


class PromptLayer(nn.Module):
    """Labels attend to the patches of a video; then an FFN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_WIDTH)
        self.norm, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, labels: Tensor, patches: Tensor) -> Tensor:
        """(B, C, E), (B, M, E) -> (B, C, E)."""
        queries, keys, values = (
            rearrange(tokens, "B N (H d) -> B H N d", H=self.heads)
            for tokens in (self.q(self.norm(labels)), self.k(patches), self.v(patches))
        )
        found = F.scaled_dot_product_attention(queries, keys, values)
        labels = labels + self.out(rearrange(found, "B H C d -> B C (H d)"))
        return labels + self.mlp(self.norm_mlp(labels))


class VideoPrompt(nn.Module):
    """The video-specific prompt: w + alpha P(w, patches)."""

    def __init__(self, width: int, joint: int, layers: int, alpha: float) -> None:
        super().__init__()
        self.norm_patches, self.norm = nn.LayerNorm(width), nn.LayerNorm(joint)
        self.projection = nn.Parameter(torch.randn(width, joint))
        self.layers = nn.ModuleList(PromptLayer(joint) for _ in range(layers))
        self.alpha = nn.Parameter(torch.full((joint,), alpha))

    def patches(self, tokens: Tensor) -> Tensor:
        """Patches of the last block into the joint space, averaged over T: (B, T, M, D) -> (B, M, E)."""
        return (self.norm_patches(tokens) @ self.projection).mean(dim=1)

    def forward(self, labels: Tensor, patches: Tensor) -> Tensor:
        """Labels (C, E), patches (B, M, E) -> the labels of each video (B, C, E)."""
        found, patches = labels.expand(len(patches), -1, -1), self.norm(patches)
        for layer in self.layers:
            found = layer(found, patches)
        return labels + self.alpha * found
