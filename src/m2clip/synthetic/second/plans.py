"""What a video or a still picture of the second edition will show, known before anything is drawn."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from m2clip.synthetic.second.actions import Extra, act, draw_extras
from m2clip.synthetic.second.events import Event, draw_event, happen
from m2clip.synthetic.second.film import width_of
from m2clip.synthetic.second.places import DUSK, OUTLINED, PLAIN, Setting, draw_setting
from m2clip.synthetic.second.verbs import Actor, draw_actor
from m2clip.synthetic.second.words import OBJECTS, VERBS

Fact = float | int | str
STYLES = {"k400": PLAIN, "ssv2": PLAIN, "ucf101": OUTLINED, "hmdb51": DUSK}
SHARES = ((PLAIN, 0.7), (OUTLINED, 0.15), (DUSK, 0.15))
"""How often a still picture has each style."""
SHAKE = 1.5


@dataclass(frozen=True)
class Plan:
    """One video: its label, and everything that the label does not say."""

    dataset: str
    label: str
    thing: str
    scene: Setting
    extras: tuple[Extra, ...]
    actor: Actor | None
    event: Event | None
    fps: int

    @property
    def verb(self) -> str | None:
        """What the thing does, where the label is of a thing and a verb."""
        word = self.label.split()[-1]
        return word if word in VERBS and self.event is None else None

    def facts(self) -> dict[str, Fact]:
        """The nuisance of this video, one number or word each; seeds are no facts, what is named neither."""
        parts = asdict(self.scene) | asdict(self.actor or self.event)  # type: ignore[arg-type]
        facts = {key: value for key, value in parts.items() if key not in ("seed", "style", "height")}
        if self.dataset == "hmdb51":
            facts["thing"] = self.thing
        return facts | {"fps": self.fps, "extras": len(self.extras)}


def plan(rng: np.random.Generator, dataset: str, label: str, height: int) -> Plan:
    """The video with this label; what is drawn for it does not depend on the label."""
    length, fps = int(rng.integers(40, 57)), int(rng.integers(20, 31))
    thing = str(rng.choice(OBJECTS))
    scene = draw_setting(rng, STYLES[dataset], length, SHAKE, height)
    extras = draw_extras(rng, scene.horizon)
    if dataset == "ssv2":
        event = draw_event(rng, scene.horizon)
        return Plan(dataset, label, event.thing, scene, extras, None, event, fps)
    words, actor = label.split(), draw_actor(rng, scene.horizon)
    named = thing if words[0] == "something" else words[1]
    return Plan(dataset, label, named, scene, extras, actor, None, fps)


def render(what: Plan, time: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw a plan at these times: `(T, H, W, 3)`."""
    extras = tuple(extra for extra in what.extras if extra.thing != what.thing)
    if what.event is not None:
        return happen(what.label, what.event, extras, what.scene, time)
    assert what.actor is not None
    return act(what.thing, what.verb, what.actor, extras, what.scene, time)


@dataclass(frozen=True)
class Picture:
    """A still picture: a video's plan at one moment, cropped somewhere along its width."""

    plan: Plan
    time: NDArray[np.float32]
    left: int


def plan_picture(rng: np.random.Generator, height: int) -> Picture:
    """Draw one: any object, any verb or none."""
    style = int(rng.choice([style for style, _ in SHARES], p=[share for _, share in SHARES]))
    scene = draw_setting(rng, style, 1, SHAKE, height)
    extras, actor = draw_extras(rng, scene.horizon), draw_actor(rng, scene.horizon)
    thing, verb = str(rng.choice(OBJECTS)), ("", *VERBS)[rng.integers(len(VERBS) + 1)]
    shown = Plan("stills", f"a {thing} {verb}".strip(), thing, scene, extras, actor, None, 1)
    return Picture(shown, rng.random(1, np.float32), int(rng.integers(width_of(height) - height + 1)))


def draw_picture(what: Picture) -> NDArray[np.uint8]:
    """`(S, S, 3)`; the camera's walk, which a single frame has too, is of the video's size."""
    frame, height = render(what.plan, what.time)[0], what.plan.scene.height
    return np.ascontiguousarray(frame[:, what.left : what.left + height])
