"""STAN (Liu et al., CVPR 2023): the depth of its branch, and whether CLIP is trained with it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from m2clip.errors import UserError
from m2clip.options.base import Options as Base

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data

LONGEST = 64  # frames that the branch has a temporal embedding for


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """STAN-self, with CLIP frozen as in M2-CLIP's Table 1."""

    layers: int = 4  # of the branch, beside CLIP's last
    tune: bool = False  # CLIP's image tower is trained as well; the authors train both towers
    new_lr: float = 10.0  # factor on train.lr of the branch
    drop_path: float = 0.1  # of the branch's last layer; it grows from 0 in its first

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise UserError(f"layers: {self.layers} must be 1 or more")
        if self.new_lr <= 0:
            raise UserError(f"new_lr: {self.new_lr} must be above 0")

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where the branch has more layers than the image tower, or the frames too many."""
        if self.layers > shape.image_layers:
            raise UserError(
                f"layers: {self.layers} are more than the {shape.image_layers} of this image tower"
            )
        if data.frames > LONGEST:
            raise UserError(
                f"data.frames: {data.frames} are more than the {LONGEST} that STAN has places for"
            )
