"""Open-VCLIP: the interpolation of its weights with CLIP's, and the sentences that labels stand in."""

from dataclasses import dataclass

from m2clip.errors import UserError
from m2clip.options.base import Options as Base

SENTENCES = tuple(
    f"a {picture} of {words} ."
    for picture in ("photo", "video", "example", "demonstration")
    for words in (
        "{}",
        *(
            f"a person {verb}{{}}"
            for verb in ("", "using ", "doing ", "during ", "performing ", "practicing ")
        ),
    )
)  # the authors have no space before the full stop, which gives the same tokens after a letter


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's for ViT-B/16. Its weights are also averaged over epochs, which is train.average."""

    beta: float = 0.5  # weight of the loss with interpolated weights; 0: that loss is not computed
    furthest: float = 0.6  # a is drawn from 0 (the tuned weights) to this; 1 would be CLIP's
    back: float = 0.5  # how far the weights are moved to CLIP's after training
    sentences: int = len(SENTENCES)  # how many of them, from the first; their features are averaged

    def __post_init__(self) -> None:
        if self.beta < 0:
            raise UserError(f"beta: {self.beta} must be 0 or more")
        for key in ("furthest", "back"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"{key}: {getattr(self, key)} is a share of the way to CLIP, 0 to 1")
        sentences_exist(self.sentences)

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The method's sentences, also for other labels."""
        return SENTENCES[: self.sentences]


def sentences_exist(count: int) -> None:
    """Raise a UserError unless `count` is from 1 to the number of SENTENCES."""
    if not 1 <= count <= len(SENTENCES):
        raise UserError(f"sentences: {count} must be 1 to {len(SENTENCES)}")
