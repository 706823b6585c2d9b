"""FROSTER (Huang et al., ICLR 2024): CLIP is tuned whole, with the frozen CLIP as a teacher of both towers.

    L = CE + 2 (L_video + L_text)
    L_x = mean of 1 - cos(f + 0.1 P(f), f of the teacher)       residual feature distillation
    P(f) = W_2 GELU(W_1 f),  W_2 = 0 at the start               f of unit length; a projector for each tower

The projectors absorb what training on videos changes, so that the features themselves need not equal the
teacher's; they are left out in testing. L_video is the mean over the frames of all videos, L_text that over
all labels. The image tower is Open-VCLIP's, which sees three frames, without its loss at interpolated
weights; the teacher sees one. A score is the mean over frames of cos(v_t, w) / tau, and tau is trained.

A label is read in sentences and bare. As in the released code one sentence, drawn at each step, stands for
the 28 in training. The authors' labels were rephrased by a language model; their licence keeps these texts
out of here, and labels are read as the dataset has them. The mean of the weights over epochs is
`train.average`, in the recipe.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.clip import ImageTower, TextTower
from m2clip.models.method import Group, Method, Setup, mean_of_templates, similarity
from m2clip.models.parts.layers import seeded
from m2clip.models.parts.neighbours import NeighbourBlock
from m2clip.models.prompts import Prompts
from m2clip.models.step import Step
from m2clip.seeds import number


class Frames(NamedTuple):
    """v_t (B, T, E), and in training the teacher's."""

    frames: Tensor
    teacher: Tensor | None


class Texts(NamedTuple):
    """w (C, E), and in training the teacher's, of the same sentences."""

    features: Tensor
    teacher: Tensor | None


class Residual(nn.Module):
    """f + factor W_2 GELU(W_1 f), with f scaled to unit length; at the start that f itself."""

    def __init__(self, width: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.into, self.out = (nn.Linear(width, width, bias=False) for _ in range(2))
        nn.init.kaiming_normal_(self.into.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(..., E) -> (..., E)."""
        features = F.normalize(features, dim=-1)
        return features + self.factor * self.out(F.gelu(self.into(features)))


class FROSTER(Method):
    """Both towers, tuned; a frozen copy of both; a projector for each."""

    def __init__(self, setup: Setup) -> None:
        frozen = copy.deepcopy(setup.clip) if setup.options.distillation else None
        super().__init__(setup, image=lambda layer, block: NeighbourBlock(block))
        self.log_scale = nn.Parameter(torch.tensor(-math.log(setup.temperature)))
        towers = {"image": ImageTower(frozen.visual), "text": TextTower(frozen)} if frozen else {}
        self.teacher = nn.ModuleDict(towers)

        def projector(tower: str) -> nn.Module:
            width, factor = self.image.joint, setup.options.residual
            return seeded(number(setup.seed, "projector", tower), lambda: Residual(width, factor))

        self.projectors = nn.ModuleDict({tower: projector(tower) for tower in towers})

    @property
    def taught(self) -> bool:
        """Whether the teacher's features are computed too: only in training steps."""
        return self.training and torch.is_grad_enabled() and len(self.teacher) > 0

    def video(self, frames: Tensor) -> Frames:
        """Frame features of the tuned tower, and in training of the teacher."""
        found = frame_features(self.image, frames)
        if not self.taught:
            return Frames(found, None)
        with torch.no_grad():
            return Frames(found, frame_features(self.teacher["image"], frames))

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Texts:
        """All sentences in testing; in training one that is drawn, and the bare label."""
        if self.training and torch.is_grad_enabled():
            drawn = int(torch.randint(len(prompts) - 1, ()))  # the same in all shards of a step
            prompts = (prompts[drawn], prompts[-1])
        ids = [each.ids.to(self.device) for each in prompts]
        found = mean_of_templates([self.text(each) for each in ids])
        if not self.taught:
            return Texts(found, None)
        with torch.no_grad():
            return Texts(found, mean_of_templates([self.teacher["text"](each) for each in ids]))

    def compare(self, video: Frames, labels: Texts) -> dict[str, Tensor]:
        """The mean of the frames' scores."""
        logits = similarity(video.frames, labels.features, torch.exp(-self.log_scale))
        return {"eq11": logits.mean(dim=1)}

    def losses(self, video: Frames, labels: Texts, step: Step) -> dict[str, Tensor]:
        """CE, L_video and L_text."""
        found = {"contrastive": step.cross_entropy(self.compare(video, labels)["eq11"])}
        if video.teacher is not None and labels.teacher is not None:
            of_videos = self.distance("image", video.frames, video.teacher).mean(dim=1)
            of_labels = self.distance("text", labels.features, labels.teacher).mean()
            found["video"] = step.mean(of_videos)
            found["text"] = step.mean(of_labels.expand(len(of_videos)))  # the same for each video
        return found

    def distance(self, tower: str, features: Tensor, teacher: Tensor) -> Tensor:
        """1 - cos of features (..., E) after their projector and the teacher's (..., E), (...)."""
        projected = self.projectors[tower](features)
        exact = self.log_scale.dtype  # not that of autocast, which is too coarse for 1 - cos
        return 1 - F.cosine_similarity(projected.to(exact), teacher.to(exact), dim=-1)

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """CE + distillation (L_video + L_text)."""
        taught = [loss for name, loss in losses.items() if name != "contrastive"]
        return torch.stack(
            [losses["contrastive"], *(self.options.distillation * loss for loss in taught)]
        ).sum()

    def groups(self) -> dict[str, Group]:
        """All but the teacher."""
        return {
            "image": Group([self.image]),
            "text": Group([self.text]),
            "temperature": Group([self.log_scale]),
            "projectors": Group([self.projectors]),
            "teacher": Group([self.teacher], lr=0),
        }


def frame_features(image: Any, frames: Tensor) -> Tensor:
    """v_t: (B, T, 3, H, W) -> (B, T, E)."""
    features: Tensor = image.project(image(image.embed(frames))[:, :, 0])
    return features


METHOD = FROSTER
