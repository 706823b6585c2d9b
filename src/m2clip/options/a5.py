"""A5: how many vectors stand on each side of a label, and how deep the transformer over frames is."""

from dataclasses import dataclass
from typing import ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """Sixteen vectors on each side, two layers over frames."""

    learned_words: ClassVar[bool] = True
    one_length: ClassVar[bool] = True  # its temporal positions are of data.frames

    side: int = 16
    layers: int = 2
    temperature: float = 0.07  # tau, in place of CLIP's 0.01

    def __post_init__(self) -> None:
        for key in ("side", "layers", "temperature"):
            if getattr(self, key) <= 0:
                raise UserError(f"{key}: {getattr(self, key)} must be above 0")

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The label between placeholder words, whose tokens the learned vectors replace."""
        places = " ".join(["X"] * self.side)
        return (f"{places} {{}} {places}",)
