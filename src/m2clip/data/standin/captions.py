"""Sentences of the world: captions for its still pictures, and sentences that accompany none."""

from dataclasses import dataclass

import numpy as np

from m2clip.data.standin.actions import MOTION, STILL, VERBS
from m2clip.data.standin.objects import OBJECTS
from m2clip.data.standin.scenes import BACKGROUNDS
from m2clip.data.standin.templates import TEMPLATES

PREFIXES = ("", "a photo of ", "a video of ")
CHANCES = (0.5, 0.35, 0.15)
SUBSETS = ("ovb", "ov", "ob", "vb", "o", "v", "v", "b", "ov")
"""What a caption may tell: object, verb, background; drawn uniformly."""


@dataclass(frozen=True)
class Attributes:
    """What a still picture shows; `verb` is None where nothing happens."""

    thing: str
    verb: str | None
    background: str

    def ids(self) -> tuple[int, int, int]:
        """Object, verb (0 for none) and background as numbers."""
        verb = 0 if self.verb is None else VERBS.index(self.verb) + 1
        return OBJECTS.index(self.thing), verb, list(BACKGROUNDS).index(self.background)

    @classmethod
    def of(cls, thing: int, verb: int, background: int) -> "Attributes":
        """Back from the numbers."""
        return cls(OBJECTS[thing], VERBS[verb - 1] if verb else None, list(BACKGROUNDS)[background])


def caption(what: Attributes, rng: np.random.Generator) -> tuple[str, tuple[bool, bool, bool]]:
    """A true sentence about a picture, and which of its attributes it tells."""
    told = SUBSETS[rng.integers(len(SUBSETS))]
    if what.verb is None and "v" in told:
        told = told.replace("v", "") or ("o", "b", "ob")[rng.integers(3)]
    words = [
        f"a {what.thing}" if "o" in told else "something",
        what.verb or "",
        BACKGROUNDS[what.background] if "b" in told else "",
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


SENTENCES: tuple[str, ...] = (
    *TEMPLATES,
    *(f"something {verb}" for verb in VERBS),
    *(f"a {thing} {verb}" for thing in OBJECTS for verb in VERBS),
    *dict.fromkeys(_masked(text, place) for text in TEMPLATES for place in range(4)),
    *(f"a mask {verb}" for verb in VERBS),
    *(f"a {thing} mask" for thing in OBJECTS),
    "something mask",
)
"""Sentences for the text-only loss; no picture shows the templates, nor those with the word "mask"."""


def sentences(rng: np.random.Generator) -> list[str]:
    """A batch for the text-only loss: all templates, all verbs, some objects with verbs, some with "mask"."""
    first = len(TEMPLATES) + len(VERBS)
    pairs = first + len(OBJECTS) * len(VERBS)
    chosen = [*range(first), *rng.choice(np.arange(first, pairs), 12, replace=False)]
    chosen += list(rng.choice(np.arange(pairs, len(SENTENCES)), 6, replace=False))
    return [SENTENCES[place] for place in chosen]


def probes() -> dict[str, tuple[str, ...]]:
    """Zero-shot prompts for each kind of word."""
    return {
        "objects": tuple(f"a photo of a {thing}" for thing in OBJECTS),
        "still verbs": tuple(f"a photo of something {verb}" for verb in STILL),
        "motion verbs": tuple(f"a photo of something {verb}" for verb in MOTION),
        "backgrounds": tuple(f"a photo of something {place}" for place in BACKGROUNDS.values()),
    }


def vocabulary() -> tuple[str, ...]:
    """Texts that hold every word of every caption and sentence."""
    return (*PREFIXES, *OBJECTS, *VERBS, *BACKGROUNDS.values(), *SENTENCES)
