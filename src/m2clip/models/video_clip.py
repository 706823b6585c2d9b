"""M2-CLIP whole: two adapted towers and the multi-task decoder.

    video (B, T, 3, H, W) -> image tower -> v_t (B, T, E) -> mean over T -> v (B, E)     Eq. 1-3
    labels                -> text tower  -> w   (C, E)                                   Eq. 4-5
    v, w                  -> contrastive, CMC, CMLM, VC                                  Eq. 10-12

A method (`methods/`) says what sits in the towers' blocks; heads and towers are the same for all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from m2clip.config import Run
from m2clip.models.adapters import TemporalConvolution, seeded
from m2clip.models.clip import AdaptedBlock, ImageTower, TextTower
from m2clip.models.heads import (
    CMLM,
    VC,
    cmc_loss,
    contrastive_loss,
    mask_words,
    part_of_mean,
    similarity,
)
from m2clip.models.prompts import Prompts
from m2clip.options import m2clip, st_adapter
from m2clip.seeds import number


@dataclass(frozen=True)
class VideoFeatures:
    """What the image tower says of a batch: v_t (B, T, E), v (B, E), and what is not projected (B, D).

    `width` is the mean of the frames' class tokens, then normed, as the released code does it.
    """

    frames: Tensor
    joint: Tensor
    width: Tensor


class Share(NamedTuple):
    """Which videos of a step's batch one call computes, where processes share it or gradients accumulate."""

    rows: slice  # of the batch: the videos of the call
    part: slice  # of the batch: what all processes compute now, and the contrastive head compares
    processes: int
    gather: Callable[[Tensor], Tensor]  # (n, E) of the rows -> (N, E) of the part, with gradients


def decoder_of(config: Run) -> m2clip.Decoder:
    """The heads of a config, whatever its method, with the weights that M2-CLIP gives them."""
    options = config.options
    if isinstance(options, m2clip.Options):
        return options.decoder
    if isinstance(options, st_adapter.Options):
        return m2clip.Decoder(heads=options.heads, vc_feature=options.feature)
    return m2clip.Decoder(heads=options.heads)


class VideoCLIP(nn.Module):
    """A CLIP adapted to video, with the heads of the config."""

    temperature: Tensor

    def __init__(
        self, image: ImageTower, text: TextTower, prompts: Prompts, config: Run, temperature: float, seed: int
    ) -> None:
        super().__init__()
        self.image, self.text, self.prompts, self.config = image, text, prompts, decoder_of(config)
        self.heads, self.precision = config.options.heads, config.train.precision
        self.register_buffer("temperature", torch.tensor(temperature), persistent=False)
        width, joint = image.width, image.joint
        classes, decoder = len(prompts.ids), self.config
        self.after = self.cmlm = self.vc = None
        if decoder.temporal_convolution:
            self.after = seeded(number(seed, "after"), lambda: TemporalConvolution(joint))
        if "cmlm" in self.heads:
            block = cast(AdaptedBlock, text.blocks[-1]).block
            words, options = len(prompts.vocabulary), config.options
            assert isinstance(options, m2clip.Options)
            self.cmlm = seeded(
                number(seed, "cmlm"), lambda: CMLM(block, text.width, words, options.adapters.text)
            )
        if "vc" in self.heads:
            features = width if decoder.vc_feature == "width" else joint
            self.vc = seeded(
                number(seed, "vc"),
                lambda: VC(features, classes, decoder.vc_dropout, decoder.vc_initialisation),
            )
        self._trunk: Tensor | None = None

    @property
    def reads_text(self) -> bool:
        """Whether videos are compared with texts, without which there is no zero-shot."""
        return "contrastive" in self.heads or "cmc" in self.heads

    def encode_video(self, video: Tensor) -> VideoFeatures:
        """(B, T, 3, H, W), normalised -> features of the video, Eq. 1-3."""
        tokens, frames = self.image(video)
        if self.after is not None:
            frames = self.after(frames)
        return VideoFeatures(frames, frames.mean(dim=1), self.image.normed(tokens.mean(dim=1)))

    def encode_labels(self, prompts: Prompts | None = None, *, adapted: bool = True) -> Tensor:
        """Text features w (C, E), Eq. 4-5: of the labels trained on, or of others for zero-shot.

        With `adapted` false the text adapters are left out, and the features are CLIP's own.
        """
        if prompts is not None or not adapted:
            ids = (prompts or self.prompts).ids.to(self.temperature.device)
            return self.text(ids) if adapted else self.text.bare(ids)
        ids = self.prompts.ids.to(self.temperature.device)
        if self._trunk is None:  # frozen, and the prompts never change: computed once
            with torch.no_grad():
                self._trunk = self.text.trunk(ids)
        return self.text.pool(self.text.tokens(self._trunk), ids)

    def losses(
        self, video: Tensor, class_ids: Tensor, random: np.random.Generator, share: Share | None = None
    ) -> dict[str, Tensor]:
        """The loss of each head, unweighted; of a share, what it adds to the loss of the batch.

        The shares of a batch add up to the loss of the whole, whatever their number, but for the
        contrastive head: a video is compared with those of its part, over all processes. Fewer are to be
        told apart where gradients accumulate.

        Args:
            video: (n, T, 3, H, W), normalised; n is N where nothing is shared. Of a share without
                rows any video, which adds nothing but gradients of zero.
            class_ids: (N,), of the whole batch.
            random: decides which words CMLM masks.
            share: which of the batch `video` is; None: all.
        """
        N = len(class_ids)
        share = share or Share(slice(0, N), slice(0, N), 1, lambda own: own)
        features = self.encode_video(video)
        if share.rows.stop == share.rows.start:
            features = VideoFeatures(features.frames[:0], features.joint[:0], features.width[:0])
        losses = {}
        if self.reads_text:
            part = class_ids[share.part]
            logits = similarity(share.gather(features.joint), self.encode_labels(), self.temperature)
            weight = len(part) / N / share.processes  # every process computes the whole part
            if "contrastive" in self.heads:
                losses["contrastive"] = weight * contrastive_loss(
                    logits[:, part], part, self.config.contrastive_target
                )
            if "cmc" in self.heads:
                losses["cmc"] = cmc_loss(logits, part, self.config.cmc_logits) * weight
        if self.cmlm is not None:
            ids, words = mask_words(self.prompts, class_ids, self.config, random)
            masked = int((words >= 0).sum())
            ids, words = ids[share.rows].to(video.device), words[share.rows].to(video.device)
            with torch.no_grad():
                trunk = self.text.trunk(ids)
            scores = self.cmlm(self.text.tokens(trunk), features.frames)
            losses["cmlm"] = part_of_mean(scores.flatten(0, 1), words.flatten(), masked)
        if self.vc is not None:
            scores = self.vc(self._classified(features), N, share.rows)
            losses["vc"] = part_of_mean(scores, class_ids[share.rows], N)
        return losses

    def forward(
        self, video: Tensor, class_ids: Tensor, random: np.random.Generator, share: Share
    ) -> dict[str, Tensor]:
        """`losses`, by the name under which DDP and autocast know it."""
        return self.losses(video, class_ids, random, share)

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the heads' losses."""
        return torch.stack([getattr(self.config.weights, head) * loss for head, loss in losses.items()]).sum()

    def classify(self, features: VideoFeatures) -> Tensor:
        """VC's logits (B, C)."""
        assert self.vc is not None
        return self.vc(self._classified(features))

    def _classified(self, features: VideoFeatures) -> Tensor:
        return features.width if self.config.vc_feature == "width" else features.joint

    def logits(self, features: VideoFeatures, labels: Tensor) -> dict[str, Tensor]:
        """Logits (B, C) by origin: `eq11` against label features (C, E), `vc` where there is that head.

        The supervised prediction is `vc` where present, else `eq11`; zero-shot is always `eq11`.
        """
        logits = {}
        if self.reads_text:
            logits["eq11"] = similarity(features.joint, labels, self.temperature)
        if self.vc is not None:
            logits["vc"] = self.classify(features)
        return logits

    def trainable(self) -> dict[str, nn.Parameter]:
        """Adapters and heads by name: all that is trained, and all that is saved."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}
