"""Still pictures for pre-training: the same renderer at one instant, in a namespace of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2clip.seeds import generator
from m2clip.synthetic.actions import Actor, Range, act, draw_actor
from m2clip.synthetic.canvas import width_of
from m2clip.synthetic.captions import Attributes
from m2clip.synthetic.scenes import DARK, OUTLINED, PLAIN, Scene, draw_scene
from m2clip.synthetic.second import plans as second
from m2clip.synthetic.worlds import SECOND, SMALL, World

STYLES = ((PLAIN, 0.7), (OUTLINED, 0.15), (DARK, 0.15))
STILLS = Range(travel=(0.25, 0.95), drift=0.25, shake=1.0, lines=0.6, trail=0.2)


@dataclass(frozen=True)
class Still:
    """One picture: what it shows, and where, when and how that is seen."""

    what: Attributes
    scene: Scene
    actor: Actor
    time: NDArray[np.float32]
    left: int


def plan_still(index: int, key: str, world: World = SMALL) -> Still:
    """Picture `index` of the set named `key`, not drawn yet."""
    rng = generator("pretraining", *world.key, key, index)
    style = int(rng.choice([style for style, _ in STYLES], p=[share for _, share in STYLES]))
    scene = draw_scene(rng, style, 1, STILLS.shake, world)
    actor = draw_actor(rng, STILLS)
    thing = str(rng.choice(world.objects))
    verb = (None, None, *world.verbs)[rng.integers(len(world.verbs) + 2)]
    time = rng.random(1, np.float32)
    left = int(rng.integers(width_of(world.height) - world.height + 1))
    return Still(Attributes(thing, verb, scene.background), scene, actor, time, left)


def still(index: int, key: str, world: World = SMALL) -> tuple[NDArray[np.uint8], Attributes]:
    """Picture `index` of the set named `key`: `(S, S, 3)`, cropped somewhere along its width."""
    if world.name == SECOND.name:
        drawn = second.plan_picture(generator("pretraining", *world.key, key, index), world.height)
        shown = Attributes(drawn.plan.thing, drawn.plan.verb, drawn.plan.scene.background)
        return second.draw_picture(drawn), shown
    planned = plan_still(index, key, world)
    frame = act(planned.what.thing, planned.what.verb, planned.actor, planned.scene, planned.time)[0]
    return np.ascontiguousarray(frame[:, planned.left : planned.left + world.height]), planned.what
