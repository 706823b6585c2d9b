"""Parameters and multiply-adds of a config at full size, counted on the meta device: no weights are read.

The convention is the one that the peers' published numbers follow: `FlopCounterMode` halved, that is
multiply-adds of matrix products and convolutions, the products inside attention included, one view.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from m2clip.backbones import shape_of
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.models.factory import build_model

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """What a config costs.

    trainable: parameters by the name of their group. frozen: parameters of the backbone that are not trained,
    and of frozen groups. frames: of a view.
    macs_view: multiply-adds of what a method computes of one view (`video`).
    macs_compare: of comparing and classifying one view, once the labels are read.
    macs_text: of reading the prompts of all labels, once.
    """

    trainable: dict[str, int]
    frozen: int
    frames: int
    macs_view: int
    macs_compare: int
    macs_text: int

    @property
    def trainable_total(self) -> int:
        """All that is trained."""
        return sum(self.trainable.values())


def complexity(config: Run, labels: tuple[str, ...], frames: Iterable[int]) -> list[Complexity]:
    """Count a config for each number of frames.

    Args:
        config: of the run; its backbone's weights need not exist.
        labels: of the classes, which decide the size of VC, of the word head and of the text side.
        frames: of a view; a number that the method cannot be built with is left out.

    Raises:
        UserError: where backbone and config do not fit.
    """
    return [_complexity(_with_frames(config, count), labels) for count in frames if _fits(config, count)]


def _with_frames(config: Run, frames: int) -> Run:
    return replace(config, data=replace(config.data, frames=frames))


def _fits(config: Run, frames: int) -> bool:
    """Whether the method takes so many frames; what else is wrong with its options is raised."""
    shape = shape_of(config.backbone)
    config.options.check(shape, config.data)
    try:
        config.options.check(shape, _with_frames(config, frames).data)
    except UserError:
        return False
    return True


def _complexity(config: Run, labels: tuple[str, ...]) -> Complexity:
    model, _ = build_model(config, labels, seed=0, device="meta")
    model.eval()
    # Texts on meta have no content: the cache would take sentences of the same length for one.
    model.text.tokens = partial(model.text.tokens, cache=False)  # type: ignore[method-assign]
    size, frames = shape_of(config.backbone).image_size, config.data.frames
    macs_text, read = multiply_adds(lambda: model.labels(model.prompts))
    if not config.options.reads_text:
        read = None
    macs_view, video = multiply_adds(
        lambda: model.video(torch.empty(1, frames, 3, size, size, device="meta"))
    )
    macs_compare, _ = multiply_adds(lambda: model.logits(video, read))
    trainable = {
        name: sum({id(p): p.numel() for p in group.parameters()}.values())
        for name, group in model.groups().items()
        if group.lr
    }
    return Complexity(
        trainable=trainable,
        frozen=sum(weight.numel() for weight in model.parameters() if not weight.requires_grad),
        frames=frames,
        macs_view=macs_view,
        macs_compare=macs_compare,
        macs_text=macs_text,
    )


def multiply_adds(compute: Callable[[], T]) -> tuple[int, T]:
    """Multiply-adds of what `compute` does, and what it returns."""
    with _every_product_seen(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        result = compute()
    return counter.get_total_flops() // 2, result


@contextmanager
def _every_product_seen() -> Iterator[None]:
    """Switches off PyTorch's fused attention, whose products the counter does not see, a third of all."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
