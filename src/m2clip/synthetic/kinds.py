"""What all pictures of one object share, whatever the object."""

from collections.abc import Callable
from dataclasses import dataclass

from m2clip.synthetic.canvas import Array

Colour = tuple[float, float, float]
Field = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Kind:
    """What all pictures of one object share: outline, two colours in HSV, where the second one shows."""

    outline: Field
    colours: tuple[Colour, Colour]
    texture: Callable[[Array, Array, float], Array]
