"""What a row is made of, read off its config: ticks of Tables 1, 3, 4, Figures 4a, 4c; sites; text layers."""

from collections.abc import Callable
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
    """A question to a config, None where it makes no sense; the settings by which it is answered.

    layers: the key of the backbone's number of layers in its model config, where that decides too.
    """

    header: str
    read: Callable[[Run], bool | None]
    settings: tuple[str, ...]
    layers: str = ""

    def cell(self, row: Row) -> Text | None:
        """The answer for a row."""
        answer = self.read(row.config) if row.config else None
        return (
            None
            if answer is None
            else Text(YES if answer else NO, read_from(row, self.settings, self.layers))
        )


def read_from(row: Row, settings: tuple[str, ...], layers: str = "") -> tuple[Source, ...]:
    """Settings of a row; the backbone's layers, but of open_clip's own models, which have no file here."""
    config = row.config.backbone.config if row.config else None
    return (*row.settings(*settings), *([Source(Path(config), layers)] if config and layers else []))


def site(row: Row) -> Text | None:
    """Where in a block the visual adapter sits, in the paper's words."""
    options = row.config.options if row.config else None
    if isinstance(options, m2clip.Options):
        return Text(SITES[options.adapters.visual.site], read_from(row, ("method", "adapters.visual.site")))
    own = getattr(options, "site", None)  # of another method that has such an option
    return Text(SITES[own], read_from(row, ("method", "site"))) if own else None


def text_adapters(row: Row) -> Number | None:
    """How many text layers have an adapter."""
    if row.config is None:
        return None
    options = row.config.options
    layers = options.adapters.text.layers if isinstance(options, m2clip.Options) else 0
    count = text_layers(layers, shape_of(row.config.backbone).text_layers)
    return Number(value=count, sources=read_from(row, ("adapters.text.layers",), "text_cfg.layers"))


def _ted(config: Run) -> m2clip.VisualAdapter | None:
    """The settings of the TED-Adapter, of a row that has one."""
    options = config.options
    if not isinstance(options, m2clip.Options) or options.adapters.visual.layers in ("none", ()):
        return None
    return options.adapters.visual


def _text_adapter(config: Run) -> bool:
    return isinstance(config.options, m2clip.Options) and config.options.adapters.text.layers != 0


def _half(name: str) -> Callable[[Run], bool | None]:
    """Whether all layers of the front, or of the back, have a TED-Adapter."""

    def read(config: Run) -> bool | None:
        visual, total = _ted(config), shape_of(config.backbone).image_layers
        if visual is None:
            return None
        return set(adapted_layers(name, total)) <= set(adapted_layers(visual.layers, total))

    return read


def _fusion(name: str) -> Callable[[Run], bool | None]:
    """Sequential or parallel; neither where TE or TD is alone."""

    def read(config: Run) -> bool | None:
        visual = _ted(config)
        if visual is None or not (visual.temporal_enhancement and visual.temporal_difference):
            return None
        return visual.fusion == name

    return read


def _branch(name: str) -> Callable[[Run], bool | None]:
    return lambda config: getattr(_ted(config), name, None)


def _head(name: str) -> Callable[[Run], bool | None]:
    return lambda config: name in config.options.heads


_SITTING = ("method", "adapters.visual.layers")
_TE, _TD = "adapters.visual.temporal_enhancement", "adapters.visual.temporal_difference"
_FUSION = (*_SITTING, _TE, _TD, "adapters.visual.fusion")
_HEADS = ("decoder.heads",)
TICKS = {
    "ted": Tick("TED-Adapter", lambda config: _ted(config) is not None, _SITTING),
    "text_adapter": Tick(
        "Text adapter",
        _text_adapter,
        ("method", "adapters.text.layers"),
    ),
    "multi_task": Tick("Multi-task decoder", lambda config: set(config.options.heads) == set(HEADS), _HEADS),
    **{head: Tick(SHOWN[head], _head(head), _HEADS) for head in HEADS},
    "front": Tick("Front layers", _half("front"), _SITTING, "vision_cfg.layers"),
    "back": Tick("Back layers", _half("back"), _SITTING, "vision_cfg.layers"),
    "te": Tick("TE", _branch("temporal_enhancement"), (*_SITTING, _TE)),
    "td": Tick("TD", _branch("temporal_difference"), (*_SITTING, _TD)),
    "sequential": Tick("Sequential", _fusion("sequential"), _FUSION),
    "parallel": Tick("Parallel", _fusion("parallel"), _FUSION),
    "reads_text": Tick("Zero-shot", lambda config: config.options.zero_shot, _HEADS),
}
