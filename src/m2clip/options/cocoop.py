"""CoCoOp: the words that its context starts as."""

from dataclasses import dataclass
from typing import ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """Four vectors that start as words, and a network of a sixteenth of the joint space's width."""

    learned_words: ClassVar[bool] = True

    words: str = "a photo of a"
    reduction: int = 16

    def __post_init__(self) -> None:
        if not self.words.split():
            raise UserError("words: empty; the context starts as words, such as a photo of a")
        if self.reduction < 1:
            raise UserError(f"reduction: {self.reduction} must be 1 or more")

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The words, then the label."""
        return (f"{self.words} {{}} .",)
