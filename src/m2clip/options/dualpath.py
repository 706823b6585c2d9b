"""DUALPATH (Park et al., CVPR 2023): how many frames each of its two paths sees, and its adapters."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base
from m2clip.options.base import share

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The defaults are the paper's frames and the released code's sizes; its data.frames is 32."""

    one_length: ClassVar[bool] = True  # the number of grids is that of training

    spatial: int = 8  # frames that the spatial path sees whole
    grid: int = 4  # a picture of the temporal path holds grid x grid frames
    bottleneck: float = 0.25  # as a share of the width: 192 of 768; 1/6 (128) is nearest to the paper's 10 M
    dropout: float = 0.1  # within an adapter
    tune_embeddings: bool = True  # CLIP's class and positional embeddings are trained too, as released

    def __post_init__(self) -> None:
        share("bottleneck", self.bottleneck)
        for key in ("spatial", "grid"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: {getattr(self, key)} must be 1 or more")

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifier."""
        return ("vc",)

    @property
    def no_zero_shot(self) -> str:
        """An MLP scores only the labels that it was trained on."""
        return "its classifier is an MLP for the labels it was trained on"

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where the frames fill no whole grids or the patches are too few for a grid."""
        least = math.lcm(self.grid**2, self.spatial)
        if data.frames % least:
            raise UserError(
                f"data.frames: {data.frames} frames make no whole {self.grid} x {self.grid} grids, or hold "
                f"no {self.spatial} at equal distances; take {least} or a multiple"
            )
        if self.grid > min(shape.grid):
            raise UserError(
                f"grid: {self.grid} x {self.grid} frames are more than the {shape.grid[0]} x {shape.grid[1]} "
                "patches of a picture"
            )
