"""What is known of every method before torch is loaded: what it reads, what it can predict, what fits it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from m2clip.errors import UserError

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data

READ_TEXT = ("contrastive", "cmc", "cmlm")  # heads that use the text tower
EQ11 = ("contrastive", "cmc")  # heads that compare videos with labels, so that Eq. 11 can predict


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a method. A subclass adds its fields, with the paper's values as defaults."""

    learned_words: ClassVar[bool] = (
        False  # the method learns its own prompts, so evaluate.templates is unused
    )
    soft_targets: ClassVar[bool] = True  # its losses accept label smoothing and mixed labels

    @property
    def heads(self) -> tuple[str, ...]:
        """The trained tasks, by the names of their losses."""
        return ("contrastive",)

    @property
    def reads_text(self) -> bool:
        """Whether any head uses the text tower."""
        return bool(set(READ_TEXT) & set(self.heads))

    @property
    def zero_shot(self) -> bool:
        """Whether the method can score labels it was not trained on (Eq. 11)."""
        return bool(set(EQ11) & set(self.heads))

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where the options do not fit the backbone or the frames."""


def share(key: str, value: float) -> None:
    """Raise a UserError unless `value` is a share of a tower's width."""
    if not 0 < value <= 1:
        raise UserError(f"{key}: {value} is a share of the width, above 0 and at most 1")


def adapted_layers(
    layers: str | tuple[int, ...], total: int, key: str = "adapters.visual.layers"
) -> tuple[int, ...]:
    """Layers of a tower that get an adapter, counted from 1.

    `front` is the paper's 1-5 of 12, that is the first 5/12 of the layers, rounded; `back` is the rest.

    Raises:
        UserError: naming `key`, where the tower has no such layer.
    """
    front = round(5 * total / 12)
    named = {"all": (1, total), "none": (1, 0), "front": (1, front), "back": (front + 1, total)}
    if isinstance(layers, str):
        first, last = named[layers]
        return tuple(range(first, last + 1))
    for layer in layers:
        if not 1 <= layer <= total:
            raise UserError(f"{key}: there is no layer {layer}; this image tower has 1 to {total}")
    return layers


def text_layers(layers: int | str, total: int) -> int:
    """How many of the last text layers get an adapter."""
    count = total if isinstance(layers, str) else layers
    if count > total:
        raise UserError(f"adapters.text.layers: {count} is more than the {total} layers of this text tower")
    return count
