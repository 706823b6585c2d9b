"""What a row is made of, read off its config: ticks of Tables 1, 4, Figures 4a, 4c; sites; text layers."""

from dataclasses import dataclass
from pathlib import Path

from m2clip.backbones import shape_of
from m2clip.config import Run
from m2clip.options import m2clip
from m2clip.options.base import adapted_layers, text_layers
from m2clip.options.m2clip import HEADS
from m2clip.report.grid import NO, YES
from m2clip.report.names import HEADS as SHOWN
from m2clip.report.numbers import Number, Source, Text
from m2clip.report.row import Row

SITES = {"attention": "before MHSA", "mlp": "before FFN", "both": "before both"}


@dataclass(frozen=True)
class Tick:
    """A yes-or-no question about a config, and the settings that answer it.

    layers: the key in the backbone's model config of its number of layers, where the answer needs it too.
    """

    header: str
    settings: tuple[str, ...]
    layers: str = ""


_SITTING = ("method", "adapters.visual.layers")
_TE, _TD = "adapters.visual.temporal_enhancement", "adapters.visual.temporal_difference"
_FUSION = (*_SITTING, _TE, _TD, "adapters.visual.fusion")
_HEADS = ("decoder.heads",)
TICKS = {
    "ted": Tick("TED-Adapter", _SITTING),
    "text_adapter": Tick("Text adapter", ("method", "adapters.text.layers")),
    "multi_task": Tick("Multi-task decoder", _HEADS),
    **{head: Tick(SHOWN[head], _HEADS) for head in HEADS},
    "front": Tick("Front layers", _SITTING, "vision_cfg.layers"),
    "back": Tick("Back layers", _SITTING, "vision_cfg.layers"),
    "te": Tick("TE", (*_SITTING, _TE)),
    "td": Tick("TD", (*_SITTING, _TD)),
    "sequential": Tick("Sequential", _FUSION),
    "parallel": Tick("Parallel", _FUSION),
    "reads_text": Tick("Zero-shot", _HEADS),
}


def answers(config: Run) -> dict[str, bool]:
    """The answer to each question of TICKS that applies to the config."""
    options = config.options
    found = {head: head in options.heads for head in HEADS}
    found |= {"multi_task": all(found.values()), "reads_text": options.zero_shot}
    found |= {"ted": False, "text_adapter": False}
    if not isinstance(options, m2clip.Options):
        return found
    visual, total = options.adapters.visual, shape_of(config.backbone).image_layers
    found["text_adapter"] = options.adapters.text.layers != 0
    if visual.layers in ("none", ()):
        return found
    adapted = set(adapted_layers(visual.layers, total))
    found |= {half: set(adapted_layers(half, total)) <= adapted for half in ("front", "back")}
    found |= {"ted": True, "te": visual.temporal_enhancement, "td": visual.temporal_difference}
    if found["te"] and found["td"]:
        found |= {fusion: visual.fusion == fusion for fusion in ("sequential", "parallel")}
    return found


def tick(key: str, row: Row, _: object = None) -> Text | None:
    """The answer to a question for a row, whatever table it stands in."""
    answer = answers(row.config).get(key) if row.config else None
    one = TICKS[key]
    return None if answer is None else Text(YES if answer else NO, _read(row, one.settings, one.layers))


def _read(row: Row, settings: tuple[str, ...], layers: str = "") -> tuple[Source, ...]:
    """Sources: settings of a row, and `layers` in the backbone's model config where that is a file here."""
    config = row.config.backbone.config if row.config else None
    return (*row.settings(*settings), *([Source(Path(config), layers)] if config and layers else []))


def site(row: Row) -> Text | None:
    """Where in a block the visual adapter sits, in the paper's words."""
    options = row.config.options if row.config else None
    if isinstance(options, m2clip.Options):
        return Text(SITES[options.adapters.visual.site], _read(row, ("method", "adapters.visual.site")))
    own = getattr(options, "site", None)  # of another method that has such an option
    return Text(SITES[own], _read(row, ("method", "site"))) if own in SITES else None


def text_adapters(row: Row) -> Number | None:
    """How many text layers have an adapter."""
    if row.config is None:
        return None
    options = row.config.options
    layers = options.adapters.text.layers if isinstance(options, m2clip.Options) else 0
    count = text_layers(layers, shape_of(row.config.backbone).text_layers)
    return Number(value=count, sources=_read(row, ("adapters.text.layers",), "text_cfg.layers"))
