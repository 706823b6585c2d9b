"""ST-Adapter (Pan et al., NeurIPS 2022): where its adapters sit and what predicts."""

from typing import TYPE_CHECKING, ClassVar, Literal

from m2clip.fields import settings
from m2clip.options.base import Options as Base
from m2clip.options.base import adapted_layers, share

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data


@settings
class Options(Base):
    """The defaults are its own code's on K400, but for `feature`; on SSv2 that has adapters at both sites."""

    soft_targets: ClassVar[bool] = False  # the contrastive head's loss is of class ids

    site: Literal["attention", "mlp", "both"] = "mlp"
    layers: Literal["all", "none", "front", "back"] | tuple[int, ...] = "all"  # counted from 1
    bottleneck: float = 0.5  # as a share of the width: 384 of 768
    head: Literal["classifier", "text"] = "classifier"  # text: CLIP's text tower, frozen, as in Fig. 2a
    feature: Literal["joint", "width"] = "joint"  # that the classifier reads, v of Eq. 3; its own code: width

    def __post_init__(self) -> None:
        share("bottleneck", self.bottleneck)

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifier, or the contrastive head."""
        return ("vc",) if self.head == "classifier" else ("contrastive",)

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where there is no such layer."""
        adapted_layers(self.layers, shape.image_layers, "layers")
