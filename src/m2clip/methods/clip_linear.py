"""A frozen CLIP with a linear classifier on its features averaged over frames: the linear probe."""

from torch import Tensor

from m2clip.models.method import Group, Method, Setup, Video
from m2clip.models.parts.layers import LinearHead, seeded
from m2clip.seeds import number


class CLIPLinear(Method):
    """CLIP with its frames averaged, and a classifier."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        width = self.image.width if self.options.feature == "width" else self.image.joint
        dropout = self.options.dropout
        self.vc = seeded(number(setup.seed, "vc"), lambda: LinearHead(width, setup.classes, dropout))

    def classify(self, video: Video) -> dict[str, Tensor]:
        """The classifier's logits."""
        return {"vc": self.vc(getattr(video, self.options.feature))}

    def groups(self) -> dict[str, Group]:
        """The classifier alone."""
        return {"vc": Group([self.vc])}


METHOD = CLIPLinear
