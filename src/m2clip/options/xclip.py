"""X-CLIP: the depth of its two new transformers, the rate of what is new, and whether CLIP is tuned."""

from dataclasses import dataclass
from typing import ClassVar

from m2clip.errors import UserError
from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """The paper's model."""

    one_length: ClassVar[bool] = True  # a position for each frame in the integration transformer

    integration_layers: int = 1  # of the transformer over frames
    prompt_layers: int = 2  # of the cross-attention from labels to patches
    alpha: float = 0.1  # what scales the prompt at the start; it is trained
    new_lr: float = 10.0  # factor on train.lr for all that CLIP does not have
    tune: bool = True  # whether the image tower is trained

    def __post_init__(self) -> None:
        for key in ("integration_layers", "prompt_layers", "new_lr"):
            if getattr(self, key) <= 0:
                raise UserError(f"{key}: {getattr(self, key)} must be above 0")
