"""Columns that say what a row is made of: ticks of Tables 1, 3, 4 and Figs. 4a, 4c, read off its config."""

from collections.abc import Callable

from m2clip.backbones import shape_of
from m2clip.config import Run
from m2clip.options import m2clip, st_adapter
from m2clip.options.base import adapted_layers, text_layers
from m2clip.options.m2clip import HEADS
from m2clip.report.names import HEADS as SHOWN
from m2clip.report.results import Row

YES, NO = "✓", "✗"
HEADERS = {
    "ted": "TED-Adapter",
    "text_adapter": "Text adapter",
    "multi_task": "Multi-task decoder",
    **SHOWN,
    "front": "Front layers",
    "back": "Back layers",
    "te": "TE",
    "td": "TD",
    "sequential": "Sequential",
    "parallel": "Parallel",
    "reads_text": "Zero-shot",
    "tuned_clip": "CLIP finetuned",
}


def tick(value: bool | None) -> str | None:
    """Yes, no, or nothing to say."""
    return None if value is None else YES if value else NO


def cell(key: str, row: Row) -> str | None:
    """A tick of a row; None without a config, or where the question makes no sense."""
    return tick(READ[key](row.config)) if row.config else None


def layers_of_text(row: Row) -> int | None:
    """How many text layers have an adapter."""
    if row.config is None:
        return None
    options = row.config.options
    layers = options.adapters.text.layers if isinstance(options, m2clip.Options) else 0
    return text_layers(layers, shape_of(row.config.backbone).text_layers)


def site(row: Row) -> str | None:
    """Where in a block the visual adapter sits, in the paper's words."""
    words = {"attention": "before MHSA", "mlp": "before FFN", "both": "before both"}
    options = row.config.options if row.config else None
    if isinstance(options, m2clip.Options):
        return words[options.adapters.visual.site]
    return words[options.site] if isinstance(options, st_adapter.Options) else None


def _half(name: str) -> Callable[[Run], bool | None]:
    """Whether all layers of the front, or of the back, have a TED-Adapter."""

    def read(config: Run) -> bool | None:
        visual, total = _ted(config), shape_of(config.backbone).image_layers
        if visual is None:
            return None
        return set(adapted_layers(name, total)) <= set(adapted_layers(visual.layers, total))

    return read


def _ted(config: Run) -> m2clip.VisualAdapter | None:
    """The settings of the TED-Adapter, of a row that has one."""
    options = config.options
    if not isinstance(options, m2clip.Options) or options.adapters.visual.layers in ("none", ()):
        return None
    return options.adapters.visual


def _text_adapter(config: Run) -> bool:
    return isinstance(config.options, m2clip.Options) and config.options.adapters.text.layers != 0


def _fusion(name: str) -> Callable[[Run], bool | None]:
    """Sequential or parallel; neither where TE or TD is alone."""

    def read(config: Run) -> bool | None:
        visual = _ted(config)
        if visual is None or not (visual.temporal_enhancement and visual.temporal_difference):
            return None
        return visual.fusion == name

    return read


def _part(name: str) -> Callable[[Run], bool | None]:
    return lambda config: getattr(_ted(config), name, None)


def _head(name: str) -> Callable[[Run], bool | None]:
    return lambda config: name in config.options.heads


READ: dict[str, Callable[[Run], bool | None]] = {
    "ted": lambda config: _ted(config) is not None,
    "text_adapter": _text_adapter,
    "multi_task": lambda config: set(config.options.heads) == set(HEADS),
    **{head: _head(head) for head in HEADS},
    "front": _half("front"),
    "back": _half("back"),
    "te": _part("temporal_enhancement"),
    "td": _part("temporal_difference"),
    "sequential": _fusion("sequential"),
    "parallel": _fusion("parallel"),
    "reads_text": lambda config: config.options.zero_shot,
    "tuned_clip": lambda config: False,
}

_VISUAL = "adapters.visual"
_BRANCHES = (f"{_VISUAL}.temporal_enhancement", f"{_VISUAL}.temporal_difference")
_SITTING = ("method", f"{_VISUAL}.layers")
SETTINGS: dict[str, tuple[str, ...]] = {
    "ted": _SITTING,
    "text_adapter": ("method", "adapters.text.layers"),
    "multi_task": ("decoder.heads",),
    **dict.fromkeys(HEADS, ("decoder.heads",)),
    "front": _SITTING,
    "back": _SITTING,
    "te": (*_SITTING, _BRANCHES[0]),
    "td": (*_SITTING, _BRANCHES[1]),
    "sequential": (*_SITTING, *_BRANCHES, f"{_VISUAL}.fusion"),
    "parallel": (*_SITTING, *_BRANCHES, f"{_VISUAL}.fusion"),
    "reads_text": ("decoder.heads",),
    "tuned_clip": ("method",),
    "site": ("method", f"{_VISUAL}.site"),
    "text_layers": ("adapters.text.layers",),
}
"""The settings by which each of these cells is decided."""
