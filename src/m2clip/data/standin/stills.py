"""Still pictures for pre-training: the same renderer at one instant, in a namespace of its own."""

import numpy as np
from numpy.typing import NDArray

from m2clip.data.standin.actions import VERBS, Range, act, draw_actor
from m2clip.data.standin.canvas import HEIGHT, WIDTH
from m2clip.data.standin.captions import Attributes
from m2clip.data.standin.objects import OBJECTS
from m2clip.data.standin.scenes import DARK, OUTLINED, PLAIN, draw_scene
from m2clip.seeds import generator

SIZE = 64
STYLES = ((PLAIN, 0.7), (OUTLINED, 0.15), (DARK, 0.15))
STILLS = Range(travel=(0.25, 0.95), drift=0.25, shake=1.0, lines=0.6, trail=0.2)


def still(index: int, key: str) -> tuple[NDArray[np.uint8], Attributes]:
    """Picture `index` of the set named `key`: `(64, 64, 3)`, cropped somewhere along its width."""
    rng = generator("pretraining", key, index)
    style = int(rng.choice([style for style, _ in STYLES], p=[share for _, share in STYLES]))
    scene = draw_scene(rng, style, 1, STILLS.shake)
    actor = draw_actor(rng, STILLS)
    thing = str(rng.choice(OBJECTS))
    verb = (None, None, *VERBS)[rng.integers(len(VERBS) + 2)]
    time = rng.random(1, np.float32)
    left = int(rng.integers(WIDTH - SIZE + 1))
    frame = act(thing, verb, actor, scene, time)[0, :HEIGHT, left : left + SIZE]
    return np.ascontiguousarray(frame), Attributes(thing, verb, scene.background)
