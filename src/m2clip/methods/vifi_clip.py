"""ViFi-CLIP (Rasheed et al., CVPR 2023, Section 3.2): CLIP tuned whole on videos, with nothing new in it.

    v = mean over T of v_t,    L = cross-entropy of cos(v, w) / tau over all labels

Both towers and the temperature are trained. It is the control for every method that adds a module: what does
tuning CLIP itself give at the same cost in videos?
"""

import math

import torch
from torch import Tensor, nn

from m2clip.models.method import Group, Labels, Method, Setup, Video, similarity


class ViFiCLIP(Method):
    """CLIP with its frames averaged, all of it trained."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        # CLIP learns the logarithm of 1 / tau, which keeps the scale positive.
        self.log_scale = nn.Parameter(torch.tensor(-math.log(setup.temperature)))

    def compare(self, video: Video, labels: Labels) -> dict[str, Tensor]:
        """Eq. 11 of M2-CLIP, with a temperature that is trained."""
        return {"eq11": similarity(video.joint, labels.features, torch.exp(-self.log_scale))}

    def groups(self) -> dict[str, Group]:
        """The towers that are tuned, and the temperature."""
        tuned = self.options.tuned
        return {
            "image": Group([self.image] if tuned != "text" else []),
            "text": Group([self.text] if tuned != "image" else []),
            "temperature": Group([self.log_scale]),
        }


METHOD = ViFiCLIP
