"""What a video of a synthetic dataset will show, known before anything is drawn.

The label and everything else come from separate streams of randomness: what does not belong to the label
can't depend on it.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from m2clip.seeds import generator
from m2clip.synthetic.actions import Actor, Range, draw_actor
from m2clip.synthetic.scenes import DARK, OUTLINED, PLAIN, Scene, draw_scene
from m2clip.synthetic.second import plans as second
from m2clip.synthetic.templates import Event, draw_event
from m2clip.synthetic.worlds import SECOND, SMALL, World, told_by

Fact = float | int | str
LABELS = SMALL.labels
"""Of the small world."""

STYLES = {"k400": PLAIN, "ssv2": PLAIN, "ucf101": OUTLINED, "hmdb51": DARK}
HARD = Range(travel=(0.25, 0.65), drift=0.35, shake=1.7, lines=0.1, trail=0.1)
EASY = Range(travel=(0.45, 0.95), drift=0.2, shake=1.0, lines=0.2, trail=0.1)
RANGES = {"k400": HARD, "ucf101": EASY, "hmdb51": EASY}
TEMPLATE_SHAKE, TEMPLATE_DRIFT = 1.0, 0.08


@dataclass(frozen=True)
class Plan:
    """One video: its label, and everything that the label does not say."""

    dataset: str
    label: str
    thing: str
    scene: Scene
    actor: Actor | None
    event: Event | None
    fps: int

    def facts(self) -> dict[str, Fact]:
        """The nuisance of this video, one number or word each; seeds are no facts, what is named neither."""
        parts = asdict(self.scene) | asdict(self.actor or self.event)  # type: ignore[arg-type]
        facts = {key: value for key, value in parts.items() if key not in ("seed", "style", "height")}
        if self.dataset == "hmdb51":
            facts["thing"] = self.thing
            if told_by(self.label).background:
                del facts["background"]
        return facts | {"fps": self.fps}


def _label(dataset: str, split: str, index: int, world: World) -> str:
    """Every block of C videos holds every label once."""
    labels = world.labels[dataset]
    block, place = divmod(index, len(labels))
    order = generator("standin", *world.key, dataset, split, "labels", block).permutation(len(labels))
    return labels[order[place]]


def plan(dataset: str, split: str, index: int, world: World = SMALL) -> "Plan | second.Plan":
    """The video of this index."""
    label = _label(dataset, split, index, world)
    rng = generator("standin", *world.key, dataset, split, index)
    if world.name == SECOND.name:
        return second.plan(rng, dataset, label, world.height)
    length, fps = int(rng.integers(40, 57)), int(rng.integers(20, 31))
    thing = str(rng.choice(world.objects))
    if dataset == "ssv2":
        scene = draw_scene(rng, STYLES[dataset], length, TEMPLATE_SHAKE, world)
        event = draw_event(rng, TEMPLATE_DRIFT, world.objects)
        return Plan(dataset, label, event.thing, scene, None, event, fps)
    told = told_by(label)
    scene = draw_scene(rng, STYLES[dataset], length, RANGES[dataset].shake, world)
    scene = replace(scene, background=told.background or scene.background)
    return Plan(dataset, label, told.thing or thing, scene, draw_actor(rng, RANGES[dataset]), None, fps)


def times(length: int) -> np.ndarray:
    """From the first frame to the last, 0 to 1."""
    return np.linspace(0, 1, length, dtype=np.float32)
