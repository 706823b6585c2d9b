"""AIM (Yang et al., ICLR 2023): the size and the scale of its adapters, and what predicts."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from m2clip.options.base import Options as Base
from m2clip.options.base import share


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The defaults are the paper's on K400; on SSv2 it has scale 1 and into_time."""

    one_length: ClassVar[bool] = True  # a temporal embedding for each frame

    bottleneck: float = 0.25  # as a share of the width: 192 of 768
    scale: float = 0.5  # r, of the adapter beside the FFN
    into_time: bool = False  # a fourth adapter, before the temporal MHSA
    head: Literal["classifier", "text"] = "classifier"  # text: CLIP's text tower, frozen, for zero-shot
    dropout: float = 0.5  # before the classifier
    drop_path: float = 0.2  # of the last block; it grows from 0 in the first

    def __post_init__(self) -> None:
        share("bottleneck", self.bottleneck)

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifier, or cosines with the labels."""
        return ("vc",) if self.head == "classifier" else ("contrastive",)

    @property
    def no_zero_shot(self) -> str:
        """A linear layer scores only the labels that it was trained on."""
        return "" if self.reads_text else "its classifier is a linear layer for the labels it was trained on"
