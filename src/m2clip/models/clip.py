"""The frozen CLIP, opened at two sites of every block (Eq. 1-5 without their adapters).

open_clip's blocks are not copied: an AdaptedBlock holds one and re-states its two residual lines with a
site before each. With no adapters both towers give what open_clip's own encoders give, to the bit.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn


class AdaptedBlock(nn.Module):
    """A frozen transformer block of CLIP with a site before its MHSA and one before its FFN."""

    def __init__(
        self, block: nn.Module, before_attn: nn.Module | None = None, before_mlp: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.block = block
        self.before_attn = before_attn or nn.Identity()
        self.before_mlp = before_mlp or nn.Identity()

    def forward(self, tokens: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """(..., L, D) -> (..., L, D); attention is within L, leading axes are a batch to the block."""
        block: Any = self.block
        tokens = self.before_attn(tokens)
        normed = block.ln_1(tokens).flatten(0, -3)
        tokens = tokens + block.ls_1(block.attention(normed, attn_mask=attn_mask)).view(tokens.shape)
        tokens = self.before_mlp(tokens)
        return tokens + block.ls_2(block.mlp(block.ln_2(tokens)))


Wrap = Callable[[int, nn.Module], AdaptedBlock]


class ImageTower(nn.Module):
    """E_v, Eq. 1-3: frames in, one feature a frame out."""

    def __init__(self, visual: Any, wrap: Wrap) -> None:
        super().__init__()
        self.visual = visual
        self.blocks = nn.ModuleList(
            wrap(layer, block) for layer, block in enumerate(visual.transformer.resblocks, 1)
        )
        visual.transformer.resblocks = nn.ModuleList()
        self.width = int(visual.class_embedding.shape[-1])
        self.joint = self.width if visual.proj is None else int(visual.proj.shape[-1])

    def forward(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, 3, H, W) -> class tokens after the last layer (B, T, D), projected ones v_t (B, T, E)."""
        batch, frames = video.shape[:2]
        tokens = self.visual._embeds(video.flatten(0, 1)).unflatten(0, (batch, frames))
        for block in self.blocks:
            tokens = block(tokens)
        pooled, _ = self.visual._pool(tokens.flatten(0, 1))
        projected = pooled if self.visual.proj is None else pooled @ self.visual.proj
        return tokens[:, :, 0], projected.unflatten(0, (batch, frames))

    def normed(self, tokens: Tensor) -> Tensor:
        """Class tokens through the last norm, (..., D) -> (..., D)."""
        return self.visual.ln_post(tokens)


class TextTower(nn.Module):
    """E_l, Eq. 4-5: token ids in, one feature a text out."""

    attn_mask: Tensor

    def __init__(self, clip: Any, wrap: Wrap) -> None:
        super().__init__()
        self.token_embedding, self.positional_embedding = clip.token_embedding, clip.positional_embedding
        self.ln_final, self.text_projection = clip.ln_final, clip.text_projection
        self.register_buffer("attn_mask", clip.attn_mask, persistent=False)
        self.blocks = nn.ModuleList(
            wrap(layer, block) for layer, block in enumerate(clip.transformer.resblocks, 1)
        )
        self.width = int(clip.transformer.width)

    def trunk(self, ids: Tensor) -> Tensor:
        """(N, L) -> (N, L, D): the layers below the first adapter, frozen and always the same."""
        tokens = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        return self._run(tokens, self.blocks[: self.first_adapted])

    def tokens(self, trunk: Tensor) -> Tensor:
        """From the trunk's tokens to the last layer's z_l, (N, L, D) -> (N, L, D)."""
        return self._run(trunk, self.blocks[self.first_adapted :])

    def pool(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """The feature h_l(z_N) at the end-of-text token, which has the highest id: (N, L, D) -> (N, E)."""
        last = self.ln_final(tokens)[torch.arange(len(ids), device=ids.device), ids.argmax(-1)]
        if self.text_projection is None:
            return last
        is_layer = isinstance(self.text_projection, nn.Linear)
        return self.text_projection(last) if is_layer else last @ self.text_projection

    def forward(self, ids: Tensor) -> Tensor:
        """(N, L) -> (N, E)."""
        return self.pool(self.tokens(self.trunk(ids)), ids)

    def bare(self, ids: Tensor) -> Tensor:
        """(N, L) -> (N, E) as CLIP itself reads them, past all adapters."""
        tokens = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        blocks = nn.ModuleList(AdaptedBlock(cast(AdaptedBlock, block).block) for block in self.blocks)
        return self.pool(self._run(tokens, blocks), ids)

    @property
    def is_adapted(self) -> bool:
        """Whether any block has an adapter."""
        return self.first_adapted < len(self.blocks)

    @property
    def first_adapted(self) -> int:
        """How many blocks lie below the first with an adapter."""
        adapted = [
            i for i, block in enumerate(self.blocks) if any(p.requires_grad for p in block.parameters())
        ]
        return adapted[0] if adapted else len(self.blocks)

    def _run(self, tokens: Tensor, blocks: nn.ModuleList) -> Tensor:
        # The mask is causal: tokens that were cut off behind the longest text could not be seen anyway.
        mask = self.attn_mask[: tokens.shape[1], : tokens.shape[1]]
        for block in blocks:
            tokens = block(tokens, attn_mask=mask)
        return tokens
