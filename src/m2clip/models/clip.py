"""CLIP's two towers, opened: embedding, transformer blocks, projection (Eq. 1-5 without adapters).

open_clip's blocks are not copied. `attend` and `feed` state the two residual lines of its block,
`split_heads` and `merge_heads` the two halves of its attention; a method that changes a block writes a block
of its own with them. With plain blocks both towers equal open_clip's encoders.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip import shortcuts

Wrap = Callable[[int, Any], nn.Module]  # (layer counted from 1, open_clip's block) -> the block that runs


def attend(block: Any, tokens: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """What the attention branch of a block adds: ls_1(MHSA(ln_1(tokens))).

    Args:
        block: open_clip's.
        tokens: (..., L, D); attention is within L, leading axes are a batch.
        context: (..., S, D) tokens to take keys and values from; None: from `tokens`.
        mask: (L, S), added to the attention scores.

    Returns:
        (..., L, D).
    """
    normed = block.ln_1(tokens)
    if context is None:
        return self_attention(block, normed, mask)
    keys = block.ln_1(context).flatten(0, -3)
    found = block.attention(normed.flatten(0, -3), keys, keys, attn_mask=mask)
    return block.ls_1(found).view(tokens.shape)


def self_attention(block: Any, normed: Tensor, mask: Tensor | None = None) -> Tensor:
    """`attend` of tokens that are normed already: ls_1(MHSA(normed)), (..., L, D) -> (..., L, D).

    In training nn.MultiheadAttention swaps batch and length, which makes one small product of each place and
    copies queries, keys and values; here those of all tokens come from one product.
    """
    flat = normed.flatten(0, -3)
    if shortcuts.off() or not block.training:
        return block.ls_1(block.attention(flat, attn_mask=mask)).view(normed.shape)
    return merge_heads(block, *_split(block, flat), mask).view(normed.shape)


def feed(block: Any, tokens: Tensor) -> Tensor:
    """What the FFN branch of a block adds: ls_2(MLP(ln_2(tokens))), (..., L, D) -> (..., L, D)."""
    return block.ls_2(block.mlp(block.ln_2(tokens)))


def split_heads(block: Any, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys, values of a block's MHSA: (..., L, D) -> three of (..., heads, L, D / heads)."""
    return _split(block, block.ln_1(tokens))


def _split(block: Any, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    attention = block.attn
    joined = F.linear(normed, attention.in_proj_weight, attention.in_proj_bias)
    queries, keys, values = rearrange(joined, "... L (P H d) -> P ... H L d", P=3, H=attention.num_heads)
    return queries, keys, values


def merge_heads(
    block: Any, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> Tensor:
    """The second half of `attend`, from changed queries, keys, values: (..., heads, L, d) -> (..., L, D)."""
    mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    return block.ls_1(block.attn.out_proj(rearrange(mixed, "... H L d -> ... L (H d)")))


class PlainBlock(nn.Module):
    """A block of CLIP, unchanged."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(..., L, D) -> (..., L, D)."""
        tokens = tokens + attend(self.block, tokens, mask=mask)
        return tokens + feed(self.block, tokens)


def plain(layer: int, block: Any) -> nn.Module:
    """The `Wrap` of a tower that stays as it is."""
    return PlainBlock(block)


class ImageTower(nn.Module):
    """E_v, Eq. 1-3: frames in, tokens out; `project` takes class tokens into the joint space."""

    blocks: Any  # an nn.ModuleList of what `wrap` made

    def __init__(self, visual: Any, wrap: Wrap = plain) -> None:
        super().__init__()
        self.visual = visual
        self.blocks = nn.ModuleList(
            wrap(layer, block) for layer, block in enumerate(visual.transformer.resblocks, 1)
        )
        visual.transformer.resblocks = nn.ModuleList()
        self.width = int(visual.class_embedding.shape[-1])
        self.joint = self.width if visual.proj is None else int(visual.proj.shape[-1])
        self.grid: tuple[int, int] = visual.grid_size

    def patches(self, frames: Tensor) -> Tensor:
        """Patch embeddings without positions, (..., 3, H, W) -> (..., M, D)."""
        patches = self.visual.conv1(frames.flatten(0, -4)).flatten(2).transpose(1, 2)
        return patches.unflatten(0, frames.shape[:-3])

    def embed(self, frames: Tensor, added: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """The tokens that enter the first block: (B, T, 3, H, W) -> (B, T, L, D).

        Args:
            frames: normalised.
            added: broadcastable to (B, T, L, D), added before the first norm, as temporal embeddings are.
            positions: (L, D), used in place of CLIP's positional embedding.
        """
        visual, patches = self.visual, self.patches(frames)
        classes = visual.class_embedding.expand(*patches.shape[:-2], 1, -1)
        tokens = torch.cat([classes.to(patches.dtype), patches], dim=-2)
        positions = visual.positional_embedding if positions is None else positions
        tokens = tokens + positions.to(tokens.dtype)
        return visual.ln_pre(tokens if added is None else tokens + added)

    def forward(self, tokens: Tensor) -> Tensor:
        """All blocks: (B, T, L, D) -> (B, T, L, D)."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens

    def normed(self, classes: Tensor) -> Tensor:
        """Class tokens after CLIP's last LayerNorm, (..., D) -> (..., D)."""
        return self.visual.ln_post(classes)

    def project(self, classes: Tensor) -> Tensor:
        """Class tokens of the last block into the joint space, (..., D) -> (..., E)."""
        normed = self.visual.ln_post(classes)
        return normed if self.visual.proj is None else normed @ self.visual.proj


class TextTower(nn.Module):
    """E_l, Eq. 4-5: token ids in, one feature a text out.

    The blocks below the first trained one are frozen, so their output for a text never changes: `tokens`
    computes it once for each text and caches it, with the version of every weight that it was computed from.
    """

    blocks: Any  # an nn.ModuleList of what `wrap` made
    causal_mask: Tensor

    def __init__(self, clip: Any, wrap: Wrap = plain) -> None:
        super().__init__()
        self.token_embedding, self.positional_embedding = clip.token_embedding, clip.positional_embedding
        self.ln_final, self.text_projection = clip.ln_final, clip.text_projection
        self.register_buffer("causal_mask", clip.attn_mask, persistent=False)
        self.blocks = nn.ModuleList(
            wrap(layer, block) for layer, block in enumerate(clip.transformer.resblocks, 1)
        )
        self.width = int(clip.transformer.width)
        self._cache: dict[Any, tuple[Any, Tensor]] = {}  # text -> (weights' state, tokens)

    def mask(self, length: int) -> Tensor:
        """The causal mask of texts of this length, (L, L)."""
        return self.causal_mask[:length, :length]

    def embed(self, ids: Tensor) -> Tensor:
        """Token embeddings without positions, (..., L) -> (..., L, D)."""
        return self.token_embedding(ids)

    def encode(self, embedded: Tensor, ids: Tensor) -> Tensor:
        """Features of embedded texts, which may hold learned vectors: (..., L, D) -> (..., E); never cached.

        Args:
            embedded: from `embed`, changed or not.
            ids: (..., L), which say where each text ends.
        """
        tokens = embedded + self.positional_embedding[: ids.shape[-1]]
        return self.pool(self.run(tokens), ids)

    def pool(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """The feature at the end-of-text token, which has the highest id: (..., L, D) -> (..., E)."""
        ends = ids.argmax(-1)[..., None, None].expand(*tokens.shape[:-2], 1, tokens.shape[-1])
        return self.project(self.ln_final(tokens.gather(-2, ends)[..., 0, :]))

    def project(self, normed: Tensor) -> Tensor:
        """Tokens after the last norm into the joint space, (..., D) -> (..., E)."""
        if self.text_projection is None:
            return normed
        is_layer = isinstance(self.text_projection, nn.Linear)
        return self.text_projection(normed) if is_layer else normed @ self.text_projection

    def tokens(self, ids: Tensor, cache: bool = True) -> Tensor:
        """All tokens of the last block, (N, L) -> (N, L, D).

        Args:
            ids: of the texts.
            cache: keep the output of the frozen blocks; not for texts that differ at every step.
        """
        if shortcuts.off():
            return self.run(self.embed(ids) + self.positional_embedding[: ids.shape[-1]])
        return self.run(self._frozen_tokens(ids, cache), first=self.frozen_blocks)

    def forward(self, ids: Tensor) -> Tensor:
        """(N, L) -> (N, E)."""
        return self.pool(self.tokens(ids), ids)

    def run(self, tokens: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """Blocks `first` to `last` - 1, counted from 0: (..., L, D) -> (..., L, D)."""
        # Padding behind the longest text was cut off: the mask is causal, so no token would attend to it.
        mask = self.mask(tokens.shape[-2])
        for block in self.blocks[first:last]:
            tokens = block(tokens, mask=mask)
        return tokens

    @property
    def frozen_blocks(self) -> int:
        """How many blocks lie below the first that is trained; 0 where the embeddings are trained."""
        if any(weight.requires_grad for weight in self._embeddings()):
            return 0
        blocks = enumerate(self.blocks)
        trained = (i for i, block in blocks if any(p.requires_grad for p in block.parameters()))
        return next(trained, len(self.blocks))

    def _embeddings(self) -> tuple[Tensor, Tensor]:
        return self.token_embedding.weight, self.positional_embedding

    def _frozen_tokens(self, ids: Tensor, cache: bool) -> Tensor:
        """What enters the first trained block, from the cache unless a weight below it has changed.

        torch counts in-place changes of a tensor (`_version`), such as an optimiser's step or loaded weights.
        It does not count what is written to `.data`, which nothing in this repository does to frozen weights.
        """
        depth, embeddings = self.frozen_blocks, self._embeddings()
        trained = any(weight.requires_grad for weight in embeddings)
        below = [*embeddings, *(p for block in self.blocks[:depth] for p in block.parameters())]
        autocast = not ids.is_meta and torch.is_autocast_enabled(ids.device.type)
        state = (depth, autocast, tuple((id(weight), weight._version, weight.dtype) for weight in below))
        text = (ids.shape, ids.device, b"" if ids.is_meta else ids.cpu().numpy().tobytes())
        if not trained and self._cache.get(text, (None,))[0] == state:
            return self._cache[text][1]
        with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
            tokens = self.run(self.embed(ids) + self.positional_embedding[: ids.shape[-1]], last=depth)
        if cache and not trained:
            self._cache = {key: kept for key, kept in self._cache.items() if kept[0] == state}
            self._cache[text] = (state, tokens)
        return tokens
