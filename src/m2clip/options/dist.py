"""DiST: how many frames each encoder sees, the widths of what is new, and the depth of the pooling."""

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
    """The released model for ViT-B/16 on K400; on SSv2 it pools in two layers."""

    one_length: ClassVar[bool] = True  # a class token and an embedding for each frame that CLIP sees

    every: int = 2  # CLIP sees each second frame, the temporal encoder all of data.frames
    tube: int = 5  # frames that the temporal encoder's first convolution sees
    temporal: float = 0.125  # width of the temporal encoder, as a share of the image tower's: 96 of 768
    integration: float = 0.5  # width of the integration branch: 384 of 768, and 384 of ViT-L/14's 1024
    pooling_layers: int = 4
    new_lr: float = 10.0  # factor on train.lr, of all that is trained

    def __post_init__(self) -> None:
        for key in ("every", "tube", "pooling_layers", "new_lr"):
            if getattr(self, key) <= 0:
                raise UserError(f"{key}: {getattr(self, key)} must be above 0")
        if self.tube % 2 == 0:
            raise UserError(f"tube: {self.tube} must be odd, with a frame in its middle")
        share("temporal", self.temporal)
        share("integration", self.integration)

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where CLIP would not see an equal part of the frames."""
        if data.frames % self.every:
            raise UserError(
                f"data.frames: {data.frames} are not a multiple of {self.every}; CLIP sees one frame "
                f"in {self.every} (options.every)"
            )
