"""EVL (Lin et al., ECCV 2022): the depth of its decoder and the temporal information in its tokens."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The defaults are the paper's on K400; on SSv2 its decoder has 12 layers, by the authors' word."""

    one_length: ClassVar[bool] = True  # a temporal embedding for each frame

    layers: int = 4  # of the decoder, each reads one of CLIP's last layers
    convolution: bool = True  # over time
    embedding: bool = True  # one for each frame
    cross_frame: bool = True  # where the patches are in the frame before and after
    dropout: float = 0.5  # in the decoder's FFN and before the classifier

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise UserError(f"layers: {self.layers} must be 1 or more")

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifier."""
        return ("vc",)

    @property
    def no_zero_shot(self) -> str:
        """A linear layer scores only the labels that it was trained on."""
        return "its decoder ends in a linear layer for the labels it was trained on"

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where the decoder has more layers than the image tower."""
        if self.layers > shape.image_layers:
            raise UserError(
                f"layers: {self.layers} are more than the {shape.image_layers} of this image tower"
            )
