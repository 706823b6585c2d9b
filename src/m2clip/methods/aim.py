"""AIM (Yang et al., ICLR 2023): the frozen MHSA is used over time and over space, with three adapters.

    z <- z + A_T(MHSA(LN z))                  over the frames, with CLIP's own weights     Sec. 3.3
    z <- z + s + A_S(s),  s = MHSA(LN z)      within a frame                               Sec. 3.2
    z <- z + MLP(LN z) + r A_M(LN z)          joint adaptation, r = 0.5                    Sec. 3.4

A(x) = W_up GELU(W_dn x) starts at zero, so that AIM starts as CLIP: A_T has no skip connection, or the
temporal MHSA would change the features before anything is learned. A temporal embedding, zero at the start,
is added to the tokens of each frame, and CLIP's last norm is trained. The classifier reads the mean of the
normed class tokens.

On SSv2 r is 1 and a fourth adapter, with a skip connection, stands before the temporal MHSA. In the released
code the first axis of the tokens is the place in the frame, so its drop path drops places, the same in all
videos; here it drops whole videos, as stochastic depth does. `head: text` is not in AIM's paper: other papers
compare AIM's zero-shot accuracy this way.
"""

from typing import Any

import torch
from torch import Tensor, nn

from m2clip.models.clip import attend, feed, self_attention
from m2clip.models.method import Group, Method, Setup, Video
from m2clip.models.parts.drawing import DropPath
from m2clip.models.parts.layers import Bottleneck, LinearHead, seeded
from m2clip.options.aim import Options
from m2clip.seeds import number


class AIMBlock(nn.Module):
    """A frozen block whose MHSA is used twice, and its adapters."""

    def __init__(self, block: Any, width: int, options: Options, drop_path: float) -> None:
        super().__init__()
        self.block, self.scale, self.drop = block, options.scale, DropPath(drop_path)
        size = round(width * options.bottleneck)
        self.temporal, self.spatial, self.joint = (Bottleneck(width, size, std=0.02) for _ in range(3))
        self.into_time = Bottleneck(width, size, std=0.02) if options.into_time else None

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, L, D) -> (B, T, L, D)."""
        over_time = self.over_time(tokens.transpose(1, 2)).transpose(1, 2)
        tokens = tokens + self.drop(self.temporal(over_time))
        over_space = attend(self.block, tokens)
        tokens = tokens + over_space + self.spatial(over_space)
        beside = self.drop(self.scale * self.joint(self.block.ln_2(tokens)))
        return tokens + feed(self.block, tokens) + beside

    def over_time(self, tokens: Tensor) -> Tensor:
        """MHSA(LN z) among the T tokens of one place, (B, L, T, D) -> (B, L, T, D)."""
        if self.into_time is None:
            return attend(self.block, tokens)
        normed = self.block.ln_1(tokens)
        return self_attention(self.block, normed + self.into_time(normed))

    def adapters(self) -> tuple[nn.Module, ...]:
        """The block's adapters: three, or four with `into_time`."""
        three = (self.temporal, self.spatial, self.joint)
        return three if self.into_time is None else (*three, self.into_time)


class AIM(Method):
    """The adapted image tower, and a classifier or CLIP's frozen text tower."""

    def __init__(self, setup: Setup) -> None:
        options, width, last = setup.options, setup.image_width, max(1, setup.image_layers - 1)

        def wrap(layer: int, block: Any) -> nn.Module:
            rate = options.drop_path * (layer - 1) / last
            seed = number(setup.seed, "aim", layer)
            return seeded(seed, lambda: AIMBlock(block, width, options, rate))

        super().__init__(setup, image=wrap)
        self.temporal_embedding = nn.Parameter(torch.zeros(setup.frames, 1, width))
        self.vc = None
        if options.head == "classifier":
            seed, dropout = number(setup.seed, "vc"), options.dropout
            self.vc = seeded(seed, lambda: LinearHead(width, setup.classes, dropout, std=0.01))

    def video(self, frames: Tensor) -> Video:
        """The classifier's feature is the mean of normed class tokens, not the norm of their mean."""
        classes = self.image(self.image.embed(frames, added=self.temporal_embedding))[:, :, 0]
        projected = self.image.project(classes)
        return Video(projected, projected.mean(dim=1), self.image.normed(classes).mean(dim=1))

    def classify(self, video: Video) -> dict[str, Tensor]:
        """The classifier's logits, if there is one."""
        return {"vc": self.vc(video.width)} if self.vc else {}

    def groups(self) -> dict[str, Group]:
        """Adapters, the temporal embedding, CLIP's last norm and the classifier."""
        return {
            "adapters": Group([adapter for block in self.image.blocks for adapter in block.adapters()]),
            "temporal_embedding": Group([self.temporal_embedding], decay=0.0),
            "last_norm": Group([self.image.visual.ln_post], decay=0.0),
            "vc": Group([self.vc] if self.vc else []),
        }


METHOD = AIM
