"""Open-VCLIP (Weng et al., ICML 2023): CLIP's image tower is tuned and its weights interpolated with CLIP's.

    keys, values of frame t = those of frames t - 1, t, t + 1     temporal attention, no new weight
    L = CE(theta) + beta CE(a theta_0 + (1 - a) theta)            interpolated weights, a from 0 to 0.6
    theta <- mean of theta over epochs, then half-way to theta_0  after training

theta_0 are CLIP's weights of the image tower; the text tower is frozen. The second loss trains all models on
the line between the tuned weights and CLIP's, since a model on that line is what is used in the end. A score
is the mean over frames of cos(v_t, w) / tau, where w is the mean over 28 sentences.

Where the paper leaves it open this follows the released code: the gradient of the second loss is added as it
is at its own weights (the chain rule would multiply it by 1 - a), and keys and values before the first and
after the last frame are zeros. The mean over epochs is `train.average`, in the recipe.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from m2clip.models.clip import ImageTower
from m2clip.models.method import Group, Labels, Method, Setup, similarity
from m2clip.models.parts.neighbours import NeighbourBlock
from m2clip.models.step import Step


class Frames(NamedTuple):
    """v_t (B, T, E); between: in training the same computed with interpolated weights, else None."""

    frames: Tensor
    between: Tensor | None


class FrameFeatures(nn.Module):
    """The image tower as one function, which can be computed with other weights."""

    def __init__(self, image: ImageTower) -> None:
        super().__init__()
        self.image = image

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> (B, T, E)."""
        return self.image.project(self.image(self.image.embed(frames))[:, :, 0])


class OpenVCLIP(Method):
    """The tuned image tower, whose blocks see three frames, and the frozen text tower."""

    recomputable = False  # the weights in between are no longer there in the backward pass

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup, image=lambda layer, block: NeighbourBlock(block))
        self._clip: dict[str, Tensor] = {}

    def video(self, frames: Tensor) -> Frames:
        """With the present weights; in training also with weights between them and CLIP's."""
        features = FrameFeatures(self.image)
        found = features(frames)
        if not self.training or not self.options.beta:
            return Frames(found, None)
        a = self.options.furthest * torch.rand(()).item()  # the same in all shards of a step
        between = {
            name: weight + a * (clip - weight).detach() for name, (clip, weight) in self.line().items()
        }
        return Frames(found, functional_call(features, between, (frames,)))

    def line(self) -> dict[str, tuple[Tensor, nn.Parameter]]:
        """For each weight of the image tower its value in CLIP and the present one: the ends of the line."""
        weights = dict(FrameFeatures(self.image).named_parameters())
        for name, weight in weights.items():
            if name not in self._clip or self._clip[name].device != weight.device:
                self._clip[name] = self.backbone[name].to(weight)  # once: it is as large as the tower
        return {name: (self._clip[name], weight) for name, weight in weights.items()}

    def compare(self, video: Frames, labels: Labels) -> dict[str, Tensor]:
        """The mean of the frames' scores."""
        return {"eq11": self.scores(video.frames, labels)}

    def scores(self, frames: Tensor, labels: Labels) -> Tensor:
        """(B, T, E) -> (B, C)."""
        return similarity(frames, labels.features, self.temperature).mean(dim=1)

    def losses(self, video: Frames, labels: Labels, step: Step) -> dict[str, Tensor]:
        """Cross-entropy with the present weights, and with the interpolated ones."""
        found = {"contrastive": step.cross_entropy(self.scores(video.frames, labels))}
        if video.between is not None:
            found["interpolated"] = step.cross_entropy(self.scores(video.between, labels))
        return found

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """CE(theta) + beta CE(a theta_0 + (1 - a) theta)."""
        return losses["contrastive"] + self.options.beta * losses.get("interpolated", 0.0)

    def groups(self) -> dict[str, Group]:
        """The image tower."""
        return {"image": Group([self.image])}

    @torch.no_grad()
    def finish(self) -> None:
        """Move the weights back to CLIP's by `options.back` of the way."""
        for clip, weight in self.line().values():
            weight.lerp_(clip, self.options.back)


METHOD = OpenVCLIP
