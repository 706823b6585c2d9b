"""From decoded frames to what the backbone expects: augment, resize, crop, normalise.

All frames of a view get the same random augmentation, size, crop and flip, so that no motion is added.
Frames are cropped before they become floats, since bytes are four times cheaper.
"""

import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from m2clip.data import appearance

AREA, ASPECT, TRIES = (0.08, 1.0), (3 / 4, 4 / 3), 10  # of the random resized crop (Szegedy et al., 2015)
SIDES = (1.0, 0.875, 0.75, 0.66)  # of the multi-scale crop, as shares of the short side (Wang et al., 2016)
CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))  # where it lies: down, right


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
    crop: str = "short_side",
    scale: tuple[float, float] = (1.0, 1.0),
    flip: bool = False,
    randaugment: str | None = None,
    jitter: float = 0.0,
    grey: float = 0.0,
    erase: float = 0.0,
) -> Tensor:
    """A random view, (T, 3, S, S), of frames (T, H, W, 3).

    Cropped by `short_side`: the short side is set to a random length in S * scale and a random S x S crop
    is taken; with the scale (1, 1.15) and `flip` it is the released code on K400. Cropped by `resized`: a
    random part of the frame's area and aspect, resized to S x S; with RandAugment before it, the released
    code on SSv2. Cropped by `multi_scale`: one of four sizes of either side, at a corner or in the middle.

    Args:
        frames: bytes as decoded.
        pixels: what the backbone expects.
        generator: the only source of randomness.
        crop: short_side, resized or multi_scale.
        scale: of `short_side`, smallest and largest short side as multiples of S.
        flip: mirror half of the views.
        randaugment: timm's name of a policy, such as rand-m7-n4-mstd0.5-inc1.
        jitter: share of the views whose colours are jittered.
        grey: share of the views that lose their colours.
        erase: share of the views of which a rectangle is noise.
    """
    S = pixels.size
    # All draws are made whatever the options, so that an option changes nothing but its own effect.
    short, down, right, mirror = generator.random(4)
    policy_seed, crop_seed = (int(seed) for seed in generator.integers(2**32, size=2))
    jittered, greyed, erased = generator.random(3)  # after those above, which must stay what they are
    colour_seed, erase_seed = (int(seed) for seed in generator.integers(2**32, size=2))
    if randaugment is not None:
        frames = augmented(frames, randaugment, policy_seed)
    if crop == "resized":
        view = _resized_crop(_planes(frames), S, np.random.default_rng(crop_seed))
    elif crop == "multi_scale":
        view = _multi_scale_crop(_planes(frames), S, np.random.default_rng(crop_seed))
    else:
        low, high = round(S * scale[0]), round(S * scale[1])
        resized = _short_side(_planes(frames), low + int(short * (high - low + 1)))
        height, width = resized.shape[-2:]
        top, left = int(down * (height - S + 1)), int(right * (width - S + 1))
        view = resized[..., top : top + S, left : left + S]
    view = view.flip(-1) if flip and mirror < 0.5 else view
    if jittered < jitter:
        view = appearance.jittered(view, np.random.default_rng(colour_seed))
    if greyed < grey:
        view = appearance.grey(view)
    view = _normalise(view, pixels)
    return appearance.erased(view, np.random.default_rng(erase_seed)) if erased < erase else view


def augmented(frames: npt.NDArray[np.uint8], policy: str, seed: int) -> npt.NDArray[np.uint8]:
    """RandAugment (Cubuk et al., 2020) of frames (T, H, W, 3): one draw, the same for every frame.

    timm draws from Python's and numpy's global generators for each picture. Here they start each frame at
    `seed`, below 2**32, and are given back as they were.
    """
    from timm.data.auto_augment import rand_augment_transform

    augment = rand_augment_transform(policy, {"interpolation": Image.Resampling.BICUBIC})
    kept, kept_numpy = random.getstate(), np.random.get_state()
    try:
        made = []
        for frame in frames:
            random.seed(seed)
            np.random.seed(seed)
            made.append(np.asarray(augment(Image.fromarray(frame))))
    finally:
        random.setstate(kept)
        np.random.set_state(kept_numpy)
    return np.stack(made)


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


def _resized_crop(frames: Tensor, S: int, generator: np.random.Generator) -> Tensor:
    """Frames (T, 3, H, W) -> (T, 3, S, S): a part of random area and aspect, at a random place.

    Where no part that fits is drawn, the largest one in the middle whose aspect is allowed.
    """
    H, W = frames.shape[-2:]
    for _ in range(TRIES):
        area = H * W * generator.uniform(*AREA)
        aspect = math.exp(generator.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
        height, width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < height <= H and 0 < width <= W:
            top = int(generator.integers(H - height + 1))
            left = int(generator.integers(W - width + 1))
            break
    else:
        height, width = min(H, round(W * ASPECT[1])), min(W, round(H * ASPECT[1]))
        top, left = (H - height) // 2, (W - width) // 2
    part = frames[..., top : top + height, left : left + width]
    return tv.resize(part, [S, S], interpolation=InterpolationMode.BICUBIC, antialias=True)


def _multi_scale_crop(frames: Tensor, S: int, generator: np.random.Generator) -> Tensor:
    """Frames (T, 3, H, W) -> (T, 3, S, S): a part with sides of SIDES, at one of CORNERS.

    The two sides are the same share of the frame's short side, or neighbours in SIDES.
    """
    H, W = frames.shape[-2:]
    pairs = [(a, b) for i, a in enumerate(SIDES) for j, b in enumerate(SIDES) if abs(i - j) <= 1]
    sides, corner = pairs[generator.integers(len(pairs))], CORNERS[generator.integers(len(CORNERS))]
    height, width = (round(min(H, W) * side) for side in sides)
    top, left = int(corner[0] * (H - height)), int(corner[1] * (W - width))
    part = frames[..., top : top + height, left : left + width]
    return tv.resize(part, [S, S], interpolation=InterpolationMode.BICUBIC, antialias=True)


def _normalise(view: Tensor, pixels: Pixels) -> Tensor:
    mean = torch.tensor(pixels.mean).mul(255).view(3, 1, 1)
    std = torch.tensor(pixels.std).mul(255).view(3, 1, 1)
    return view.to(torch.float32, memory_format=torch.contiguous_format).sub_(mean).div_(std)
