"""ZeroI2V (Li et al., ECCV 2024): which heads look at other frames, and its linear adapters."""

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
    """The defaults are the released code's on K400; on SSv2: offsets [-1, 1, -2, 2], scale 1, dropout 0."""

    one_length: ClassVar[bool] = True  # a temporal embedding for each frame

    offsets: tuple[int, ...] = (-1, 1)  # o in frames: some heads of frame t read frame t + o
    one_in: int = 12  # each offset gets heads / one_in of the heads, at least one
    bottleneck: float = 0.25  # as a share of the width: 192 of 768
    scale: float = 0.5  # of what an adapter adds
    dropout: float = 0.1  # within an adapter
    head_dropout: float = 0.5  # before the classifier

    def __post_init__(self) -> None:
        share("bottleneck", self.bottleneck)
        if self.one_in < 1:
            raise UserError(f"one_in: {self.one_in} must be 1 or more: one head in so many")

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifier."""
        return ("vc",)

    @property
    def no_zero_shot(self) -> str:
        """A linear layer scores only the labels that it was trained on."""
        return "its classifier is a linear layer for the labels it was trained on"

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where an offset leads to no other frame of a video."""
        for offset in self.offsets:
            if not 0 < abs(offset) < data.frames:
                raise UserError(
                    f"offsets: {offset} leads to no other of the {data.frames} frames; take one from 1 to "
                    f"{data.frames - 1}, or its negative"
                )
