"""Sentences of the world: captions for its still pictures, and sentences that accompany none."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from m2clip.synthetic.worlds import SMALL, WORLDS, World

PREFIXES = ("", "a photo of ", "a video of ")
PHRASES = {name: phrase for world in WORLDS.values() for name, phrase in world.backgrounds.items()}
CHANCES = (0.5, 0.35, 0.15)
SUBSETS = ("ovb", "ov", "ob", "vb", "o", "v", "v", "b", "ov")
"""What a caption may tell: object, verb, background; drawn uniformly."""


@dataclass(frozen=True)
class Attributes:
    """What a still picture shows; `verb` is None where nothing happens."""

    thing: str
    verb: str | None
    background: str

    def ids(self, world: World = SMALL) -> tuple[int, int, int]:
        """Object, verb (0 for none) and background as numbers."""
        verb = 0 if self.verb is None else world.verbs.index(self.verb) + 1
        return world.objects.index(self.thing), verb, list(world.backgrounds).index(self.background)

    @classmethod
    def of(cls, ids: Iterable[int], world: World = SMALL) -> "Attributes":
        """Back from the numbers."""
        thing, verb, background = ids
        named = world.verbs[verb - 1] if verb else None
        return cls(world.objects[thing], named, list(world.backgrounds)[background])


def caption(what: Attributes, rng: np.random.Generator) -> tuple[str, tuple[bool, bool, bool]]:
    """A true sentence about a picture, and which of its attributes it tells."""
    told = SUBSETS[rng.integers(len(SUBSETS))]
    if what.verb is None and "v" in told:
        told = told.replace("v", "") or ("o", "b", "ob")[rng.integers(3)]
    words = [
        f"a {what.thing}" if "o" in told else "something",
        what.verb or "",
        PHRASES[what.background] if "b" in told else "",
    ]
    if "v" not in told:
        words[1] = ""
    prefix = PREFIXES[rng.choice(3, p=CHANCES)]
    # A picture without an action matches no caption that names one, so "no verb" is never told.
    return prefix + " ".join(word for word in words if word), ("o" in told, "v" in told, "b" in told)


def _masked(sentence: str, place: int) -> str:
    words = sentence.split()
    words[place % len(words)] = "mask"
    return " ".join(words)


@cache
def all_sentences(world: World = SMALL) -> tuple[str, ...]:
    """For the text-only loss; no picture shows the templates, nor those with the word "mask"."""
    return (
        *world.templates,
        *(f"something {verb}" for verb in world.verbs),
        *(f"a {thing} {verb}" for thing in world.objects for verb in world.verbs),
        *dict.fromkeys(_masked(text, place) for text in world.templates for place in range(4)),
        *(f"a mask {verb}" for verb in world.verbs),
        *(f"a {thing} mask" for thing in world.objects),
        "something mask",
    )


def sentences(rng: np.random.Generator, world: World = SMALL) -> list[str]:
    """A batch for the text-only loss: all templates, all verbs, some objects with verbs, some with "mask"."""
    every = all_sentences(world)
    first = len(world.templates) + len(world.verbs)
    pairs = first + len(world.objects) * len(world.verbs)
    chosen = [*range(first), *rng.choice(np.arange(first, pairs), 12, replace=False)]
    chosen += list(rng.choice(np.arange(pairs, len(every)), 6, replace=False))
    return [every[place] for place in chosen]


def probes(world: World = SMALL) -> dict[str, tuple[str, ...]]:
    """Zero-shot prompts for each kind of word that the world has."""
    prompts = {
        "objects": tuple(f"a photo of a {thing}" for thing in world.objects),
        "still verbs": tuple(f"a photo of something {verb}" for verb in world.still),
        "motion verbs": tuple(f"a photo of something {verb}" for verb in world.motion),
        "backgrounds": tuple(f"a photo of something {place}" for place in world.backgrounds.values()),
    }
    return {kind: texts for kind, texts in prompts.items() if texts}


def vocabulary(world: World = SMALL) -> tuple[str, ...]:
    """Texts that hold every word of every caption and sentence."""
    return (
        *PREFIXES, *world.objects, *world.verbs, *world.backgrounds.values(), *all_sentences(world)
    )  # fmt: skip
