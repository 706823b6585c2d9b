"""Which doors of which blocks get an adapter; what the methods have in common."""

from collections.abc import Callable

from torch import nn

from m2clip.backbones import Shape, adapted_layers, text_layers
from m2clip.config import TextAdapter as TextAdapterConfig
from m2clip.config import VisualAdapter
from m2clip.models.adapters import TextAdapter, seeded
from m2clip.models.clip import AdaptedBlock, Wrap
from m2clip.seeds import number


def image_doors(config: VisualAdapter, shape: Shape, make: Callable[[int, str], nn.Module]) -> Wrap:
    """A new `make(layer, site)` at the config's sites of the config's layers of the image tower."""
    layers = adapted_layers(config.layers, shape.image_layers)
    sites = ("attention", "mlp") if config.site == "both" else (config.site,)

    def wrap(layer: int, block: nn.Module) -> AdaptedBlock:
        doors = {site: make(layer, site) for site in sites} if layer in layers else {}
        return AdaptedBlock(block, doors.get("attention"), doors.get("mlp"))

    return wrap


def text_doors(config: TextAdapterConfig, shape: Shape, seed: int) -> Wrap:
    """A text adapter (Eq. 9) before the FFN of the last layers of the text tower."""
    first = shape.text_layers - text_layers(config.layers, shape.text_layers) + 1

    def wrap(layer: int, block: nn.Module) -> AdaptedBlock:
        if layer < first:
            return AdaptedBlock(block)
        adapter = seeded(number(seed, "text", layer), lambda: TextAdapter(shape.text_width, config))
        return AdaptedBlock(block, before_mlp=adapter)

    return wrap
