"""A linear classifier on a frozen CLIP: which feature it reads."""

from typing import Literal

from m2clip.fields import settings
from m2clip.options.base import Options as Base


@settings
class Options(Base):
    """The classifier's feature and dropout."""

    feature: Literal["width", "joint"] = "width"  # joint: after CLIP's projection
    dropout: float = 0.0

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifier."""
        return ("vc",)
