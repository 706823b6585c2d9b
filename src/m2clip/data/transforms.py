"""From decoded frames to what the backbone expects: short side to S, crop, normalise.

One draw for a whole view: all its frames are resized, cropped and flipped alike, so that nothing moves
that did not move. Cropping comes before the conversion to float, since bytes are four times cheaper.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """What the backbone expects of a frame."""

    size: int  # S, of the square it sees
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def train_view(
    frames: npt.NDArray[np.uint8],
    pixels: Pixels,
    generator: np.random.Generator,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    flip: bool = False,
) -> Tensor:
    """A random view, (T, 3, S, S), of frames (T, H, W, 3).

    The short side is set to a random length in S * scale, a random S x S crop is taken, and where `flip`
    is set half of the views are mirrored. As the released code on K400, whose scale is (1, 1.15).

    Args:
        frames: bytes as decoded.
        pixels: what the backbone expects.
        generator: the only source of randomness.
        scale: smallest and largest short side, as multiples of S.
        flip: mirror half of the views.
    """
    S = pixels.size
    # All draws are made whatever the options, so that an option changes nothing but its own effect.
    short, down, right, mirror = generator.random(4)
    low, high = round(S * scale[0]), round(S * scale[1])
    resized = _short_side(_planes(frames), low + int(short * (high - low + 1)))
    height, width = resized.shape[-2:]
    top, left = int(down * (height - S + 1)), int(right * (width - S + 1))
    view = resized[..., top : top + S, left : left + S]
    return _normalise(view.flip(-1) if flip and mirror < 0.5 else view, pixels)


def test_views(frames: npt.NDArray[np.uint8], pixels: Pixels, crops: int) -> Tensor:
    """All spatial views of frames (T, H, W, 3) at test time, (crops, T, 3, S, S).

    The short side is set to S; crops lie along the longer side: 1 at its centre, 3 at both ends and the
    centre, 4 at 0, a quarter, half and all of the margin, which is what the released code does.
    """
    S = pixels.size
    resized = _short_side(_planes(frames), S)
    height, width = resized.shape[-2:]
    margin = max(height, width) - S
    starts = {1: (margin // 2,), 3: (0, margin // 2, margin), 4: (0, margin // 4, margin // 2, margin)}[crops]
    views = [
        resized[..., start : start + S, :] if height > width else resized[..., start : start + S]
        for start in starts
    ]
    return torch.stack([_normalise(view, pixels) for view in views])


test_views.__test__ = False  # type: ignore[attr-defined]  # its name is no test's for pytest


def _planes(frames: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)


def _short_side(frames: Tensor, length: int) -> Tensor:
    """Frames (T, 3, H, W) with the short side at `length`, bicubic as CLIP's own preprocessing."""
    height, width = frames.shape[-2:]
    if min(height, width) == length:
        return frames
    size = [length, width * length // height] if height < width else [height * length // width, length]
    return tv.resize(frames, size, interpolation=InterpolationMode.BICUBIC, antialias=True)


def _normalise(view: Tensor, pixels: Pixels) -> Tensor:
    mean = torch.tensor(pixels.mean).mul(255).view(3, 1, 1)
    std = torch.tensor(pixels.std).mul(255).view(3, 1, 1)
    return view.to(torch.float32, memory_format=torch.contiguous_format).sub_(mean).div_(std)
