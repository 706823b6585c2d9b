"""What is known of every method before torch is loaded: what it reads, what it can predict, what fits it."""

from typing import TYPE_CHECKING, ClassVar

from m2clip.errors import UserError
from m2clip.fields import settings

if TYPE_CHECKING:
    from m2clip.backbones import Shape
    from m2clip.config import Data

EQ11 = ("contrastive", "cmc")  # heads that compare videos with labels, so that Eq. 11 can predict


@settings
class Options:
    """Options of a method. A subclass adds its fields, with the paper's values as defaults.

    What the harness must know of a method before torch is loaded is an attribute here.
    """

    learned_words: ClassVar[bool] = False  # the method learns its prompts: evaluate.templates must be empty
    one_length: ClassVar[bool] = False  # its weights are for data.frames: evaluate.frames may not differ
    soft_targets: ClassVar[bool] = True  # its losses accept label smoothing and mixed labels

    @property
    def heads(self) -> tuple[str, ...]:
        """The trained tasks, by the names of their losses."""
        return ("contrastive",)

    @property
    def reads_text(self) -> bool:
        """Whether videos are compared with the texts of labels."""
        return bool(set(EQ11) & set(self.heads))

    @property
    def no_zero_shot(self) -> str:
        """Why it cannot score labels that it was not trained on, in one line; empty where it can."""
        return "" if self.reads_text else "this run has a classifier and compares no video with texts"

    @property
    def zero_shot(self) -> bool:
        """Whether it can score labels that it was not trained on."""
        return not self.no_zero_shot

    @property
    def skips_some(self) -> bool:
        """Whether a step may leave a trained weight without a gradient; DDP then looks for such weights."""
        return False

    def templates(self, prompt: str, own: bool) -> tuple[str, ...]:
        """The sentences that labels are read in, with {} where the label goes.

        Args:
            prompt: data.prompt.
            own: whether these are the labels trained on.
        """
        return (prompt,)

    def check(self, shape: "Shape", data: "Data") -> None:
        """Raise a UserError where the options do not fit the backbone or the frames."""


def share(key: str, value: float) -> None:
    """Raise a UserError, naming `key`, unless `value` is a share of a width: above 0, at most 1."""
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
