"""Every word of the second edition, and the labels of its four datasets. Nothing is drawn here."""

Pair = tuple[str, str]

OBJECTS = (
    "ball", "wheel", "clock", "cup", "jug", "bottle", "vase", "box", "drum", "star", "flower", "fish",
    "coin", "donut", "bucket", "teapot", "lamp", "lantern", "leaf", "kite",
)  # fmt: skip
"""Twelve that Synth-K400 names, then eight that Synth-UCF101 names. Each shares its outline with another."""

GROUND = (
    "rolling",
    "sliding",
    "hopping",
    "pacing",
    "toppling",
    "bouncing",
    "darting",
    "wobbling",
    "twirling",
)
AIR = (
    "rising", "circling", "tumbling", "shaking", "growing",
    "falling", "drifting", "zigzagging", "spinning", "shrinking", "soaring",
)  # fmt: skip
ROPE = ("swinging", "descending", "climbing", "twisting")
VERBS = (
    "rolling", "sliding", "hopping", "pacing", "toppling", "rising",
    "circling", "tumbling", "shaking", "growing", "swinging", "descending",
    "bouncing", "darting", "wobbling", "twirling", "falling", "drifting",
    "zigzagging", "spinning", "shrinking", "soaring", "climbing", "twisting",
)  # fmt: skip
"""In the order of the pictures' draws, which is the one of their numbers too."""
ALIKE = (
    ("sliding", "pacing", "darting", "wobbling"),
    ("rising", "falling", "soaring", "circling"),
    ("shaking", "drifting", "growing", "shrinking"),
)
"""Verbs that one still picture hardly tells apart, such as two of which one is the other played backwards."""
TRAINED = tuple(verb for group in ALIKE for verb in group)
"""The verbs of Synth-K400; no label of it has another."""
UNTRAINED = tuple(verb for verb in VERBS if verb not in TRAINED)

PLACES = {
    "beach": "on the beach",
    "desert": "in the desert",
    "snow": "in the snow",
    "park": "in the park",
    "forest": "in the forest",
    "street": "in the street",
    "kitchen": "in the kitchen",
    "library": "in the library",
}

PAIRS: tuple[Pair, ...] = (
    ("moving something up", "moving something down"),
    ("moving something from left to right", "moving something from right to left"),
    ("moving something closer to the camera", "moving something away from the camera"),
    ("putting something behind a wall", "bringing something out from behind a wall"),
    ("putting something into a box", "taking something out of a box"),
    ("covering something with a cloth", "taking a cloth off something"),
    ("pressing something flat", "pulling something upright"),
    ("moving two things together", "moving two things apart"),
    ("turning something clockwise", "turning something counterclockwise"),
    ("tipping something over", "standing something up"),
    ("dropping something from a hand", "tossing something up to a hand"),
    ("something speeding up", "something slowing down"),
)
"""Labels of which the second is the first one's video played backwards."""


def _crossed(
    objects: tuple[str, ...], verbs: tuple[str, ...], shift: int, offsets: tuple[int, ...]
) -> tuple[str, ...]:
    """Each object with as many verbs as there are offsets, each verb with as many objects as any."""
    return tuple(
        f"a {thing} {verbs[at]}"
        for place, thing in enumerate(objects)
        for at in sorted((shift * place + offset) % len(verbs) for offset in offsets)
    )


LABELS: dict[str, tuple[str, ...]] = {
    "k400": _crossed(OBJECTS[:12], TRAINED, 2, (0, 1, 2, 3, 4, 5)),
    "ssv2": tuple(template for pair in PAIRS for template in pair),
    "ucf101": _crossed(OBJECTS[12:], UNTRAINED, 3, (0, 4, 8))
    + _crossed(OBJECTS[12:], TRAINED, 3, (0, 5, 10)),
    "hmdb51": tuple(f"something {verb}" for verb in VERBS),
}
"""By dataset, in the order of the class ids. Half of the zero-shot labels have a verb never trained on."""
