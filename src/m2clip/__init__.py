"""CLIP adapted to video: M2-CLIP and its rivals. What other programs call; each is loaded when it is used.

import m2clip
m2clip.predict("clips/", "FOLDER")      # api.py
m2clip.TEDModel(clip)                   # models/ted_model.py: TED-Adapters in any open_clip image tower
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m2clip.api import build, load, predict
    from m2clip.hub import push_to_hub
    from m2clip.models.ted_model import TEDModel

__all__ = ["TEDModel", "build", "load", "predict", "push_to_hub"]
_WHERE = {"TEDModel": "models.ted_model", "push_to_hub": "hub"}


def __getattr__(name: str) -> Any:
    """What is in `__all__`, from its module (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE.get(name, 'api')}"), name)
