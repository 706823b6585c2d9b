"""MaPLe: how many vectors, and in how many layers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """Two vectors in the first nine layers of both towers, the paper's base-to-novel setting."""

    learned_words: ClassVar[bool] = True

    context: int = 2  # the first vectors start as the first words of "a photo of a"
    depth: int = 9  # layers; 3 in the paper's cross-dataset setting

    def __post_init__(self) -> None:
        if not 1 <= self.context <= 4:
            raise UserError(f"context: {self.context} must be 1 to 4, the words of a photo of a")
        if self.depth < 1:
            raise UserError(f"depth: {self.depth} must be 1 or more")

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The words that the first vectors start as, then the label."""
        return ("a photo of a {} .",)

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where a tower has fewer layers than `depth`."""
        fewest = min(shape.image_layers, shape.text_layers)
        if self.depth > fewest:
            raise UserError(f"depth: {self.depth} is more than the {fewest} layers of a tower")
