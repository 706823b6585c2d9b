"""Columns that say what a row is made of: ticks of Tables 1, 3, 4 and Figs. 4a, 4c, read off its config."""

from collections.abc import Callable

from m2clip.backbones import adapted_layers, shape_of, text_layers
from m2clip.config import HEADS, Run
from m2clip.report.names import HEADS as SHOWN
from m2clip.report.results import Row

YES, NO = "✓", "✗"
TED = "m2clip"  # the method that has TED-Adapters
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
    return text_layers(row.config.adapters.text.layers, shape_of(row.config.backbone).text_layers)


def site(row: Row) -> str | None:
    """Where in a block the visual adapter sits, in the paper's words."""
    if row.config is None or row.config.method == "clip":
        return None
    words = {"attention": "before MHSA", "mlp": "before FFN", "both": "before both"}
    return words[row.config.adapters.visual.site]


def _half(name: str) -> Callable[[Run], bool | None]:
    """Whether all layers of the front, or of the back, have a TED-Adapter."""

    def read(config: Run) -> bool | None:
        total = shape_of(config.backbone).image_layers
        adapted = adapted_layers(config.adapters.visual.layers, total)
        return set(adapted_layers(name, total)) <= set(adapted) if _ted(config) else None

    return read


def _ted(config: Run) -> bool:
    return config.method == TED and config.adapters.visual.layers not in ("none", ())


def _fusion(name: str) -> Callable[[Run], bool | None]:
    """Sequential or parallel; neither where TE or TD is alone."""

    def read(config: Run) -> bool | None:
        visual = config.adapters.visual
        if not _ted(config) or not (visual.temporal_enhancement and visual.temporal_difference):
            return None
        return visual.fusion == name

    return read


def _part(name: str) -> Callable[[Run], bool | None]:
    return lambda config: getattr(config.adapters.visual, name) if _ted(config) else None


def _head(name: str) -> Callable[[Run], bool | None]:
    return lambda config: name in config.decoder.heads


READ: dict[str, Callable[[Run], bool | None]] = {
    "ted": _ted,
    "text_adapter": lambda config: config.method != "clip" and config.adapters.text.layers != 0,
    "multi_task": lambda config: set(config.decoder.heads) == set(HEADS),
    **{head: _head(head) for head in HEADS},
    "front": _half("front"),
    "back": _half("back"),
    "te": _part("temporal_enhancement"),
    "td": _part("temporal_difference"),
    "sequential": _fusion("sequential"),
    "parallel": _fusion("parallel"),
    "reads_text": lambda config: bool({"contrastive", "cmc"} & set(config.decoder.heads)),
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
