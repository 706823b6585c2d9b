"""BIKE: the transformer over frames, CLIP's rate, and how sharply words choose frames."""

from dataclasses import dataclass
from typing import ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's video branch, whose text tower is frozen."""

    soft_targets: ClassVar[bool] = False  # its loss compares the videos of a batch

    layers: int = 6
    clip_lr: float = 0.1  # factor on train.lr of CLIP's image tower and of the temperature
    sharpness: float = 0.01  # temperature of the softmax over frames

    def __post_init__(self) -> None:
        for key in ("layers", "clip_lr", "sharpness"):
            if getattr(self, key) <= 0:
                raise UserError(f"{key}: {getattr(self, key)} must be above 0")

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The method's own sentence."""
        return ("This is a video about {}",)
