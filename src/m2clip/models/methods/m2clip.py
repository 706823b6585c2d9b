"""M2-CLIP: TED-Adapters in the image tower, text adapters in the last layers of the text tower."""

from torch import nn

from m2clip.backbones import Shape, adapted_layers, text_layers
from m2clip.config import Run
from m2clip.models.adapters import TextAdapter, seeded, ted_adapter
from m2clip.models.clip import AdaptedBlock, Wrap
from m2clip.seeds import number


def wraps(config: Run, shape: Shape, seed: int) -> tuple[Wrap, Wrap]:
    """What this method puts into each block of the image tower and of the text tower."""
    visual, text = config.adapters.visual, config.adapters.text
    image_layers = adapted_layers(visual.layers, shape.image_layers)
    first_text_layer = shape.text_layers - text_layers(text.layers, shape.text_layers) + 1

    def image(layer: int, block: nn.Module) -> AdaptedBlock:
        if layer not in image_layers:
            return AdaptedBlock(block)
        sites = ("attention", "mlp") if visual.site == "both" else (visual.site,)
        doors = {
            site: seeded(
                number(seed, "ted", layer, site), lambda: ted_adapter(visual, shape.image_width, shape.grid)
            )
            for site in sites
        }
        return AdaptedBlock(block, doors.get("attention"), doors.get("mlp"))

    def words(layer: int, block: nn.Module) -> AdaptedBlock:
        if layer < first_text_layer:
            return AdaptedBlock(block)
        adapter = seeded(number(seed, "text", layer), lambda: TextAdapter(shape.text_width, text))
        return AdaptedBlock(block, before_mlp=adapter)

    return image, words
