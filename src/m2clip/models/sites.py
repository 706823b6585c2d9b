"""Which sites of which blocks get an adapter; what the methods have in common."""

from collections.abc import Callable, Collection

from torch import nn

from m2clip.backbones import Shape
from m2clip.models.adapters import TextAdapter, seeded
from m2clip.models.clip import AdaptedBlock, Wrap
from m2clip.options.base import adapted_layers, text_layers
from m2clip.options.m2clip import TextAdapter as TextAdapterConfig
from m2clip.options.m2clip import VisualAdapter
from m2clip.options.st_adapter import Options as STAdapter
from m2clip.seeds import number


def image_sites(
    config: VisualAdapter | STAdapter, shape: Shape, make: Callable[[int, str], nn.Module]
) -> Wrap:
    """A new `make(layer, site)` at the config's sites of the config's layers of the image tower."""
    return _at_sites(adapted_layers(config.layers, shape.image_layers), config.site, make)


def text_sites(config: TextAdapterConfig, shape: Shape, seed: int) -> Wrap:
    """A text adapter (Eq. 9) at the config's sites of the last layers of the text tower."""
    first = shape.text_layers - text_layers(config.layers, shape.text_layers) + 1

    def make(layer: int, site: str) -> nn.Module:
        where = () if site == "mlp" else (site,)  # the paper's site, whose weights have the plain name
        return seeded(number(seed, "text", layer, *where), lambda: TextAdapter(shape.text_width, config))

    return _at_sites(range(first, shape.text_layers + 1), config.site, make)


def _at_sites(layers: Collection[int], site: str, make: Callable[[int, str], nn.Module]) -> Wrap:
    sites = ("attention", "mlp") if site == "both" else (site,)

    def wrap(layer: int, block: nn.Module) -> AdaptedBlock:
        made = {site: make(layer, site) for site in sites} if layer in layers else {}
        return AdaptedBlock(block, made.get("attention"), made.get("mlp"))

    return wrap
