"""One switch for all shortcuts that change no result: with M2CLIP_PLAIN=1 they are off, and all takes longer.

Off are: what frozen layers of the text tower give for a text is kept from step to step (models/clip.py);
prompts are as long as the longest of them and not as CLIP reads at most (models/prompts.py); attention in
training is one product of all tokens (models/clip.py); decoded frames are kept (data/frame_cache.py). The
second and the third round otherwise, as products have other shapes; the others change no bit. BIKE alone has
other values with the second, since it averages over all tokens, padding included.
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
    """Inside, shortcuts are off; prompts are as they were when their model was built."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
