"""A5 (Ju et al., ECCV 2022, Section 3): learned vectors around the label, and a transformer over the frames.

    prompt of class c = [a_1] ... [a_k] label_c [a_i] ... [a_j]     vectors by their place in the prompt
    v = mean over T of Transformer(v_t + position_t)                no residual around it

Both towers are frozen. A step compares each video with the prompts of all classes, 400 on K400.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from m2clip.models.method import Group, Labels, Method, Setup, Video, similarity
from m2clip.models.parts.layers import seeded, transformer_block
from m2clip.models.prompts import Prompts
from m2clip.seeds import number

STD = 0.01  # of the vectors and of the temporal positions


class A5(Method):
    """Two frozen towers, learned vectors, a temporal transformer on top."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        joint, longest = self.image.joint, self.text.positional_embedding.shape[0]

        def normal(name: str, *shape: int) -> nn.Parameter:
            draw = seeded(number(setup.seed, name), lambda: torch.randn(*shape))
            return nn.Parameter(STD * draw)

        self.vectors = normal("vectors", longest, self.text.width)
        self.positions = normal("positions", setup.frames, joint)
        self.over_frames = nn.Sequential(
            *(
                seeded(number(setup.seed, "over_frames", layer), lambda: transformer_block(joint))
                for layer in range(setup.options.layers)
            )
        )

    def video(self, frames: Tensor) -> Video:
        """The transformer attends over the frames; v is the mean of its outputs."""
        clip = super().video(frames)
        seen = self.over_frames(clip.frames + self.positions)
        return Video(seen, seen.mean(dim=1), clip.width)

    def labels(self, prompts: Sequence[Prompts], own: bool = True) -> Labels:
        """Each token of the template is replaced by the learned vector of its place in the prompt."""
        ids = prompts[0].ids.to(self.device)
        learned = template_places(prompts[0]).to(self.device)[..., None]
        embedded = torch.where(learned, self.vectors[: ids.shape[1]], self.text.embed(ids))
        return Labels(self.text.encode(embedded, ids))

    def compare(self, video: Video, labels: Labels) -> dict[str, Tensor]:
        """Cosines over the method's own temperature."""
        temperature = torch.full_like(self.temperature, self.options.temperature)
        return {"eq11": similarity(video.joint, labels.features, temperature)}

    def groups(self) -> dict[str, Group]:
        """The vectors, and the transformer with its positions."""
        return {"vectors": Group([self.vectors]), "over_frames": Group([self.over_frames, self.positions])}


def template_places(prompts: Prompts) -> Tensor:
    """Which tokens of the prompts are the template's, not the label's: (C, L), true or false."""
    places = torch.zeros_like(prompts.ids, dtype=torch.bool)
    for row, words in zip(places, prompts.words, strict=True):
        told = [not word.of_label for word in words for _ in word.tokens]
        row[1 : 1 + len(told)] = torch.tensor(told)  # behind the start token
    return places


METHOD = A5
