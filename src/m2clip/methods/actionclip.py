"""ActionCLIP (Wang et al., 2021): both towers of CLIP are trained, with a transformer over the frames.

    v = mean over T of (v_t + Transformer(v)_t)                      post-network prompt, Section 3.3
    L = KL of both directions of cos(v, w) / tau within the batch    Eq. 3; w of one of 16 sentences

In testing a label's probability is the mean of its softmax over all sentences.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.heads import contrastive_loss
from m2clip.models.method import Group, Method, Setup, Video, similarity
from m2clip.models.parts.layers import seeded
from m2clip.models.parts.over_frames import OverFrames
from m2clip.models.prompts import Prompts
from m2clip.models.step import Step
from m2clip.seeds import number


class Sentences(NamedTuple):
    """Labels in each of P sentences: their mean (C, E), for reports, and all of them (C, P, E)."""

    features: Tensor
    each: Tensor


class ActionCLIP(Method):
    """CLIP trained whole, with a transformer over its frames' features."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        layers = setup.options.layers
        self.over_frames = (
            seeded(number(setup.seed, "over_frames"), lambda: OverFrames(self.image.joint, layers))
            if layers
            else None
        )
        self.log_scale = nn.Parameter(-self.temperature.log())

    def video(self, frames: Tensor) -> Video:
        """The transformer attends over the frames; v is the mean of its outputs."""
        clip = super().video(frames)
        seen = self.over_frames(clip.frames) if self.over_frames else clip.frames
        return Video(seen, seen.mean(dim=1), clip.width)

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Sentences:
        """Features of all labels in all sentences; empty in a training step, where `losses` reads texts."""
        if self.training and torch.is_grad_enabled():
            empty = torch.empty(0, device=self.device)
            return Sentences(empty, empty)
        each = torch.stack([self.text(one.ids.to(self.device)) for one in prompts], dim=1)
        return Sentences(F.normalize(each, dim=-1).mean(dim=1), each)

    def compare(self, video: Video, labels: Sentences) -> dict[str, Tensor]:
        """The logarithm of the mean over sentences of the softmax over labels, (B, C)."""
        logits = similarity(video.joint, labels.each.transpose(0, 1), torch.exp(-self.log_scale))
        return {"eq11": logits.softmax(dim=-1).mean(dim=0).log()}

    def losses(self, video: Video, labels: Sentences | None, step: Step) -> dict[str, Tensor]:
        """The videos of a microbatch against their labels, each in one sentence drawn for its video."""
        class_ids = step.microbatch_class_ids
        drawn = step.random.integers(len(self.prompts), size=len(class_ids))
        texts = self._read(drawn.tolist(), class_ids)
        logits = similarity(step.gather(video.joint), texts, torch.exp(-self.log_scale))
        return {"contrastive": step.of_microbatch(contrastive_loss(logits, class_ids, "softmax"))}

    def _read(self, drawn: Sequence[int], class_ids: Tensor) -> Tensor:
        """Features of one sentence for each of N videos, (N, E)."""
        longest = max(one.ids.shape[1] for one in self.prompts)
        texts = [
            self.prompts[sentence].ids[label]
            for sentence, label in zip(drawn, class_ids.tolist(), strict=True)
        ]
        ids = torch.stack([F.pad(text, (0, longest - len(text))) for text in texts]).to(self.device)
        return self.text.pool(self.text.tokens(ids, cache=False), ids)

    def groups(self) -> dict[str, Group]:
        """Both towers, the temperature, and the transformer at a rate of its own."""
        text = [self.text.positional_embedding, self.text.blocks, self.text.ln_final]
        text += [self.text.text_projection] if self.text.text_projection is not None else []
        text += [self.text.token_embedding] if self.options.token_embedding else []
        new = [self.over_frames] if self.over_frames else []
        return {
            "image": Group([self.image]),
            "text": Group(text),
            "temperature": Group([self.log_scale]),
            "over_frames": Group(new, lr=self.options.new_lr),
        }


METHOD = ActionCLIP
