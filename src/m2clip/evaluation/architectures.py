"""Counts of published architectures that adapt no CLIP, where torchvision has exactly the same one.

Their numbers in the tables stay published: nothing here is trained. Counting them by the rule that counts our
rows says whether the published parameters and multiply-adds were counted by the same rule.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torchvision.models.video import swin3d_b
from torchvision.models.video.mvit import MSBlockConfig, MViT

from m2clip.evaluation.complexity import multiply_adds

SIDE = 224
CLASSES = 400
# MViTv2-B: blocks of each of its four stages; width and heads double from stage to stage.
MVIT_BLOCKS = (2, 3, 16, 3)
MVIT_WIDTH = 96


@dataclass(frozen=True, kw_only=True)
class Count:
    """What an architecture costs: parameters, all trained, and multiply-adds of one view of `frames`."""

    name: str
    frames: int
    parameters: int
    macs_view: int


def mvit_v2_b(frames: int) -> MViT:
    """MViTv2-B for `frames` frames of 224 × 224 pixels; torchvision has its blocks, and S alone by name.

    A stage begins with a block that doubles width and heads and pools the queries; keys and values are
    pooled to the same grid in all stages.
    """
    blocks = []
    width = MVIT_WIDTH
    for stage, length in enumerate(MVIT_BLOCKS):
        for begins in [stage > 0] + [False] * (length - 1):
            kv = 8 >> stage
            blocks.append(
                MSBlockConfig(
                    num_heads=1 << stage,
                    input_channels=width,
                    output_channels=2 * width if begins else width,
                    kernel_q=[3, 3, 3],
                    kernel_kv=[3, 3, 3],
                    stride_q=[1, 2, 2] if begins else [1, 1, 1],
                    stride_kv=[1, kv, kv],
                )
            )
            width = blocks[-1].output_channels
    return MViT(
        spatial_size=(SIDE, SIDE),
        temporal_size=frames,
        block_setting=blocks,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        num_classes=CLASSES,
    )


ARCHITECTURES: dict[str, tuple[int, Callable[[int], nn.Module]]] = {
    "Swin-B": (32, lambda frames: swin3d_b(num_classes=CLASSES)),
    "MViTv2-B": (32, mvit_v2_b),
}


def counts() -> list[Count]:
    """Every architecture at its published number of frames, on the meta device: no weights exist."""
    return [_count(name, *declared) for name, declared in ARCHITECTURES.items()]


def _count(name: str, frames: int, make: Callable[[int], nn.Module]) -> Count:
    with torch.device("meta"):
        model = make(frames).eval()
        macs, _ = multiply_adds(lambda: model(torch.empty(1, 3, frames, SIDE, SIDE)))
    parameters = sum(weight.numel() for weight in model.parameters())
    return Count(name=name, frames=frames, parameters=parameters, macs_view=macs)
