"""ILA: the size of its convolution net, what its prompts are, and the rates of its parts."""

from dataclasses import dataclass
from typing import ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The released model; train.lr is the rate of its alignment, 5e-4."""

    one_length: ClassVar[bool] = True  # a position for each frame in the integration transformer

    hidden: int = 256  # channels of the net on a pair of frames
    integration_layers: int = 1
    prompt_layers: int = 2
    alpha: float = 0.1  # what scales the prompt at the start; it is trained
    temporal_lr: float = 0.16  # factor on train.lr, of what adds the two maps to the tokens: 8e-5
    mit_lr: float = 0.8  # of the transformer over frames: 4e-4
    prompt_lr: float = 0.8  # of the labels' prompts; released: 0, they stay random

    def __post_init__(self) -> None:
        if self.hidden < 16 or self.hidden % 8:
            raise UserError(f"hidden: {self.hidden} must be a multiple of 8, 16 or more")
        for key in ("integration_layers", "prompt_layers"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: {getattr(self, key)} must be 1 or more")
