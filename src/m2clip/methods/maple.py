"""MaPLe (Khattak et al., CVPR 2023, Section 3.2): prompts in several layers of both towers, coupled.

    text tower, layer l < J:    [P_l] takes the places of the prompts that layer l - 1 gave
    image tower, layer l < J:   [F_l(P_l)] likewise, behind the patches;    F_l is a linear layer

Vectors of the text are trained, and those of the image tower are computed from them, so that both towers
move together. Its authors train on still images; here it is trained on videos, whose frames' features are
averaged.
"""

from collections.abc import Sequence

import torch
from torch import nn

from m2clip.models.method import Group, Labels, Method, Setup, Video
from m2clip.models.parts.context import STD, Context
from m2clip.models.parts.layers import seeded
from m2clip.models.prompts import Prompts
from m2clip.seeds import number


class MaPLe(Method):
    """Two frozen towers with coupled prompts in their first J layers."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        count, seed = setup.options.context, setup.seed
        text, image, depth = self.text.width, self.image.width, setup.options.depth
        self.context = Context(self.text, setup.prompts[0], count, seed, words=True)

        def vectors() -> nn.Parameter:
            return nn.Parameter(STD * torch.randn(count, text))

        self.deep = nn.ParameterList(
            seeded(number(seed, "deep", layer), vectors) for layer in range(1, depth)
        )
        self.coupling = nn.ModuleList(
            seeded(number(seed, "coupling", layer), lambda: nn.Linear(text, image)) for layer in range(depth)
        )

    def video(self, frames: torch.Tensor) -> Video:
        """Coupled prompts follow the patches; each of the first J blocks gets new ones."""
        tokens = self.image.embed(frames)
        length = tokens.shape[2]
        for layer, block in enumerate(self.image.blocks):
            if layer < len(self.coupling):
                words = self.context.vectors if layer == 0 else self.deep[layer - 1]
                prompts = self.coupling[layer](words).expand(*tokens.shape[:2], -1, -1)
                tokens = torch.cat([tokens[:, :, :length], prompts.to(tokens.dtype)], dim=2)
            tokens = block(tokens)
        classes = tokens[:, :, 0]
        projected = self.image.project(classes)
        return Video(projected, projected.mean(dim=1), self.image.normed(classes.mean(dim=1)))

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Labels:
        """Prompts follow the start token; each of the first J blocks gets new ones."""
        ids = prompts[0].ids.to(self.device)
        tokens = self.context(self.text.embed(ids)) + self.text.positional_embedding[: ids.shape[1]]
        for layer, block in enumerate(self.text.blocks):
            if 0 < layer < len(self.coupling):
                words = self.deep[layer - 1]
                tokens = torch.cat(
                    [tokens[:, :1], words.expand(len(ids), -1, -1), tokens[:, 1 + len(words) :]], dim=1
                )
            tokens = block(tokens, mask=self.text.mask(ids.shape[1]))
        return Labels(self.text.pool(tokens, ids))

    def groups(self) -> dict[str, Group]:
        """Vectors, and the layers that couple them."""
        return {"context": Group([self.context, self.deep]), "coupling": Group([self.coupling])}


METHOD = MaPLe
