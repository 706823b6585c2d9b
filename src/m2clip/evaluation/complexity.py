"""Parameters and multiply-adds of a config at full size, counted on the meta device: no weights are read.

The convention is the one that the peers' published numbers follow: `FlopCounterMode` halved, that is
multiply-adds of matrix products and convolutions, the products inside attention included, one view.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from m2clip.backbones import shape_of
from m2clip.config import Run
from m2clip.models.factory import build_model
from m2clip.models.video_clip import VideoCLIP

COMPONENTS = (
    "temporal_enhancement",
    "temporal_difference",
    "text_adapters",
    "cmlm_adapter",
    "word_head",
    "vc",
    "temporal_convolution",
    "other",
)


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """What a config costs.

    trainable: parameters by component, in the order of COMPONENTS; `other` is what a peer method brings.
    frozen: parameters of the backbone. frames: of a view.
    macs_view: multiply-adds of the image tower with all that is put into it, up to v of Eq. 3, for one view.
    macs_text: multiply-adds of the text tower for the prompts of all labels, once.
    """

    trainable: dict[str, int]
    frozen: int
    frames: int
    macs_view: int
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
        frames: of a view.

    Raises:
        UserError: where backbone and config do not fit.
    """
    model, _ = build_model(config, labels, seed=0, device="meta")
    model.eval()
    size = shape_of(config.backbone).image_size
    trainable, macs_text = _trainable(model), multiply_adds(model.encode_labels)
    frozen = sum(weight.numel() for weight in model.parameters() if not weight.requires_grad)
    costs = []
    for count in frames:
        view = torch.empty(1, count, 3, size, size, device="meta")
        macs_view = multiply_adds(partial(model.encode_video, view))
        costs.append(
            Complexity(
                trainable=trainable, frozen=frozen, frames=count, macs_view=macs_view, macs_text=macs_text
            )
        )
    return costs


def multiply_adds(compute: Callable[[], object]) -> int:
    """Multiply-adds of what `compute` does."""
    with _every_product_seen(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops() // 2


@contextmanager
def _every_product_seen() -> Iterator[None]:
    """Without the fused attention of evaluation, which the counter cannot see: it would miss a third."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _trainable(model: VideoCLIP) -> dict[str, int]:
    counts = dict.fromkeys(COMPONENTS, 0)
    for name, weight in model.trainable().items():
        counts[_component(name)] += weight.numel()
    return counts


def _component(name: str) -> str:
    """Where a parameter belongs, told by its place in the model."""
    places = {"text.": "text_adapters", "cmlm.adapter.": "cmlm_adapter", "cmlm.head.": "word_head"}
    places |= {"vc.": "vc", "after.": "temporal_convolution"}
    for start, component in places.items():
        if name.startswith(start):
            return component
    if ".enhancement." in name:
        return "temporal_enhancement"
    return "temporal_difference" if ".difference." in name else "other"
