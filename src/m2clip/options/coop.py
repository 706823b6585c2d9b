"""CoOp: how many words are learned, for whom, and what they start as."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's unified context: sixteen vectors for all labels, and the label after them."""

    learned_words: ClassVar[bool] = True

    context: int = 16
    context_of: Literal["all", "class"] = "all"  # class: vectors of its own for each label
    words: str = ""  # that the context starts as, such as "a photo of a"; empty: random vectors

    def __post_init__(self) -> None:
        if self.context < 1:
            raise UserError(f"context: {self.context} must be 1 or more")
        if self.words and len(self.words.split()) != self.context:
            raise UserError(f'words: "{self.words}" must have context = {self.context} words')

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The learned words, then the label."""
        return ((self.words or " ".join(["X"] * self.context)) + " {} .",)

    @property
    def no_zero_shot(self) -> str:
        """With a context for each class nothing is learned for other labels."""
        return "each class trained on has learned words of its own" if self.context_of == "class" else ""
