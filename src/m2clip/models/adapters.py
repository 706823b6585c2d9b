"""The adapters: TED-Adapter (Eq. 6-8) for the image tower, text adapter (Eq. 9) for the text tower.

Every adapter maps tokens to tokens of the same shape and by default is the identity as it starts, so that
training starts from CLIP. What the paper leaves open is a parameter in `options/m2clip.py`.
"""

from typing import Literal

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.options.m2clip import TextAdapter as TextAdapterConfig
from m2clip.options.m2clip import VisualAdapter


def projection(width: int, out: int) -> nn.Linear:
    """A linear layer, (..., width) -> (..., out), with PyTorch's initial weights and a zero bias."""
    layer = nn.Linear(width, out)
    nn.init.zeros_(layer.bias)
    return layer


def depthwise(width: int, kernel: tuple[int, int]) -> nn.Conv2d:
    """A depthwise convolution with all weights zero at the start; padding keeps both sizes."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    layer = nn.Conv2d(width, width, kernel, padding=padding, groups=width)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class TemporalEnhancement(nn.Module):
    """Z_E = Conv1D(Z W_dn) W_up, Eq. 6: mixes each token with its place one frame before and after."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down = projection(width, bottleneck)
        # A Conv1D over T, written as a 3x1 Conv2D over (T, L), so that no copy is made to put T last.
        self.conv = depthwise(bottleneck, (3, 1))
        self.up = projection(bottleneck, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, L, D) -> (B, T, L, D), to be added to the tokens."""
        hidden = rearrange(self.down(tokens), "B T L R -> B R T L")
        return self.up(rearrange(self.conv(hidden), "B R T L -> B T L R"))


class TemporalDifference(nn.Module):
    """z_D,t = Conv2D((z_t - z_{t-1}) W_dn) W_up, Eq. 7: what moved, on the grid of patches.

    The first frame's difference is zero; the class token gets nothing. With `shared`, W_dn and W_up are
    those of Eq. 6, since both equations use the same letters; but the paper's 16 M parameters are reached
    only with a pair of projections for each equation.
    """

    def __init__(
        self, width: int, bottleneck: int, grid: tuple[int, int], shared: TemporalEnhancement | None = None
    ) -> None:
        super().__init__()
        self.grid = grid
        self.down = shared.down if shared else projection(width, bottleneck)
        self.conv = depthwise(bottleneck, (3, 3))
        self.up = shared.up if shared else projection(bottleneck, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, 1 + H W, D) -> (B, T, 1 + H W, D), to be added to the tokens."""
        patches = tokens[:, :, 1:]
        difference = F.pad(patches[:, 1:] - patches[:, :-1], (0, 0, 0, 0, 1, 0))
        hidden = rearrange(self.down(difference), "B T (H W) R -> (B T) R H W", H=self.grid[0])
        hidden = rearrange(self.conv(hidden), "(B T) R H W -> B T (H W) R", B=len(tokens))
        return F.pad(self.up(hidden), (0, 0, 1, 0))


class TEDAdapter(nn.Module):
    """Z + Z_E(Z) + Z_D(Z), Eq. 8 (parallel); a part that is None is left out.

    Sequential, the variant of Fig. 4a, is Z1 = Z + Z_E(Z), then Z1 + Z_D(Z1).
    """

    def __init__(
        self,
        enhancement: TemporalEnhancement | None,
        difference: TemporalDifference | None,
        fusion: Literal["parallel", "sequential"] = "parallel",
    ) -> None:
        super().__init__()
        self.enhancement, self.difference, self.fusion = enhancement, difference, fusion

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, 1 + H W, D) -> (B, T, 1 + H W, D)."""
        adapted = tokens
        if self.enhancement is not None:
            adapted = adapted + self.enhancement(tokens)
        if self.difference is not None:
            adapted = adapted + self.difference(adapted if self.fusion == "sequential" else tokens)
        return adapted


class TextAdapter(nn.Module):
    """A_l(z) = z + GELU(z W_dn) W_up, Eq. 9, the adapter of Houlsby et al. (2019)."""

    def __init__(self, width: int, config: TextAdapterConfig) -> None:
        super().__init__()
        bottleneck = round(width * config.bottleneck)
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        for bias in (self.down.bias, self.up.bias):
            nn.init.zeros_(bias)
        if config.initialisation == "zero":
            nn.init.zeros_(self.up.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, L, D) -> (N, L, D)."""
        return tokens + self.up(F.gelu(self.down(tokens)))


class TemporalConvolution(nn.Module):
    """The released code's residual temporal convolution after the projection; the paper has none."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enhancement = TemporalEnhancement(width, width // 2)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, E)."""
        return frames + self.enhancement(frames[:, :, None])[:, :, 0]


def ted_adapter(config: VisualAdapter, width: int, grid: tuple[int, int]) -> TEDAdapter:
    """A TED-Adapter for a tower of this width and patch grid."""
    bottleneck = round(width * config.bottleneck)
    enhancement = TemporalEnhancement(width, bottleneck) if config.temporal_enhancement else None
    shared = enhancement if config.projections == "shared" else None
    difference = TemporalDifference(width, bottleneck, grid, shared) if config.temporal_difference else None
    return TEDAdapter(enhancement, difference, config.fusion)
