"""CLIP without training, the zero-shot baseline of Table 4. It has no options."""

from m2clip.fields import settings
from m2clip.options.base import Options as Base


@settings
class Options(Base):
    """Nothing to set: labels are scored by Eq. 11."""
