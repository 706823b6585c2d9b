"""Blocks with adapters on the residual stream: one site before MHSA, one before the FFN."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from m2clip.models.clip import Wrap, attend, feed


class AdaptedBlock(nn.Module):
    """A frozen block of CLIP with a site before its MHSA and one before its FFN."""

    def __init__(
        self, block: nn.Module, before_attn: nn.Module | None = None, before_mlp: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.block = block
        self.before_attn = before_attn or nn.Identity()
        self.before_mlp = before_mlp or nn.Identity()

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(..., L, D) -> (..., L, D)."""
        tokens = self.before_attn(tokens)
        tokens = tokens + attend(self.block, tokens, mask=mask)
        tokens = self.before_mlp(tokens)
        return tokens + feed(self.block, tokens)


def at_sites(layers: Collection[int], site: str, make: Callable[[int, str], nn.Module]) -> Wrap:
    """A `Wrap` that puts a new `make(layer, site)` at a site of some layers.

    Args:
        layers: counted from 1.
        site: attention, mlp or both.
        make: called with the layer and with attention or mlp.
    """
    sites = ("attention", "mlp") if site == "both" else (site,)

    def wrap(layer: int, block: Any) -> AdaptedBlock:
        made = {site: make(layer, site) for site in sites} if layer in layers else {}
        return AdaptedBlock(block, made.get("attention"), made.get("mlp"))

    return wrap


def adapters_in(tower: Any) -> tuple[Any, ...]:
    """The adapters of a tower whose blocks are `AdaptedBlock`s, block by block."""
    sites = (site for block in tower.blocks for site in (block.before_attn, block.before_mlp))
    return tuple(site for site in sites if not isinstance(site, nn.Identity))


@contextmanager
def switched_off(adapters: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, these adapters return their input."""
    handles = [adapter.register_forward_hook(lambda adapter, inputs, out: inputs[0]) for adapter in adapters]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
