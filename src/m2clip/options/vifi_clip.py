"""ViFi-CLIP: which towers are tuned; there is no other option."""

from dataclasses import dataclass
from typing import Literal

from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """Which towers of CLIP are tuned; the paper's model tunes both, its ablation one of them."""

    tuned: Literal["both", "image", "text"] = "both"
