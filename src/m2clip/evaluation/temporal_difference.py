"""How much the temporal difference of the TED-Adapters (Eq. 7) adds to every patch of a video."""

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from m2clip.data.transforms import Pixels
from m2clip.models.adapters import TemporalDifference
from m2clip.models.method import Method


@torch.no_grad()
def norms(model: Method, video: Tensor) -> Tensor | None:
    """The Euclidean norm of z_D,t over its D numbers, averaged over the adapted sites of the image tower.

    Args:
        model: trained, on the device of `video`.
        video: (B, T, 3, H, W), normalised.

    Returns:
        (B, T, H, W) on the grid of patches, or None where no adapter has a temporal difference.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, tokens: tuple[Tensor], added: Tensor) -> None:
        height, _ = module.grid  # type: ignore[misc]
        found.append(rearrange(added[:, :, 1:].norm(dim=-1), "B T (H W) -> B T H W", H=height))

    parts = [module for module in model.image.modules() if isinstance(module, TemporalDifference)]
    handles = [part.register_forward_hook(keep) for part in parts]
    try:
        model.eval()
        model.video(video)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(found).mean(dim=0) if found else None


def seen(view: Tensor, pixels: Pixels) -> NDArray[np.uint8]:
    """Undo the normalisation of a view: (T, 3, S, S) -> pixels 0 to 255, (T, S, S, 3)."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (pixels.mean, pixels.std))
    frames = (view * std + mean).clamp(0, 1) * 255
    return np.asarray(rearrange(frames.round().byte(), "T C H W -> T H W C").numpy())
