"""CLIP without training, the zero-shot baseline of Table 4. It has no options."""

from dataclasses import dataclass

from m2clip.options.base import Options as Base


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """Nothing to set: labels are scored by Eq. 11."""
