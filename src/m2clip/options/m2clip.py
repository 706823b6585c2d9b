"""M2-CLIP: adapters in both towers (Eq. 6-9) and the multi-task decoder (Eq. 10-12).

Where a default is not what the released code does, the comment gives the released value;
experiments/audit.yaml says where both come from.
"""

from dataclasses import field
from math import inf
from typing import TYPE_CHECKING, ClassVar, Literal

from m2clip.errors import UserError, did_you_mean
from m2clip.fields import settings
from m2clip.options.base import Options as Base
from m2clip.options.base import adapted_layers, share, text_layers

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data

HEADS = ("contrastive", "cmc", "cmlm", "vc")
PREDICTING_HEADS = ("contrastive", "cmc", "vc")
READ_TEXT = ("contrastive", "cmc", "cmlm")  # heads that train text adapters


@settings
class VisualAdapter:
    """TED-Adapter, Eq. 6-8."""

    temporal_enhancement: bool = True
    temporal_difference: bool = True
    fusion: Literal["parallel", "sequential"] = "parallel"
    site: Literal["attention", "mlp", "both"] = "attention"  # released: mlp on K400, both on SSv2
    projections: Literal["separate", "shared"] = "separate"  # released: separate; Eq. 6-7 read: shared
    layers: Literal["all", "none", "front", "back"] | tuple[int, ...] = "all"  # counted from 1
    bottleneck: float = 0.5  # as a share of the width: 384 of 768

    def __post_init__(self) -> None:
        share("adapters.visual.bottleneck", self.bottleneck)
        if self.layers != "none" and not (self.temporal_enhancement or self.temporal_difference):
            raise UserError(
                "adapters.visual: temporal_enhancement and temporal_difference are both false; "
                "keep one, or set adapters.visual.layers to none"
            )


@settings
class TextAdapter:
    """Text adapter, Eq. 9."""

    site: Literal["attention", "mlp", "both"] = "mlp"  # released: mlp on K400, both on SSv2
    layers: int | Literal["all"] = 1  # the last n; released: 1 on K400, all on SSv2
    bottleneck: float = 0.75  # as a share of the width: 384 of 512
    initialisation: Literal["zero", "pytorch"] = "zero"  # of the up-projection; released: pytorch
    lr: float = 1.0  # factor on train.lr, for CMLM's adapter too; released: 0.5

    def __post_init__(self) -> None:
        share("adapters.text.bottleneck", self.bottleneck)
        if not 0 < self.lr < inf:
            raise UserError(f"adapters.text.lr: {self.lr} must be above 0 and finite")
        if isinstance(self.layers, int) and self.layers < 0:
            raise UserError(f"adapters.text.layers: {self.layers} must be 0 or more, or all")


@settings
class Adapters:
    """What is put into the towers."""

    visual: VisualAdapter = field(default_factory=VisualAdapter)
    text: TextAdapter = field(default_factory=TextAdapter)


@settings
class Weights:
    """Weights of the losses."""

    contrastive: float = 0.5
    cmc: float = 0.5
    cmlm: float = 0.1
    vc: float = 1.0

    def __post_init__(self) -> None:
        for head in HEADS:
            if not 0 < getattr(self, head) < inf:
                raise UserError(
                    f"decoder.weights.{head}: {getattr(self, head)} must be above 0 and finite; "
                    "to drop a head take it out of decoder.heads"
                )


@settings
class Decoder:
    """The multi-task decoder, Eq. 10-12."""

    heads: tuple[str, ...] = HEADS  # released: [contrastive, cmc, vc]: its cmlm never masks a word
    weights: Weights = field(default_factory=Weights)
    contrastive_target: Literal["share", "softmax"] = "share"  # released: softmax of 10 times the match
    cmc_logits: Literal["plain", "softmax"] = "plain"  # released: softmax, then cross-entropy of it
    mask_rate: float = 0.2  # share of the label's words that CMLM masks, at least one
    mask_words: Literal["label", "prompt"] = "label"  # released: prompt, its "a video of" included
    vc_feature: Literal["joint", "width"] = "joint"  # v of Eq. 3; released: width, before the projection
    vc_initialisation: Literal["pytorch", "normal"] = "pytorch"  # released: normal, of deviation 0.02
    vc_dropout: float = 0.0  # released: 0.5
    temporal_convolution: bool = False  # released: true, a residual one after the projection

    def __post_init__(self) -> None:
        for head in self.heads:
            if head not in HEADS:
                raise UserError(
                    f"decoder.heads: there is no head {head!r}{did_you_mean(head, HEADS)}; "
                    f"heads are {list(HEADS)}"
                )
        if len(set(self.heads)) < len(self.heads):
            raise UserError(f"decoder.heads: {list(self.heads)} names a head twice")
        if not set(self.heads) & set(PREDICTING_HEADS):
            raise UserError(
                f"decoder.heads: {list(self.heads)} cannot predict; add one of {list(PREDICTING_HEADS)}"
            )
        if not 0 < self.mask_rate <= 1:
            raise UserError(f"decoder.mask_rate: {self.mask_rate} must be above 0 and at most 1")
        if not 0 <= self.vc_dropout < 1:
            raise UserError(f"decoder.vc_dropout: {self.vc_dropout} must be from 0 to below 1")


@settings
class Options(Base):
    """What is put into the towers, and the heads that are trained."""

    soft_targets: ClassVar[bool] = False  # contrastive, cmc and cmlm are losses of class ids

    adapters: Adapters = field(default_factory=Adapters)
    decoder: Decoder = field(default_factory=Decoder)

    @property
    def heads(self) -> tuple[str, ...]:
        """Those of the decoder."""
        return self.decoder.heads

    @property
    def no_zero_shot(self) -> str:
        """Without contrastive and cmc nothing is compared with texts."""
        return "" if self.reads_text else f"decoder.heads: {list(self.heads)} of this run read no text"

    @property
    def skips_some(self) -> bool:
        """Text adapters get no gradient where no head reads text."""
        return not set(READ_TEXT) & set(self.heads)

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where adapters or heads do not fit the backbone."""
        adapted_layers(self.adapters.visual.layers, shape.image_layers)
        text_layers(self.adapters.text.layers, shape.text_layers)
        if self.adapters.text.layers != 0 and not set(READ_TEXT) & set(self.heads):
            raise UserError(
                f"adapters.text.layers: no head of {list(self.heads)} reads text, so nothing would train a "
                f"text adapter; set it to 0, or add one of {list(READ_TEXT)} to decoder.heads"
            )
        if "cmlm" in self.heads and shape.text_width != shape.joint:
            raise UserError(
                f"decoder.heads: cmlm needs a text tower as wide as the joint space, this backbone has "
                f"{shape.text_width} and {shape.joint}; leave cmlm out"
            )
