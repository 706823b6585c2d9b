"""M2-CLIP (Wang et al., AAAI 2024): TED-Adapters, text adapters, and a decoder of four heads.

    z <- z + TE(z) + TD(z)         before MHSA or FFN of the frozen image tower          Eq. 6-8
    z <- z + GELU(z W_dn) W_up     in the last blocks of the frozen text tower           Eq. 9
    L = sum of weight x loss over contrastive, cmc, cmlm and vc                          Eq. 10-12

Where the paper leaves a choice, or its released code does otherwise, `options/m2clip.py` has a field for it.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.adapters import TemporalConvolution, TextAdapter, ted_adapter
from m2clip.models.heads import CMLM, cmc_loss, contrastive_loss, mask_words, word_vocabulary
from m2clip.models.method import Group, Labels, Method, Setup, Video, mean_of_templates, similarity
from m2clip.models.parts.layers import LinearHead, seeded
from m2clip.models.parts.sites import adapters_in, at_sites, switched_off
from m2clip.models.prompts import Prompts
from m2clip.models.step import Step
from m2clip.options.base import adapted_layers, text_layers
from m2clip.seeds import number


class M2CLIP(Method):
    """The whole model."""

    after: Any  # the released code's temporal convolution, or None
    cmlm: Any  # the head, or None
    vc: Any  # the head, or None

    def __init__(self, setup: Setup) -> None:
        """Put the adapters into the towers and add the heads."""
        visual, text = setup.options.adapters.visual, setup.options.adapters.text
        decoder, seed = setup.options.decoder, setup.seed
        width, grid, text_width = setup.image_width, setup.clip.visual.grid_size, setup.clip.transformer.width

        def ted(layer: int, site: str) -> nn.Module:
            return seeded(number(seed, "ted", layer, site), lambda: ted_adapter(visual, width, grid))

        def text_adapter(layer: int, site: str) -> nn.Module:
            where = () if site == "mlp" else (site,)  # the paper's site has the shorter key
            return seeded(number(seed, "text", layer, *where), lambda: TextAdapter(text_width, text))

        depth = setup.text_layers
        last = range(depth - text_layers(text.layers, depth) + 1, depth + 1)
        super().__init__(
            setup,
            image=at_sites(adapted_layers(visual.layers, setup.image_layers), visual.site, ted),
            text=at_sites(last, text.site, text_adapter),
        )
        self.after = self.cmlm = self.vc = None
        joint = self.image.joint
        if decoder.temporal_convolution:
            self.after = seeded(number(seed, "after"), lambda: TemporalConvolution(joint))
        if "cmlm" in decoder.heads:
            self.vocabulary = word_vocabulary(self.prompts[0], decoder.mask_words)
            block, words = self.text.blocks[-1].block, len(self.vocabulary)
            self.cmlm = seeded(number(seed, "cmlm"), lambda: CMLM(block, text_width, words, text))
        if "vc" in decoder.heads:
            features = width if decoder.vc_feature == "width" else joint
            std = 0.02 if decoder.vc_initialisation == "normal" else None
            self.vc = seeded(
                number(seed, "vc"), lambda: LinearHead(features, setup.classes, decoder.vc_dropout, std)
            )

    def video(self, frames: Tensor) -> Video:
        """v_t and v of Eq. 3, after the released code's temporal convolution where there is one."""
        found: Video = super().video(frames)
        if self.after is None:
            return found
        moved = self.after(found.frames)
        return Video(moved, moved.mean(dim=1), found.width)

    def bare_labels(self, prompts: Sequence[Prompts]) -> Labels | None:
        """Labels as CLIP reads them, the text adapters switched off."""
        adapters = adapters_in(self.text)
        if not adapters:
            return None
        with switched_off(adapters):  # `encode` is not cached; the cache may hold outputs of frozen adapters
            ids = [each.ids.to(self.device) for each in prompts]
            return Labels(mean_of_templates([self.text.encode(self.text.embed(i), i) for i in ids]))

    def classify(self, video: Video) -> dict[str, Tensor]:
        """VC's logits."""
        if self.vc is None:
            return {}
        return {"vc": self.vc(getattr(video, self.options.decoder.vc_feature))}

    def losses(self, video: Video, labels: Labels, step: Step) -> dict[str, Tensor]:
        """The loss of every head, in the order of the paper."""
        decoder, losses = self.options.decoder, {}
        if {"contrastive", "cmc"} & set(decoder.heads):
            class_ids = step.microbatch_class_ids
            logits = similarity(step.gather(video.joint), labels.features, self.temperature)
            if "contrastive" in decoder.heads:
                loss = contrastive_loss(logits[:, class_ids], class_ids, decoder.contrastive_target)
                losses["contrastive"] = step.of_microbatch(loss)
            if "cmc" in decoder.heads:
                losses["cmc"] = step.of_microbatch(cmc_loss(logits, class_ids, decoder.cmc_logits))
        if self.cmlm is not None:
            losses["cmlm"] = self._cmlm_loss(video.frames, step)
        return losses | {name: step.cross_entropy(logits) for name, logits in self.classify(video).items()}

    def _cmlm_loss(self, frames: Tensor, step: Step) -> Tensor:
        """Eq. 12 on the shard's videos; words are masked, and counted, for the whole batch."""
        ids, words = mask_words(
            self.prompts[0], self.vocabulary, step.batch_class_ids, self.options.decoder, step.random
        )
        masked = int((words >= 0).sum())
        ids, words = ids[step.shard].to(frames.device), words[step.shard].to(frames.device)
        scores = self.cmlm(self.text.tokens(ids, cache=False), frames)
        return F.cross_entropy(scores.flatten(0, 1), words.flatten(), reduction="sum") / masked

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the heads' losses."""
        weights = self.options.decoder.weights
        return torch.stack([getattr(weights, head) * loss for head, loss in losses.items()]).sum()

    def groups(self) -> dict[str, Group]:
        """Both halves of the TED-Adapters, the text adapters at a rate of their own, and the heads."""
        teds, text_lr = adapters_in(self.image), self.options.adapters.text.lr
        enhancement = Group([ted.enhancement for ted in teds if ted.enhancement])
        shared = {id(p) for p in enhancement.parameters()}  # where Eq. 6 and 7 have one pair of projections
        differences = [p for ted in teds if ted.difference for p in ted.difference.parameters()]
        cmlm = self.cmlm
        return {
            "temporal_enhancement": enhancement,
            "temporal_difference": Group([p for p in differences if id(p) not in shared]),
            "text_adapters": Group(adapters_in(self.text), lr=text_lr),
            "cmlm_adapter": Group([cmlm.adapter] if cmlm else [], lr=text_lr),
            "word_head": Group([cmlm.head] if cmlm else []),
            "vc": Group([self.vc] if self.vc else []),
            "temporal_convolution": Group([self.after] if self.after else []),
        }


METHOD = M2CLIP
