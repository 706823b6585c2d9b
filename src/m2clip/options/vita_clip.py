"""Vita-CLIP: how many prompts and words are learned, and for whom."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's supervised model."""

    learned_words: ClassVar[bool] = True
    one_length: ClassVar[bool] = True  # a local prompt and a temporal embedding for each frame

    global_prompts: int = 8  # of each layer
    context: int = 16  # learned words before the label; released: 8
    context_of: Literal["class", "all"] = "class"  # class: words of its own for each label
    train_projection: bool = True  # fc of the class tokens; released: false, it stays random

    def __post_init__(self) -> None:
        for key, least in (("global_prompts", 0), ("context", 1)):
            if getattr(self, key) < least:
                raise UserError(f"{key}: {getattr(self, key)} must be {least} or more")

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The learned words, then the label; other labels stand alone where each class has its words."""
        if not own and self.context_of == "class":
            return ("{}",)
        return (" ".join(["X"] * self.context) + " {} .",)
