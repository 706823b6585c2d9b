"""ST-Adapter (Pan et al., NeurIPS 2022): one depthwise 3D convolution in a bottleneck, on patch tokens.

    z <- z + Conv3D(z W_dn) W_up     kernel 3x1x1, no activation, the class token untouched

The M2-CLIP paper's Fig. 2a has it before the FFN with a classifier alone, and with CLIP's frozen text tower;
there it is trained with the contrastive head of M2-CLIP (Eq. 10), so that the two differ by their adapters.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.models.adapters import depthwise, projection
from m2clip.models.heads import contrastive_loss
from m2clip.models.method import Group, Labels, Method, Setup, Video, similarity
from m2clip.models.parts.layers import LinearHead, seeded
from m2clip.models.parts.sites import adapters_in, at_sites
from m2clip.models.step import Step
from m2clip.options.base import adapted_layers
from m2clip.seeds import number

CONTRASTIVE_WEIGHT = 0.5  # of M2-CLIP's contrastive loss


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


class STAdapterCLIP(Method):
    """The frozen image tower with an adapter at its sites, and a classifier or the frozen text tower."""

    def __init__(self, setup: Setup) -> None:
        options, width = setup.options, setup.image_width

        def adapter(layer: int, site: str) -> nn.Module:
            bottleneck = round(width * options.bottleneck)
            return seeded(number(setup.seed, "st", layer, site), lambda: STAdapter(width, bottleneck))

        layers = adapted_layers(options.layers, setup.image_layers)
        super().__init__(setup, image=at_sites(layers, options.site, adapter))
        self.vc = None
        if options.head == "classifier":
            features = width if options.feature == "width" else self.image.joint
            self.vc = seeded(number(setup.seed, "vc"), lambda: LinearHead(features, setup.classes))

    def classify(self, video: Video) -> dict[str, Tensor]:
        """The classifier's logits, if there is one."""
        return {"vc": self.vc(getattr(video, self.options.feature))} if self.vc else {}

    def losses(self, video: Video, labels: Labels | None, step: Step) -> dict[str, Tensor]:
        """Cross-entropy of the classifier, or Eq. 10."""
        if self.vc:
            return super().losses(video, labels, step)
        assert labels is not None
        class_ids = step.microbatch_class_ids
        logits = similarity(step.gather(video.joint), labels.features, self.temperature)
        return {"contrastive": step.of_microbatch(contrastive_loss(logits[:, class_ids], class_ids))}

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """The one loss, with M2-CLIP's weight of it."""
        weight = 1.0 if self.vc else CONTRASTIVE_WEIGHT
        return torch.stack([weight * loss for loss in losses.values()]).sum()

    def groups(self) -> dict[str, Group]:
        """Adapters and classifier."""
        return {"adapters": Group(adapters_in(self.image)), "vc": Group([self.vc] if self.vc else [])}


METHOD = STAdapterCLIP
