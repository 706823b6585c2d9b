"""CoOp (Zhou et al., IJCV 2022, Section 3.2): learned words before the label; both towers are frozen.

    prompt of class c = [v_1] ... [v_N] label_c,    p(c | x) = softmax over c of cos(v, w_c) / tau

Only v_1 ... v_N are trained. Its authors train on still images; here it is trained on videos, whose frames'
features are averaged.
"""

from collections.abc import Sequence

from m2clip.models.method import Group, Labels, Method, Setup
from m2clip.models.parts.context import Context, read
from m2clip.models.prompts import Prompts


class CoOp(Method):
    """CLIP with its frames averaged, and labels after learned words."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        options = setup.options
        self.context = Context(
            self.text,
            setup.prompts[0],
            options.context,
            setup.seed,
            words=bool(options.words),
            by_class=options.context_of == "class",
        )

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Labels:
        """Features of the labels after the learned words."""
        return Labels(read(self.text, self.context, prompts[0].ids.to(self.device)))

    def groups(self) -> dict[str, Group]:
        """The words."""
        return {"context": Group([self.context])}


METHOD = CoOp
