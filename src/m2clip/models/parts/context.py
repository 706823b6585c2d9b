"""Learned vectors in the places of a prompt's words (CoOp and what came after it)."""

import torch
from torch import Tensor, nn

from m2clip.models.clip import TextTower
from m2clip.models.parts.layers import seeded
from m2clip.models.prompts import Prompts
from m2clip.seeds import number

STD = 0.02  # of vectors that do not start as words


class Context(nn.Module):
    """Vectors for the first N words of every prompt: one set for all labels, or one for each."""

    def __init__(
        self, text: TextTower, prompts: Prompts, count: int, seed: int, *, words: bool, by_class: bool = False
    ) -> None:
        """The vectors, at their start.

        Args:
            text: the tower that will read them.
            prompts: of the labels trained on; their first `count` tokens are the template's.
            count: N.
            seed: of random vectors.
            words: start as the embeddings of the template's words, else normal with deviation 0.02.
            by_class: each label has vectors of its own.
        """
        super().__init__()
        sets = (len(prompts.ids),) if by_class else ()
        if words:
            first = prompts.ids[:1, 1 : 1 + count].to(text.token_embedding.weight.device)
            vectors = text.embed(first)[0].detach().expand(*sets, -1, -1).clone()
        else:
            draw = seeded(number(seed, "context"), lambda: torch.randn(*sets, count, text.width))
            vectors = STD * draw
        self.vectors = nn.Parameter(vectors)

    def forward(self, embedded: Tensor, shift: Tensor | None = None) -> Tensor:
        """Put the vectors behind the start token of embedded prompts.

        Args:
            embedded: (C, L, D).
            shift: (B, D), added to the vectors for each video (CoCoOp).

        Returns:
            (C, L, D), or (B, C, L, D) with `shift`.
        """
        vectors, count = self.vectors.expand(len(embedded), -1, -1), self.vectors.shape[-2]
        if shift is not None:
            vectors = vectors + shift[:, None, None]
            embedded = embedded.expand(len(shift), *embedded.shape)
        return torch.cat([embedded[..., :1, :], vectors, embedded[..., 1 + count :, :]], dim=-2)


def read(text: TextTower, context: Context, ids: Tensor) -> Tensor:
    """Features of prompts whose first words are the learned vectors, (C, L) -> (C, E)."""
    return text.encode(context(text.embed(ids)), ids)
