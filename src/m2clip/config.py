"""Typed configs: the paper's model as defaults, and one line that names the key for every mistake.

A run's config is the defaults below, then the profile, then its recipe for the dataset and for the row, then
the row (DESIGN, decision 1). Where a default is not what the released code does, the comment gives the
released value; experiments/audit.yaml says where both come from. Nothing here imports torch.
"""

import re
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from m2clip.errors import UserError, did_you_mean

HEADS = ("contrastive", "cmc", "cmlm", "vc")
PREDICTING_HEADS = ("contrastive", "cmc", "vc")
RANDAUGMENT = re.compile(r"rand(-(m\d+|n\d+|p0?\.\d+|mstd\d+(\.\d+)?|mmax\d+|inc[01]))+")


def _positive(section: Any, path: str, *keys: str) -> None:
    for key in keys:
        if not 0 < getattr(section, key) < inf:
            raise UserError(f"{path}.{key}: {getattr(section, key)} must be above 0 and finite")


def _share(section: Any, path: str, *keys: str) -> None:
    for key in keys:
        if not 0 < getattr(section, key) <= 1:
            raise UserError(
                f"{path}.{key}: {getattr(section, key)} is a share of the width, above 0 and at most 1"
            )


def _template(path: str, text: str) -> None:
    if text.count("{}") != 1:
        raise UserError(f'{path}: "{text}" must hold {{}} once, where the label goes')


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which videos, and which of their frames."""

    dataset: str = "k400"
    frames: int = 8
    sampling: Literal["segments", "dense"] = "segments"  # released: dense on K400
    stride: int = 16  # of dense sampling, in frames
    prompt: str = "a video of {}"  # released: A video of {}
    crop: Literal["short_side", "resized"] = "short_side"  # released: resized on SSv2
    scale: tuple[float, float] = (1.0, 1.0)  # jitter of short_side; released: [1, 1.15] on K400
    flip: bool = False  # released: true on K400
    randaugment: str | None = None  # released: rand-m7-n4-mstd0.5-inc1 on SSv2

    def __post_init__(self) -> None:
        _positive(self, "data", "frames", "stride")
        _template("data.prompt", self.prompt)
        if self.randaugment is not None and not RANDAUGMENT.fullmatch(self.randaugment):
            raise UserError(
                f'data.randaugment: "{self.randaugment}" is no policy; write one such as '
                "rand-m7-n4-mstd0.5-inc1, with m its magnitude and n its number of changes"
            )
        if not 1.0 <= self.scale[0] <= self.scale[1] < inf:
            raise UserError(f"data.scale: {list(self.scale)} must be two numbers, 1 <= smallest <= largest")


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """The frozen CLIP."""

    name: str = "ViT-B-16"
    pretrained: str = "openai"  # an open_clip tag or a file
    config: str | None = None  # a file with open_clip's model config, where open_clip does not know the name
    temperature: float | None = None  # tau of Eq. 10 and 11; null: CLIP's own

    def __post_init__(self) -> None:
        if self.temperature is not None:
            _positive(self, "backbone", "temperature")


@dataclass(frozen=True, kw_only=True)
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
        _share(self, "adapters.visual", "bottleneck")
        if self.layers != "none" and not (self.temporal_enhancement or self.temporal_difference):
            raise UserError(
                "adapters.visual: temporal_enhancement and temporal_difference are both false; "
                "keep one, or set adapters.visual.layers to none"
            )


@dataclass(frozen=True, kw_only=True)
class TextAdapter:
    """Text adapter, Eq. 9."""

    site: Literal["attention", "mlp", "both"] = "mlp"  # released: mlp on K400, both on SSv2
    layers: int | Literal["all"] = 1  # the last n; released: 1 on K400, all on SSv2
    bottleneck: float = 0.75  # as a share of the width: 384 of 512
    initialisation: Literal["zero", "pytorch"] = "zero"  # of the up-projection; released: pytorch

    def __post_init__(self) -> None:
        _share(self, "adapters.text", "bottleneck")
        if isinstance(self.layers, int) and self.layers < 0:
            raise UserError(f"adapters.text.layers: {self.layers} must be 0 or more, or all")


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """What is put into the towers."""

    visual: VisualAdapter = field(default_factory=VisualAdapter)
    text: TextAdapter = field(default_factory=TextAdapter)


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """The multi-task decoder, Eq. 10-12."""

    heads: tuple[str, ...] = HEADS  # released: [contrastive, cmc, vc]: its cmlm never masks a word
    weights: Weights = field(default_factory=Weights)
    contrastive_target: Literal["share", "softmax"] = "share"  # released: softmax of 10 times the match
    cmc_logits: Literal["plain", "softmax"] = "plain"  # released: softmax, then cross-entropy's own
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


@dataclass(frozen=True, kw_only=True)
class Train:
    """The recipe."""

    steps: int = 10_000
    epochs: float | None = None  # in place of steps, as the released code has 12 on K400 and 50 on SSv2
    batch: int = 64  # videos a step, of all processes and parts
    accumulate: int = 1  # parts of a batch that are computed one after another
    precision: Literal[32, "bf16"] = 32  # bf16: autocast; weights, losses and updates keep 32 bits
    lr: float = 1e-3
    lr_batch: int | None = None  # lr is for so many videos a step and grows with them, as released by 256
    text_lr: float = 1.0  # factor on lr for text adapters, CMLM's too; released: 0.5
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps
    warmup_epochs: float | None = None  # in place of warmup, as the released code has 2
    clip_gradient: float = 1.0
    workers: int = 4  # processes that decode
    checkpoint_every: int = 200  # steps
    log_every: int = 10  # steps

    def __post_init__(self) -> None:
        _positive(self, "train", "batch", "checkpoint_every", "log_every", "lr", "text_lr", "clip_gradient")
        _positive(
            self, "train", "accumulate", *(k for k in ("epochs", "lr_batch") if getattr(self, k) is not None)
        )
        if not 0 <= self.weight_decay < inf:
            raise UserError(f"train.weight_decay: {self.weight_decay} must be 0 or more and finite")
        if self.steps < 0 or self.workers < 0:
            raise UserError("train.steps and train.workers: must be 0 or more")
        if not 0 <= self.warmup < 1:
            raise UserError(f"train.warmup: {self.warmup} is a share of the steps, from 0 to below 1")
        if self.batch % self.accumulate:
            raise UserError(
                f"train.accumulate: train.batch {self.batch} has no {self.accumulate} equal parts"
            )
        if self.warmup_epochs is not None and not 0 <= self.warmup_epochs < (self.epochs or inf):
            raise UserError(
                f"train.warmup_epochs: {self.warmup_epochs:g} must be from 0 to below train.epochs"
            )


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """How predictions are made: views are crops x clips."""

    split: str = "test"
    crops: int = 1
    clips: int = 1
    batch: int = 32  # views at once
    zero_shot: tuple[str, ...] = ("ucf101", "hmdb51")
    templates: tuple[str, ...] = ()  # of zero-shot, text features averaged over them; empty: data.prompt

    def __post_init__(self) -> None:
        _positive(self, "evaluate", "clips", "batch")
        for template in self.templates:
            _template("evaluate.templates", template)
        if self.crops not in (1, 3, 4):
            raise UserError(
                f"evaluate.crops: {self.crops} must be 1 (centre), 3 (ends and centre) or 4 (as released)"
            )


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that decides a run but its seed and the content of its inputs."""

    method: str = "m2clip"
    data: Data = field(default_factory=Data)
    backbone: Backbone = field(default_factory=Backbone)
    adapters: Adapters = field(default_factory=Adapters)
    decoder: Decoder = field(default_factory=Decoder)
    train: Train = field(default_factory=Train)
    evaluate: Evaluate = field(default_factory=Evaluate)
