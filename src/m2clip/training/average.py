"""The running mean of the trained weights over epochs (`train.average`), as Open-VCLIP and SWA have it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """The mean of a model's trained weights over all calls of `add`."""

    def __init__(self) -> None:
        self.count = 0
        self.means: dict[str, Tensor] = {}

    def add(self, trainable: Mapping[str, nn.Parameter]) -> None:
        """Take the weights as they are now into the mean."""
        self.count += 1
        for name, weight in trainable.items():
            now = weight.detach()
            if name in self.means:
                self.means[name] += (now - self.means[name]) / self.count
            else:
                self.means[name] = now.clone()

    @torch.no_grad()
    def copy_to(self, trainable: Mapping[str, nn.Parameter]) -> None:
        """Put the mean in place of the weights; nothing is done before the first `add`."""
        for name, mean in self.means.items():
            trainable[name].copy_(mean)

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"count": self.count, "means": self.means}

    def load(self, state: Mapping[str, object], device: torch.device) -> None:
        """Go on from a checkpoint."""
        means = state["means"]
        assert isinstance(means, dict)
        self.count = int(str(state["count"]))
        self.means = {name: mean.to(device) for name, mean in means.items()}


def ends_epoch(step: int, batch: int, videos: int, first: float, steps: int) -> bool:
    """Whether the weights after a step are taken into the mean.

    They are after the last step of each epoch, and of the training, once `first` of all steps are done.

    Args:
        step: 0 to steps - 1.
        batch: videos a step.
        videos: videos an epoch.
        first: share of the steps, from 0 to 1.
        steps: of the training.
    """
    if step + 1 < first * steps:
        return False
    return step + 1 == steps or (step + 1) * batch // videos > step * batch // videos
