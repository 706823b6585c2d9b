"""DUALPATH (Park et al., CVPR 2023): one frozen CLIP sees a few frames whole, and all frames small, in grids.

    spatial path     T_s frames; adapters beside MHSA and beside the FFN                           Sec. 3.3
                     z <- z + MHSA(LN z) + A(LN z);   z <- z + MLP(LN z) + A(LN z)
    temporal path    G^2 frames in one picture, so that attention within it is attention over time; Sec. 3.4
                     adapters in series: before MHSA, after it and after the FFN
                     z <- z + A(MHSA(A(LN z)));       z <- z + A(MLP(LN z))

A(x) = W_up GELU(W_dn x) starts at zero. Then the spatial path is CLIP, and the temporal path passes its
embedding through all blocks unchanged. The means of both paths' features go side by side through an MLP.

A grid has learned positions in place of CLIP's, and each patch has sines and cosines of the number of the
frame that it shows. The released code does not compile; what was read in it and not in the paper: no skip
connection around the temporal path's adapters, a bottleneck of 192, an MLP, trained embeddings of CLIP. The
paper's 10 M parameters and 237 GFLOPs are met by neither bottleneck that is named (192 or 128).
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.models.clip import attend, feed, self_attention
from m2clip.models.method import Group, Method, Setup
from m2clip.models.parts.layers import Bottleneck, scores, seeded
from m2clip.options.dualpath import Options
from m2clip.seeds import number


class Paths(NamedTuple):
    """The mean feature of each path's pictures: (B, E)."""

    temporal: Tensor
    spatial: Tensor


class DualBlock(nn.Module):
    """A frozen block with two paths through it, for a video's first pictures, grids, and for its frames."""

    def __init__(self, block: Any, width: int, grids: int, options: Options) -> None:
        super().__init__()
        self.block, self.grids = block, grids
        size = round(width * options.bottleneck)
        self.before_attn, self.after_attn, self.after_mlp, self.beside_attn, self.beside_mlp = (
            Bottleneck(width, size, dropout=options.dropout) for _ in range(5)
        )

    def forward(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T_t + T_s, L, D) -> (B, T_t + T_s, L, D)."""
        temporal, spatial = pictures[:, : self.grids], pictures[:, self.grids :]
        return torch.cat([self.temporal(temporal), self.spatial(spatial)], dim=1)

    def temporal(self, tokens: Tensor) -> Tensor:
        """The path of grids: adapters in series, (B, T_t, L, D) -> (B, T_t, L, D)."""
        entering = self.before_attn(self.block.ln_1(tokens))
        tokens = tokens + self.after_attn(self_attention(self.block, entering))
        return tokens + self.after_mlp(feed(self.block, tokens))

    def spatial(self, tokens: Tensor) -> Tensor:
        """The path of whole frames: adapters in parallel, (B, T_s, L, D) -> (B, T_s, L, D)."""
        tokens = tokens + attend(self.block, tokens) + self.beside_attn(self.block.ln_1(tokens))
        return tokens + feed(self.block, tokens) + self.beside_mlp(self.block.ln_2(tokens))

    def adapters(self) -> tuple[nn.Module, ...]:
        """Three of the temporal path, two of the spatial one."""
        return self.before_attn, self.after_attn, self.after_mlp, self.beside_attn, self.beside_mlp


class DualPath(Method):
    """Both paths and the MLP."""

    frame_numbers: Tensor

    def __init__(self, setup: Setup) -> None:
        options, width = setup.options, setup.image_width
        grids = setup.frames // options.grid**2

        def wrap(layer: int, block: Any) -> nn.Module:
            seed = number(setup.seed, "dual", layer)
            return seeded(seed, lambda: DualBlock(block, width, grids, options))

        super().__init__(setup, image=wrap)
        self.grids, joint = grids, self.image.joint
        positions = self.image.visual.positional_embedding.shape
        drawn = seeded(number(setup.seed, "positions"), lambda: torch.randn(positions))
        self.positions = nn.Parameter(width**-0.5 * drawn)
        self.register_buffer("frame_numbers", self._frame_numbers(), persistent=False)
        self.hidden = seeded(number(setup.seed, "hidden"), lambda: nn.Linear(2 * joint, joint))
        self.vc = seeded(number(setup.seed, "vc"), lambda: nn.Linear(joint, setup.classes))

    def _frame_numbers(self) -> Tensor:
        """Sines and cosines of the number, from 1, of the frame a patch shows; class token 0: (T_t, L, D)."""
        (height, across), grid, width = self.image.grid, self.options.grid, self.image.width
        row, column = torch.arange(height) * grid // height, torch.arange(across) * grid // across
        within = (row[:, None] * grid + column).flatten()
        numbers = 1 + within + grid**2 * torch.arange(self.grids)[:, None]
        angles = F.pad(numbers, (1, 0)).float()[..., None] / 10_000 ** (torch.arange(0, width, 2) / width)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)

    def grid_pictures(self, frames: Tensor) -> Tensor:
        """G x G frames side by side, shrunk to the size of one: (B, T, 3, H, W) -> (B, T_t, 3, H, W)."""
        grid = self.options.grid
        sheets = rearrange(frames, "B (T r c) C H W -> (B T) C (r H) (c W)", r=grid, c=grid)
        shrunk = F.interpolate(sheets, frames.shape[-2:], mode="bilinear", antialias=True)
        return shrunk.unflatten(0, (len(frames), -1))

    def video(self, frames: Tensor) -> Paths:
        """All frames in grids, and every (T / T_s)-th frame whole."""
        whole = frames[:, :: frames.shape[1] // self.options.spatial]
        grids = self.image.embed(
            self.grid_pictures(frames), added=self.frame_numbers, positions=self.positions
        )
        tokens = self.image(torch.cat([grids, self.image.embed(whole)], dim=1))
        features = self.image.project(tokens[:, :, 0])
        return Paths(features[:, : self.grids].mean(dim=1), features[:, self.grids :].mean(dim=1))

    def classify(self, video: Paths) -> dict[str, Tensor]:
        """The MLP's logits."""
        both = torch.cat([video.temporal, video.spatial], dim=-1)
        return {"vc": scores(self.vc, F.gelu(self.hidden(both)))}

    def groups(self) -> dict[str, Group]:
        """Adapters, the positions of a grid, the MLP, and CLIP's class and positional embeddings."""
        visual = self.image.visual
        return {
            "adapters": Group([adapter for block in self.image.blocks for adapter in block.adapters()]),
            "positions": Group([self.positions]),
            "vc": Group([self.hidden, self.vc]),
            "clip_embeddings": Group(
                [visual.class_embedding, visual.positional_embedding], lr=float(self.options.tune_embeddings)
            ),
        }


METHOD = DualPath
