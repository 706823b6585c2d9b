"""ZeroI2V (Li et al., ECCV 2024): some heads of the frozen MHSA look at other frames; linear adapters.

    STDHA      a head of offset o takes queries from frame t, keys and values from frame t + o      Sec. 3.2
    A(x) = x + s (W_up W_dn x + b)    before and after MHSA and FFN, without an activation          Sec. 3.3

The first heads have the first offset, the next heads the second, and so on; the others stay within their
frame. A frame that has no frame at that offset reads itself, so that a still video gives what CLIP gives. An
adapter is linear, so after training it could be folded into the frozen layer beside it and cost nothing; here
it stays, because only what was trained is saved. Folded, the model costs what CLIP costs, which is what the
authors print.

A temporal embedding, CLIP's last norm and the classifier are trained too, as the released code does. Its SSv2
recipe has heads at two frames' distance as well.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.errors import UserError
from m2clip.models.clip import merge_heads
from m2clip.models.method import Group, Method, Setup, Video
from m2clip.models.parts.layers import Bottleneck, LinearHead, seeded
from m2clip.options.zeroi2v import Options
from m2clip.seeds import number


def shifted(x: Tensor, offsets: Sequence[int], each: int) -> Tensor:
    """Keys or values, the first heads from other frames: (B, T, H, L, d) -> (B, T, H, L, d).

    Args:
        x: of all frames.
        offsets: in frames; frame t reads frame t + offset, or itself where there is none.
        each: how many heads an offset gets.
    """
    frames, parts = x.shape[1], []
    for place, offset in enumerate(offsets):
        wanted = range(offset, frames + offset)
        sources = [t if 0 <= t < frames else t - offset for t in wanted]
        parts.append(x[:, sources, place * each : (place + 1) * each])
    return torch.cat([*parts, x[:, :, len(offsets) * each :]], dim=2)


class LinearAdapter(nn.Module):
    """x + s W_up W_dn x, the identity at the start."""

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        size = round(width * options.bottleneck)
        self.scale, self.added = (
            options.scale,
            Bottleneck(width, size, nn.Identity, options.dropout, std=0.02),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, ..., D) -> (B, ..., D)."""
        return x + self.scale * self.added(x)


class ShiftBlock(nn.Module):
    """A frozen block some of whose heads look at other frames, with four linear adapters."""

    def __init__(self, block: Any, width: int, options: Options) -> None:
        super().__init__()
        self.block, self.offsets = block, options.offsets
        self.each = max(1, block.attn.num_heads // options.one_in)
        self.into_attn, self.out_of_attn, self.into_mlp, self.out_of_mlp = (
            LinearAdapter(width, options) for _ in range(4)
        )

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, L, D) -> (B, T, L, D)."""
        block, attention = self.block, self.block.attn
        normed = self.into_attn(block.ln_1(tokens))
        joined = F.linear(normed, attention.in_proj_weight, attention.in_proj_bias)
        queries, keys, values = rearrange(joined, "B T L (P H d) -> P B T H L d", P=3, H=attention.num_heads)
        keys, values = (shifted(x, self.offsets, self.each) for x in (keys, values))
        tokens = tokens + self.out_of_attn(merge_heads(block, queries, keys, values))
        fed = block.ls_2(block.mlp(self.into_mlp(block.ln_2(tokens))))
        return tokens + self.out_of_mlp(fed)

    def adapters(self) -> tuple[nn.Module, ...]:
        """Before and after MHSA, before and after the FFN."""
        return self.into_attn, self.out_of_attn, self.into_mlp, self.out_of_mlp


class ZeroI2V(Method):
    """The adapted image tower and a classifier."""

    def __init__(self, setup: Setup) -> None:
        options, width = setup.options, setup.image_width

        def wrap(layer: int, block: Any) -> nn.Module:
            return seeded(number(setup.seed, "shift", layer), lambda: ShiftBlock(block, width, options))

        super().__init__(setup, image=wrap)
        first = self.image.blocks[0]
        total, asked = first.block.attn.num_heads, len(options.offsets) * first.each
        if asked > total:
            raise UserError(f"offsets: they ask for {asked} heads of {total}; take fewer, or a larger one_in")
        self.temporal_embedding = nn.Parameter(torch.zeros(setup.frames, 1, width))
        seed, dropout = number(setup.seed, "vc"), options.head_dropout
        self.vc = seeded(seed, lambda: LinearHead(width, setup.classes, dropout, std=0.01))

    def video(self, frames: Tensor) -> Video:
        """The classifier's feature is the mean of normed class tokens, not the norm of their mean."""
        classes = self.image(self.image.embed(frames, added=self.temporal_embedding))[:, :, 0]
        projected = self.image.project(classes)
        return Video(projected, projected.mean(dim=1), self.image.normed(classes).mean(dim=1))

    def classify(self, video: Video) -> dict[str, Tensor]:
        """The classifier's logits."""
        return {"vc": self.vc(video.width)}

    def groups(self) -> dict[str, Group]:
        """Adapters, the temporal embedding, CLIP's last norm and the classifier."""
        return {
            "adapters": Group([adapter for block in self.image.blocks for adapter in block.adapters()]),
            "temporal_embedding": Group([self.temporal_embedding], decay=0.0),
            "last_norm": Group([self.image.visual.ln_post], decay=0.0),
            "vc": Group([self.vc]),
        }


METHOD = ZeroI2V
