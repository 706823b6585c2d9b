"""ST-Adapter (Pan et al., NeurIPS 2022): one depthwise 3D convolution in a bottleneck, on patch tokens.

    z = z + Conv3D(z W_dn) W_up, kernel 3x1x1, no activation, the class token untouched

The paper's Fig. 2a has it before the FFN with a classifier alone, and with CLIP's frozen text branch.
"""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.backbones import Shape
from m2clip.config import Run
from m2clip.models.adapters import depthwise, projection, seeded
from m2clip.models.clip import AdaptedBlock, Wrap
from m2clip.models.sites import image_sites
from m2clip.options.st_adapter import Options
from m2clip.seeds import number


class STAdapter(nn.Module):
    """A spatio-temporal adapter, the identity as it starts."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down = projection(width, bottleneck)
        self.conv = depthwise(bottleneck, (3, 1))  # 3x1x1 over (T, H, W) is 3x1 over (T, M)
        self.up = projection(bottleneck, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, 1 + M, D) -> (B, T, 1 + M, D)."""
        hidden = rearrange(self.down(tokens[:, :, 1:]), "B T M R -> B R T M")
        hidden = rearrange(self.conv(hidden), "B R T M -> B T M R")
        return tokens + F.pad(self.up(hidden), (0, 0, 1, 0))


def wraps(config: Run, shape: Shape, seed: int) -> tuple[Wrap, Wrap]:
    """What this method puts into each block of the image tower and of the text tower."""
    options = config.options
    assert isinstance(options, Options)

    def adapter(layer: int, site: str) -> nn.Module:
        bottleneck = round(shape.image_width * options.bottleneck)
        return seeded(number(seed, "st", layer, site), lambda: STAdapter(shape.image_width, bottleneck))

    return image_sites(options, shape, adapter), lambda layer, block: AdaptedBlock(block)
