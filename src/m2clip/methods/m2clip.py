"""M2-CLIP: TED-Adapters in the image tower, text adapters in the last layers of the text tower."""

from torch import nn

from m2clip.backbones import Shape
from m2clip.config import Run
from m2clip.models.adapters import seeded, ted_adapter
from m2clip.models.clip import Wrap
from m2clip.models.sites import image_sites, text_sites
from m2clip.options.m2clip import Options
from m2clip.seeds import number


def wraps(config: Run, shape: Shape, seed: int) -> tuple[Wrap, Wrap]:
    """What this method puts into each block of the image tower and of the text tower."""
    assert isinstance(config.options, Options)
    visual = config.options.adapters.visual

    def ted(layer: int, site: str) -> nn.Module:
        return seeded(
            number(seed, "ted", layer, site), lambda: ted_adapter(visual, shape.image_width, shape.grid)
        )

    return image_sites(visual, shape, ted), text_sites(config.options.adapters.text, shape, seed)
