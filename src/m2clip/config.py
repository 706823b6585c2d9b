"""Typed configs: the paper's model as defaults, and one line that names the key for every mistake.

A run's config is the defaults below, then the profile, then its recipe for the dataset and for the row, then
the row. Where a default is not what the released code does, the comment gives the
released value; experiments/audit.yaml says where both come from. Nothing here imports torch.
"""

import re
from dataclasses import field
from math import inf
from typing import Annotated, Literal

from pydantic import Field

from m2clip.errors import UserError
from m2clip.fields import Count, Positive, ZeroOrMore, settings
from m2clip.options import Options, class_of, m2clip

RANDAUGMENT = re.compile(r"-(m|n|p|mstd|mmax|inc)(\d+(?:\.\d+)?|\.\d+)(?=-|$)")
LARGEST = {"m": 10, "n": 15, "p": 1, "mstd": 100, "mmax": 10, "inc": 1}  # of timm's RandAugment


def _is_policy(text: str) -> bool:
    """Whether timm's RandAugment takes the name of a policy: each number comes once and is in range."""
    found = RANDAUGMENT.findall(text)
    return (
        text == "rand" + "".join(f"-{name}{number}" for name, number in found)
        and 0 < len(found) == len({name for name, _ in found})
        and all(float(number) <= LARGEST[name] for name, number in found)
        and all(number.isdigit() and int(number) > 0 for name, number in found if name == "n")
    )


def _template(path: str, text: str) -> None:
    if text.count("{}") != 1:
        raise UserError(f'{path}: "{text}" must hold {{}} once, where the label goes')


@settings
class Data:
    """Which videos, and which of their frames."""

    dataset: str = "k400"
    frames: Annotated[int, Field(gt=0, le=1024)] = 8
    sampling: Literal["segments", "dense"] = "segments"  # released: dense on K400
    stride: Count = 16  # of dense sampling, in frames
    prompt: str = "a video of {}"  # released: A video of {}
    sentences: str | None = None  # a file: label -> what is read in its place, one sentence or several
    crop: Literal["short_side", "resized", "multi_scale"] = "short_side"  # released: resized on SSv2
    scale: tuple[float, float] = (1.0, 1.0)  # jitter of short_side; released: [1, 1.15] on K400
    flip: bool = False  # released: true on K400
    randaugment: str | None = None  # released: rand-m7-n4-mstd0.5-inc1 on SSv2
    jitter: float = 0.0  # share of the views whose colours are jittered
    grey: float = 0.0  # share of the views without colours
    erase: float = 0.0  # share of the views of which a rectangle is noise
    decoder: Literal["auto", "decord", "pyav"] = "auto"  # auto: decord where its frames are right, else PyAV

    def __post_init__(self) -> None:
        _template("data.prompt", self.prompt)
        if self.randaugment is not None and not _is_policy(self.randaugment):
            raise UserError(
                f'data.randaugment: "{self.randaugment}" is no policy; write one such as '
                "rand-m7-n4-mstd0.5-inc1, with m its magnitude up to 10 and n its number of changes up to 15"
            )
        for key in ("jitter", "grey", "erase"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"data.{key}: {getattr(self, key)} is a share of the views, from 0 to 1")
        if not 1.0 <= self.scale[0] <= self.scale[1] < inf:
            raise UserError(f"data.scale: {list(self.scale)} must be two numbers, 1 <= smallest <= largest")


@settings
class Backbone:
    """The frozen CLIP."""

    name: str = "ViT-B-16"
    pretrained: str = "openai"  # an open_clip tag or a file
    config: str | None = None  # a file with open_clip's model config, where open_clip does not know the name
    temperature: Positive | None = None  # tau of Eq. 10 and 11; null: CLIP's own


@settings
class Train:
    """The recipe."""

    steps: Annotated[int, Field(ge=0)] = 10_000
    epochs: Positive | None = None  # in place of steps, as the released code has 12 on K400 and 50 on SSv2
    batch: Count = 64  # videos a step, of all processes and parts
    accumulate: Count = 1  # parts of a batch that are computed one after another
    checkpointing: bool = (
        False  # compute the image tower's blocks again in the backward pass, for less memory
    )
    precision: Literal[32, "bf16"] = 32  # bf16: autocast; weights, losses and updates keep 32 bits
    lr: Positive = 1e-3
    lr_batch: Count | None = None  # lr is for so many videos a step and grows with them, as released by 256
    weight_decay: ZeroOrMore = 0.01
    warmup: float = 0.1  # share of the steps
    warmup_epochs: float | None = None  # in place of warmup, as the released code has 2
    clip_gradient: Positive = 1.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)  # of AdamW
    momentum: float = 0.9  # of SGD
    decay: Literal["matrices", "all"] = "matrices"  # all: weight_decay on biases and norms too
    floor: float = 0.0  # share of lr that the cosine ends at
    average: float | None = None  # weights are averaged over epochs, from this share of the steps on
    smoothing: float = 0.0  # of labels
    mixup: float = 0.0  # parameter of the Beta distribution that its weight is drawn from; 0: none
    cutmix: float = 0.0  # the same of CutMix; with both, each is drawn half of the time
    cell: Count = 8  # neighbours in a batch within which videos are mixed
    workers: Annotated[int, Field(ge=0, le=1024)] = 4  # processes that decode
    checkpoint_every: Count = 200  # steps
    log_every: Count = 10  # steps

    def __post_init__(self) -> None:
        for key, end in (("momentum", 1), ("floor", 1), ("smoothing", 1), ("mixup", inf), ("cutmix", inf)):
            if not 0 <= getattr(self, key) < end:
                raise UserError(f"train.{key}: {getattr(self, key)} must be from 0 to below {end}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"train.betas: {list(self.betas)} must be two numbers from 0 to below 1")
        if self.average is not None and not 0 <= self.average < 1:
            raise UserError(f"train.average: {self.average} is a share of the steps, from 0 to below 1")
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


@settings
class Evaluate:
    """How predictions are made: views are crops x clips."""

    split: Literal["test", "validation"] = "test"
    crops: int = 1
    clips: Annotated[int, Field(gt=0, le=100)] = 1
    frames: Annotated[int, Field(gt=0, le=1024)] | None = None  # of a view in testing; null: data.frames
    batch: Count = 32  # views at once
    zero_shot: tuple[str, ...] = ("ucf101", "hmdb51")
    templates: tuple[str, ...] = ()  # of zero-shot, text features averaged over them; empty: data.prompt

    def __post_init__(self) -> None:
        for template in self.templates:
            _template("evaluate.templates", template)
        if self.crops not in (1, 3, 4):
            raise UserError(
                f"evaluate.crops: {self.crops} must be 1 (centre), 3 (ends and centre) or 4 (as released)"
            )


@settings
class Run:
    """Everything that decides a run but its seed and the content of its inputs."""

    method: str = "m2clip"
    data: Data = field(default_factory=Data)
    backbone: Backbone = field(default_factory=Backbone)
    options: Options = field(default_factory=m2clip.Options)  # of the class in options/<method>.py
    train: Train = field(default_factory=Train)
    evaluate: Evaluate = field(default_factory=Evaluate)

    def __post_init__(self) -> None:
        if type(self.options) is not class_of(self.method):
            raise UserError(f"options: are not those of the method {self.method}")
        mixed = [key for key in ("smoothing", "mixup", "cutmix") if getattr(self.train, key)]
        if mixed and not self.options.soft_targets:
            raise UserError(
                f"train.{mixed[0]}: a loss of the method {self.method} takes no smoothed or mixed labels; "
                "set it to 0"
            )
        if self.options.one_length and self.evaluate.frames not in (None, self.data.frames):
            raise UserError(
                f"evaluate.frames: the weights of the method {self.method} are for the {self.data.frames} "
                "frames that it is trained with; leave it out"
            )
        if self.evaluate.templates and self.options.learned_words:
            raise UserError(
                f"evaluate.templates: the method {self.method} learns the words around a label; leave it out"
            )
