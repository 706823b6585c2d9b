"""Vita-CLIP (Wasim et al., CVPR 2023, Section 3): prompts in every image layer, words before labels.

    c_t = fc(z_t^cls)                           the class token of each frame, projected
    s_t = c_t + MHSA over T of LN(c)_t          summary token: what happens in the whole video
    l_j = p_j + c_j,  j = 1 .. T                local prompts: one for each frame, seen by all
    g_1 .. g_8                                  global prompts: of the layer, the same for all videos
    [z_t, s_t, l, g] + MHSA([z_t, s_t, l, g])   s, l and g are dropped before the FFN
    prompt of class c = [v_1^c] ... [v_M^c] label_c

Both towers are frozen. A temporal embedding is added to the tokens of each frame, and the temperature is
trained. Where each class has learned words of its own there are none for other labels: these are read without
any, by CLIP's frozen text tower, as the authors do it.

The paper's fc is trained. In the released code it is not: the optimiser takes what has summary, local, global
or time_embed in its name, and fc is called otherwise (`train_projection: false`). The released script has 8
words, the paper 16.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from m2clip.models.clip import attend, feed
from m2clip.models.method import Group, Labels, Method, Setup, Video, similarity
from m2clip.models.parts.context import Context, read
from m2clip.models.parts.exchange import FrameExchange
from m2clip.models.parts.layers import seeded
from m2clip.models.prompts import Prompts
from m2clip.options.vita_clip import Options
from m2clip.seeds import number


class PromptedBlock(nn.Module):
    """A frozen block of CLIP and the prompts of its layer."""

    def __init__(self, block: Any, width: int, frames: int, patch: int, options: Options) -> None:
        super().__init__()
        self.block = block
        self.projection = nn.Linear(width, width)
        self.summary = FrameExchange(width, block.attn.num_heads)
        bound = (6 / (3 * patch**2 + width)) ** 0.5  # Xavier's for a patch embedding, as in VPT
        self.local = nn.Parameter(torch.empty(frames, width).uniform_(-bound, bound))
        self.shared = nn.Parameter(torch.empty(options.global_prompts, width).uniform_(-bound, bound))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, L, D) -> (B, T, L, D)."""
        B, T, L, _ = tokens.shape
        classes = self.projection(tokens[:, :, 0])
        summary = self.summary(classes)[:, :, None]
        local = (self.local + classes)[:, None].expand(B, T, -1, -1)
        shared = self.shared.expand(B, T, -1, -1)
        joined = torch.cat([tokens, summary, local, shared], dim=2)
        tokens = (joined + attend(self.block, joined))[:, :, :L]
        return tokens + feed(self.block, tokens)


class VitaCLIP(Method):
    """CLIP with prompts in its image tower, and labels after learned words."""

    def __init__(self, setup: Setup) -> None:
        options, width, patch = setup.options, setup.image_width, setup.clip.visual.patch_size[0]

        def wrap(layer: int, block: Any) -> nn.Module:
            make = lambda: PromptedBlock(block, width, setup.frames, patch, options)  # noqa: E731
            return seeded(number(setup.seed, "prompts", layer), make)

        super().__init__(setup, image=wrap)
        time = seeded(number(setup.seed, "time"), lambda: torch.randn(setup.frames, 1, width))
        self.temporal_embedding = nn.Parameter(0.02 * time)
        by_class = options.context_of == "class"
        self.context = Context(
            self.text, setup.prompts[0], options.context, setup.seed, words=False, by_class=by_class
        )
        # CLIP learns the logarithm of 1 / tau, which keeps the scale positive.
        self.log_scale = nn.Parameter(-self.temperature.log())

    def video(self, frames: Tensor) -> Video:
        """As CLIP, with the prompts and the temporal embedding."""
        classes = self.image(self.image.embed(frames, added=self.temporal_embedding))[:, :, 0]
        projected = self.image.project(classes)
        return Video(projected, projected.mean(dim=1), self.image.normed(classes.mean(dim=1)))

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Labels:
        """Features of labels after the learned words, where these labels have any."""
        if self.options.context_of == "class" and not own:
            labels: Labels = super().labels(prompts)
            return labels
        return Labels(read(self.text, self.context, prompts[0].ids.to(self.device)))

    def compare(self, video: Video, labels: Labels) -> dict[str, Tensor]:
        """Eq. 11 of M2-CLIP, with a temperature that is trained."""
        return {"eq11": similarity(video.joint, labels.features, torch.exp(-self.log_scale))}

    def groups(self) -> dict[str, Group]:
        """Prompts, words, the temperature and, where `train_projection`, the projection of class tokens."""
        blocks, rate = self.image.blocks, float(self.options.train_projection)
        prompts = [prompt for block in blocks for prompt in (block.local, block.shared)]
        return {
            "summary": Group([block.summary for block in blocks]),
            "prompts": Group([self.temporal_embedding, *prompts]),
            "projection": Group([block.projection for block in blocks], lr=rate),
            "context": Group([self.context]),
            "temperature": Group([self.log_scale]),
        }


METHOD = VitaCLIP
