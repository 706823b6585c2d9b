"""CoCoOp (Zhou et al., CVPR 2022, Section 3.2): CoOp's learned words, shifted by what the video shows.

    v_n(x) = v_n + h(x),    h = two linear layers with a ReLU between them, from the video's feature

Every label is read anew for every video: B x C texts. Its authors train on still images, in batches of one;
here it is trained on videos, whose frames' features are averaged.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.method import Group, Method, Setup, Video, similarity
from m2clip.models.parts.context import Context
from m2clip.models.parts.layers import seeded
from m2clip.models.prompts import Prompts
from m2clip.seeds import number


class UnreadLabels(NamedTuple):
    """Labels whose texts no video has shifted yet.

    features: (C, E), as they are before the shift, for reports; ids: token ids (C, L).
    """

    features: Tensor
    ids: Tensor


class CoCoOp(Method):
    """CLIP with its frames averaged, and labels that depend on the video."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        count = len(setup.options.words.split())
        self.context = Context(self.text, setup.prompts[0], count, setup.seed, words=True)
        joint, hidden = self.image.joint, max(1, self.image.joint // setup.options.reduction)

        def shift() -> nn.Module:
            return nn.Sequential(nn.Linear(joint, hidden), nn.ReLU(), nn.Linear(hidden, self.text.width))

        self.shift = seeded(number(setup.seed, "shift"), shift)

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> UnreadLabels:
        """Token ids, and features without a shift."""
        ids = prompts[0].ids.to(self.device)
        return UnreadLabels(self.text.encode(self.context(self.text.embed(ids)), ids), ids)

    def compare(self, video: Video, labels: UnreadLabels) -> dict[str, Tensor]:
        """Each video against the labels as it shifts them: (B, E), (B, C, E) -> (B, C)."""
        shift = self.shift(F.normalize(video.joint, dim=-1))
        embedded = self.context(self.text.embed(labels.ids), shift)
        texts = self.text.encode(embedded, labels.ids.expand(len(shift), -1, -1))
        return {"eq11": similarity(video.joint[:, None], texts, self.temperature)[:, 0]}

    def groups(self) -> dict[str, Group]:
        """The words and the network that shifts them."""
        return {"context": Group([self.context]), "shift": Group([self.shift])}


METHOD = CoCoOp
