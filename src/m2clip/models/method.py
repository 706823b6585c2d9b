"""What a method is: how CLIP sees a video, what it compares it with, how it learns, and what is trained.

    frames (B, T, 3, H, W) -> video()    -> Video   a NamedTuple of tensors whose first axis is B
    texts of C labels      -> labels()   -> Labels  a NamedTuple of tensors whose first axis is C
    Video                  -> classify() -> logits (B, C) of the labels trained on, by name
    Video, Labels          -> compare()  -> logits (B, C) of any labels, by name
    Video, Labels, Step    -> losses()   -> scalars by name, which total() weighs and adds up
                              groups()   -> what is trained, in named groups; all else is frozen

`Method` itself is CLIP with its frames averaged. A method is a subclass that overrides what it does
otherwise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.clip import ImageTower, TextTower, Wrap, plain
from m2clip.models.parts.drawing import shard_of_batch
from m2clip.models.prompts import Prompts
from m2clip.models.step import Step


def similarity(video: Tensor, text: Tensor, temperature: Tensor) -> Tensor:
    """cos(v, w) / tau, the logits of Eq. 10 and 11: (..., B, E), (..., C, E) -> (..., B, C).

    Never under autocast: bf16 has 8 significant bits, too few for cosines that are divided by tau = 0.01.
    """
    with torch.autocast("cuda" if video.is_cuda else "cpu", enabled=False):
        video, text = (F.normalize(side.to(temperature.dtype), dim=-1) for side in (video, text))
        return video @ text.mT / temperature


class Video(NamedTuple):
    """Features of a batch of videos.

    frames: v_t (B, T, E), projected class tokens. joint: v (B, E), their mean, Eq. 3. width: (B, D), class
    tokens averaged over frames, then through CLIP's last norm, not projected.
    """

    frames: Tensor
    joint: Tensor
    width: Tensor


class Labels(NamedTuple):
    """Features of labels: w (C, E). A method that needs more has a class of its own, with this field too."""

    features: Tensor


@dataclass(frozen=True)
class Group:
    """Parameters that are trained alike, and one line of the table of complexity.

    parts: modules and parameters; the buffers of these modules are saved with them. lr: factor on train.lr;
    with 0 they are frozen and not saved, since a fresh model of the same seed has them too. decay: weight
    decay in place of train.weight_decay.
    """

    parts: Sequence[nn.Module | nn.Parameter] = ()
    lr: float = 1.0
    decay: float | None = None

    def parameters(self) -> Iterator[nn.Parameter]:
        """All parameters of the parts; one that two parts have in common comes twice."""
        for part in self.parts:
            yield from (part,) if isinstance(part, nn.Parameter) else part.parameters()


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a method is built from.

    clip: open_clip's model, all frozen. options: the method's own. prompts: of the labels trained on, one for
    each template. frames: T in training. temperature: tau. seed: of new weights.
    """

    clip: Any
    options: Any
    prompts: tuple[Prompts, ...]
    frames: int
    temperature: float
    seed: int

    @property
    def classes(self) -> int:
        """C, the number of labels trained on."""
        return len(self.prompts[0].ids)

    @property
    def image_width(self) -> int:
        """D of the image tower."""
        return int(self.clip.visual.class_embedding.shape[-1])

    @property
    def image_layers(self) -> int:
        """Blocks of the image tower."""
        return len(self.clip.visual.transformer.resblocks)

    @property
    def text_layers(self) -> int:
        """Blocks of the text tower."""
        return len(self.clip.transformer.resblocks)


class Method(nn.Module):
    """CLIP with its frames averaged, untrained; and what every method does unless it overrides it."""

    temperature: Tensor
    recomputable = True  # a block may run again in the backward pass (`train.checkpointing`)

    def __init__(self, setup: Setup, image: Wrap = plain, text: Wrap = plain) -> None:
        """Split CLIP into its image tower and its text tower.

        Args:
            setup: what the model is built from.
            image: makes the blocks of the image tower.
            text: makes the blocks of the text tower.
        """
        super().__init__()
        self.options, self.prompts = setup.options, setup.prompts
        self.image, self.text = ImageTower(setup.clip.visual, image), TextTower(setup.clip, text)
        self.register_buffer("temperature", torch.tensor(setup.temperature), persistent=False)
        self.backbone: dict[str, Tensor] = {}  # CLIP's weights of what is tuned of it, by name, on the CPU

    def video(self, frames: Tensor) -> Any:
        """(B, T, 3, H, W), normalised -> Video."""
        classes = self.image(self.image.embed(frames))[:, :, 0]
        projected = self.image.project(classes)
        return Video(projected, projected.mean(dim=1), self.image.normed(classes.mean(dim=1)))

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Any:
        """Texts -> Labels; of several templates the mean of their unit features, as CLIP does it.

        Args:
            prompts: of the labels, one for each template.
            own: whether these are the labels trained on.
        """
        return Labels(mean_of_templates([self.text(each.ids.to(self.device)) for each in prompts]))

    def bare_labels(self, prompts: Sequence[Prompts]) -> Any:
        """`labels` by CLIP alone, without the text adapters; None where the method has no text adapters."""
        return None

    def classify(self, video: Any) -> dict[str, Tensor]:
        """Logits (B, C) of heads that know only the labels trained on."""
        return {}

    def compare(self, video: Any, labels: Any) -> dict[str, Tensor]:
        """Logits (B, C) against the texts of any labels, Eq. 11."""
        return {"eq11": similarity(video.joint, labels.features, self.temperature)}

    def losses(self, video: Any, labels: Any, step: Step) -> dict[str, Tensor]:
        """Losses by name, before their weights: each is what this shard adds to the mean over the batch.

        `labels` are those trained on, or None where the method reads no text.
        """
        logits = self.classify(video) or self.compare(video, labels)
        return {name: step.cross_entropy(values) for name, values in logits.items()}

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """The sum of the losses times their weights; here each weight is 1."""
        return torch.stack(list(losses.values())).sum()

    def groups(self) -> dict[str, Group]:
        """What is trained, by the names that the table of complexity shows; may hold empty groups."""
        return {}

    def finish(self) -> None:
        """Change the weights once, after the last step and before they are saved."""

    # What the harness calls; no method overrides it.

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.temperature.device

    @property
    def classes(self) -> int:
        """C, the number of labels trained on."""
        return len(self.prompts[0].ids)

    def forward(self, frames: Tensor, step: Step) -> dict[str, Tensor]:
        """The losses of a shard. This is `forward`, since that is what DDP and autocast wrap.

        CLIP cannot compute an empty batch, so an empty shard comes with one black video, whose features are
        dropped. Its gradients are zero; DDP waits for the gradients of every process.
        """
        with shard_of_batch(len(step.batch_class_ids), step.shard):
            video = self.video(frames)
            if not len(step.class_ids):
                video = type(video)(*(None if field is None else field[:0] for field in video))
            labels = self.labels(self.prompts) if self.options.reads_text else None
            return self.losses(video, labels, step)

    def logits(self, video: Any, labels: Any, own: bool = True) -> dict[str, Tensor]:
        """Logits (B, C) by name, `compare`'s before `classify`'s; the last is the prediction.

        Args:
            video: from `video`.
            labels: from `labels`; None: nothing is compared with texts.
            own: whether these are the labels trained on; else `classify` is left out.
        """
        compared = {} if labels is None else self.compare(video, labels)
        return compared | (self.classify(video) if own else {})

    def trainable(self) -> dict[str, nn.Parameter]:
        """All that is trained, by name, in the model's order."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def trained_buffers(self) -> dict[str, Tensor]:
        """State of trained modules that is no parameter, such as BatchNorm's running mean, by name."""
        parts = [part for group in self.groups().values() if group.lr for part in group.parts]
        inside = {id(module) for part in parts if isinstance(part, nn.Module) for module in part.modules()}
        return {
            f"{prefix}.{name}" if prefix else name: buffer
            for prefix, module in self.named_modules()
            if id(module) in inside
            for name, buffer in module.named_buffers(recurse=False)
            if name not in module._non_persistent_buffers_set
        }


def mean_of_templates(features: Sequence[Tensor]) -> Tensor:
    """One (C, E) for each template -> (C, E), the mean of unit features; a single one is kept as it is."""
    if len(features) == 1:
        return features[0]
    return torch.stack([F.normalize(each, dim=-1) for each in features]).mean(dim=0)
