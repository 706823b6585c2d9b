"""Augmentations that leave every pixel where it is: colour jitter, grey, and a rectangle of noise.

All frames of a view get the same draw. The ranges of the jitter are those of ActionCLIP's code, which
DiST's configs name too; those of the rectangle are timm's defaults. It is filled after normalisation.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

BRIGHTNESS = CONTRAST = 0.4  # factors are drawn from 1 - 0.4 to 1 + 0.4
SATURATION, HUE = 0.2, 0.1  # the hue is turned by at most a tenth of the circle
AREA, ASPECT, TRIES = (0.02, 1 / 3), (0.3, 1 / 0.3), 10  # of the rectangle (Zhong et al., 2020)


def jittered(view: Tensor, generator: np.random.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue changed in a random order, bytes (T, 3, S, S) -> the same."""
    changes: list[tuple[Callable[[Tensor, float], Tensor], float]] = [
        (tv.adjust_brightness, 1 + generator.uniform(-BRIGHTNESS, BRIGHTNESS)),
        (tv.adjust_contrast, 1 + generator.uniform(-CONTRAST, CONTRAST)),
        (tv.adjust_saturation, 1 + generator.uniform(-SATURATION, SATURATION)),
        (tv.adjust_hue, generator.uniform(-HUE, HUE)),
    ]
    for index in generator.permutation(len(changes)):
        change, amount = changes[index]
        view = change(view, float(amount))
    return view


def grey(view: Tensor) -> Tensor:
    """Luminance in all three channels, bytes (T, 3, S, S) -> the same."""
    return tv.rgb_to_grayscale(view, num_output_channels=3)


def erased(view: Tensor, generator: np.random.Generator) -> Tensor:
    """Normalised frames (T, 3, S, S) with one rectangle of them all normal noise; unchanged if none fits."""
    size = view.shape[-1]
    for _ in range(TRIES):
        area = size**2 * generator.uniform(*AREA)
        aspect = math.exp(generator.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
        height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < height < size and 0 < width < size:
            top, left = (int(generator.integers(size - side + 1)) for side in (height, width))
            noise = generator.standard_normal((3, height, width), dtype=np.float32)
            view = view.clone()
            view[..., top : top + height, left : left + width] = torch.from_numpy(noise)
            return view
    return view
