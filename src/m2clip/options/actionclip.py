"""ActionCLIP: the transformer over frames, its rate, and the sentences that labels stand in."""

from dataclasses import dataclass
from typing import ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base

SENTENCES = (
    "a photo of action {}",
    "a picture of action {}",
    "Human action of {}",
    "{} , an action",
    "{} this is an action",
    "{} , a video of action",
    "Playing action of {}",
    "{}",
    "Playing a kind of action , {}",
    "Doing a kind of action , {}",
    "Look , the human is {}",
    "Can you recognize the action of {} ?",
    "Video classification of {}",
    "A video of {}",
    "The man is {}",
    "The woman is {}",
)


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's best, a transformer of six layers over the frames; with 0 layers v is their mean."""

    soft_targets: ClassVar[bool] = False  # its loss compares the videos of a batch

    layers: int = 6
    new_lr: float = 10.0  # factor on train.lr of the transformer
    token_embedding: bool = True  # trained as well; without it 143 M parameters are trained, not 169 M
    sentences: int = len(SENTENCES)  # how many of them, from the first; a step draws one for each video

    def __post_init__(self) -> None:
        if self.layers < 0:
            raise UserError(f"layers: {self.layers} must be 0 or more")
        if not 1 <= self.sentences <= len(SENTENCES):
            raise UserError(f"sentences: {self.sentences} must be 1 to {len(SENTENCES)}")
        if self.new_lr <= 0:
            raise UserError(f"new_lr: {self.new_lr} must be above 0")

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The method's sentences, also for other labels."""
        return SENTENCES[: self.sentences]
