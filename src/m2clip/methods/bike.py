"""BIKE (Wu et al., CVPR 2023), its video branch: the words of a label say which frames count (Section 3.3).

    saliency of frame t = mean over words l of softmax over t of cos(w_l, h_t) / 0.01
    score of a label    = (sum over t of saliency_t h_t) . w
    L = KL of both directions within the batch, over the videos of all processes

The saliency has no parameters. The branch that writes attributes of a video as text is not here: it needs a
list of attributes and predictions of another model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.models.heads import contrastive_loss
from m2clip.models.method import Group, Method, Setup, Video
from m2clip.models.parts.layers import seeded
from m2clip.models.parts.over_frames import OverFrames
from m2clip.models.prompts import Prompts
from m2clip.models.step import Step
from m2clip.seeds import number


class Words(NamedTuple):
    """Of labels: the sentence w (C, E), and every token of it w_l (C, L, E), start and padding included."""

    features: Tensor
    words: Tensor


class BIKE(Method):
    """The image tower trained slowly, a transformer over its frames, saliency by the label's words."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        make = lambda: OverFrames(self.image.joint, setup.options.layers)  # noqa: E731
        self.over_frames = seeded(number(setup.seed, "over_frames"), make)
        self.log_scale = nn.Parameter(-self.temperature.log())

    def video(self, frames: Tensor) -> Video:
        """h_t, frame features after the transformer over frames; `joint` is their mean."""
        clip = super().video(frames)
        seen = self.over_frames(clip.frames)
        return Video(seen, seen.mean(dim=1), clip.width)

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Words:
        """Sentence and words of the frozen text tower."""
        ids = prompts[0].ids.to(self.device)
        tokens = self.text.tokens(ids)
        return Words(self.text.pool(tokens, ids), self.text.project(self.text.ln_final(tokens)))

    def compare(self, video: Video, labels: Words) -> dict[str, Tensor]:
        """Cosines of frames and a label's sentence, weighted over frames by the label's words: (B, C)."""
        return {"eq11": self._spot(video.frames, labels)}

    def losses(self, video: Video, labels: Words | None, step: Step) -> dict[str, Tensor]:
        """The videos of a microbatch against the labels of the same videos, both ways."""
        assert labels is not None
        class_ids = step.microbatch_class_ids
        logits = self._spot(step.gather(video.frames), Words(*(each[class_ids] for each in labels)))
        return {"contrastive": step.of_microbatch(contrastive_loss(logits, class_ids, "softmax"))}

    def _spot(self, frames: Tensor, labels: Words) -> Tensor:
        """Frames h (B, T, E), C labels -> scores of Section 3.3, (B, C); never under autocast."""
        with torch.autocast(frames.device.type if not frames.is_meta else "cpu", enabled=False):
            h, words, sentence = (
                F.normalize(x.to(self.temperature.dtype), dim=-1)
                for x in (frames, labels.words, labels.features)
            )
            match = rearrange(words, "C L E -> C 1 L E") @ rearrange(h, "B T E -> B E T")  # (C, B, L, T)
            saliency = (match / self.options.sharpness).softmax(dim=-1).mean(dim=2)  # (C, B, T)
            scores = torch.einsum("CE,BTE->CBT", sentence, h)
            return (saliency * scores).sum(dim=-1).T * self.log_scale.exp()

    def groups(self) -> dict[str, Group]:
        """The image tower and the temperature slowly, the transformer at the full rate."""
        slow = self.options.clip_lr
        return {
            "image": Group([self.image], lr=slow),
            "temperature": Group([self.log_scale], lr=slow),
            "over_frames": Group([self.over_frames]),
        }


METHOD = BIKE
