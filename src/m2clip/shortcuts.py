"""One switch for all shortcuts: with M2CLIP_PLAIN=1 they are off, and all takes longer.

1. What frozen layers of the text tower give is kept from step to step (models/clip.py).
2. Prompts are as long as the longest of them and not as CLIP reads at most (models/prompts.py).
3. Attention in training is one product of all tokens (models/clip.py).
4. Decoded frames are kept (data/frame_cache.py).

1 and 4 change no bit. 2 and 3 round otherwise, as products have other shapes. BIKE alone has other values
with 2, since it averages over all tokens, padding included.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "M2CLIP_PLAIN"


def off() -> bool:
    """Whether shortcuts are off."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


@contextmanager
def all_off() -> Iterator[None]:
    """Inside, shortcuts are off; a model that was built before keeps its short prompts."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
