"""CLIP as it is: nothing in its blocks. With no head to train it is the zero-shot baseline of Table 4."""

from m2clip.backbones import Shape
from m2clip.config import Run
from m2clip.models.clip import AdaptedBlock, Wrap


def wraps(config: Run, shape: Shape, seed: int) -> tuple[Wrap, Wrap]:
    """What this method puts into each block of the image tower and of the text tower: nothing."""
    return (lambda layer, block: AdaptedBlock(block)), (lambda layer, block: AdaptedBlock(block))
