"""How much the temporal difference of the TED-Adapters (Eq. 7) adds to every patch of a video."""

import torch
from einops import rearrange
from torch import Tensor, nn

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
