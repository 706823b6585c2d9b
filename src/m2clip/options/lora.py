"""LoRA (Hu et al., ICLR 2022) on CLIP: the rank and the scale of its updates, and which towers have them."""

from dataclasses import dataclass
from typing import Literal

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The defaults are peft's; there is no paper of this method on video."""

    rank: int = 8
    alpha: int = 8  # an update is scaled by alpha / rank
    towers: tuple[Literal["image", "text"], ...] = ("image", "text")

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank: {self.rank} must be 1 or more")
        if not self.towers or len(set(self.towers)) < len(self.towers):
            raise UserError(f"towers: {list(self.towers)} must be image, text or both, each once")
