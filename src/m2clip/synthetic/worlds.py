"""The words and labels of the synthetic world in its two sizes and its second edition. Nothing is drawn here.

`SMALL` is the one of the profiles smoke and embedded, whose backbone is in git; none of its pixels may
change. `STANDARD` has more of everything in larger frames. `SECOND` is another world, of the profile evidence
(synthetic/second/). Each has randomness of its own, so that no video or picture is in two of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from m2clip.synthetic.second import words

Pair = tuple[str, str]

STILL = ("glowing", "splashing", "burning", "smoking", "sparkling", "cracking")
MOTION = ("rising", "falling", "shaking", "spinning", "bouncing", "swinging", "rolling", "pulsing")
MORE_MOTION = ("circling", "zigzagging", "growing", "shrinking", "wobbling", "sliding")
OBJECTS = ("ball", "box", "star", "leaf", "fish", "cup", "moon", "kite", "wheel", "heart")
MORE_OBJECTS = ("ring", "cross", "tree", "house", "flower", "mushroom", "boat", "crown", "flag", "key")
BACKGROUNDS = {
    "sky": "in the sky",
    "grass": "on the grass",
    "sand": "on the sand",
    "brick": "by a brick wall",
    "water": "in the water",
    "night": "at night",
    "wood": "on a wood table",
}
MORE_BACKGROUNDS = {
    "snow": "in the snow",
    "tiles": "on a tiled floor",
    "stripes": "by a striped wall",
}
PAIRS: tuple[Pair, ...] = (
    ("moving something up", "moving something down"),
    ("pushing something left", "pushing something right"),
    ("covering something", "uncovering something"),
    ("something vanishing", "something appearing"),
    ("folding something", "unfolding something"),
    ("bringing things together", "pulling things apart"),
    ("moving something closer", "moving something away"),
)
"""Labels of which the second is the first one's clip played backwards."""
MORE_PAIRS: tuple[Pair, ...] = (
    ("turning something clockwise", "turning something counterclockwise"),
    ("moving something around clockwise", "moving something around counterclockwise"),
    ("tipping something over", "standing something up"),
    ("rolling something left", "rolling something right"),
    ("speeding something up", "slowing something down"),
    ("something entering from the left", "something leaving to the left"),
    ("something entering from above", "something leaving upwards"),
    ("splitting something in two", "merging two into one"),
    ("gathering dots around something", "scattering dots from something"),
    ("lighting something up", "dimming something"),
    ("painting something over", "wiping something clean"),
    ("flooding something", "draining something"),
    ("burying something", "digging something out"),
    ("putting something into a crate", "taking something out of a crate"),
    ("closing curtains on something", "opening curtains on something"),
)
EVERY_PAIR = PAIRS + MORE_PAIRS


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """All in which the worlds differ.

    key: what the world adds to the names of its random draws; clip: the name of the CLIP that is trained on
    its still pictures; height: of a frame and of a still picture, in pixels; backgrounds: the words for each;
    labels: of each dataset in the order of their class ids, "a video of {label}" being a sentence; still:
    verbs that a still picture shows.
    """

    name: str
    key: tuple[str, ...]
    clip: str
    height: int
    objects: tuple[str, ...]
    motion: tuple[str, ...]
    backgrounds: Mapping[str, str]
    pairs: tuple[Pair, ...]
    labels: Mapping[str, tuple[str, ...]]
    still: tuple[str, ...] = STILL

    @property
    def verbs(self) -> tuple[str, ...]:
        """Those that a still picture shows first."""
        return self.still + self.motion

    @property
    def templates(self) -> tuple[str, ...]:
        """The labels of SSv2."""
        return tuple(template for pair in self.pairs for template in pair)


@dataclass(frozen=True)
class Told:
    """What a label with a verb tells: object and background are None where it does not name them."""

    thing: str | None
    verb: str
    background: str | None


def told_by(label: str) -> Told:
    """Of "a ball rising", "something rising" or "something rising in the sky"."""
    words = label.split()
    if words[0] != "something":
        return Told(words[1], words[2], None)
    place = " ".join(words[2:])
    found = (name for name, phrase in (BACKGROUNDS | MORE_BACKGROUNDS).items() if phrase == place)
    return Told(None, words[1], next(found, None))


def _pairs(objects: tuple[str, ...], verbs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"a {name} {verb}" for name in objects for verb in verbs)


_SEEN = OBJECTS[:6] + MORE_OBJECTS[:6]
_UNSEEN = OBJECTS[6:] + MORE_OBJECTS[6:]
_HMDB_VERBS = (
    "glowing", "splashing", "burning", "smoking", "cracking",
    "rising", "falling", "shaking", "spinning", "bouncing",
)  # fmt: skip

SMALL = World(
    name="small",
    key=(),
    clip="standin-ViT-S-16",
    height=64,
    objects=OBJECTS,
    motion=MOTION,
    backgrounds=BACKGROUNDS,
    pairs=PAIRS,
    labels={
        "k400": _pairs(OBJECTS[:6], ("glowing", "splashing", "rising", "falling", "shaking", "spinning")),
        "ssv2": tuple(template for pair in PAIRS for template in pair),
        "ucf101": _pairs(OBJECTS[6:], ("burning", "sparkling", "rising", "falling", "spinning")),
        "hmdb51": tuple(f"something {verb}" for verb in _HMDB_VERBS),
    },
)
STANDARD = World(
    name="standard",
    key=("standard",),
    clip="standin-ViT-B-16",
    height=96,
    objects=OBJECTS + MORE_OBJECTS,
    motion=MOTION + MORE_MOTION,
    backgrounds=BACKGROUNDS | MORE_BACKGROUNDS,
    pairs=EVERY_PAIR,
    labels={
        "k400": _pairs(
            _SEEN,
            ("glowing", "splashing", "smoking", "rising", "falling",
             "shaking", "spinning", "circling", "growing", "sliding"),
        ),
        "ssv2": tuple(template for pair in EVERY_PAIR for template in pair),
        "ucf101": _pairs(
            _UNSEEN,
            ("burning", "sparkling", "rising", "falling", "spinning", "bouncing", "shrinking", "zigzagging"),
        ),
        "hmdb51": tuple(
            f"something {verb} {(BACKGROUNDS | MORE_BACKGROUNDS)[place]}"
            for verb in (*_HMDB_VERBS[:3], *_HMDB_VERBS[5:9], "swinging", "rolling", "wobbling")
            for place in ("sky", "sand", "brick", "water", "snow")
        ),
    },
)  # fmt: skip
SECOND = World(
    name="second",
    key=("second",),
    clip="standin-second-ViT-S-16",
    height=64,
    objects=words.OBJECTS,
    motion=words.VERBS,
    still=(),
    backgrounds=words.PLACES,
    pairs=words.PAIRS,
    labels=words.LABELS,
)
WORLDS = {world.name: world for world in (SMALL, STANDARD, SECOND)}
CLIPS = tuple(world.clip for world in WORLDS.values())  # that know generated pictures alone
