"""EVL (Lin et al., ECCV 2022): a decoder of few layers reads the last layers of the frozen CLIP.

    y_i = z_i + Conv(z_i) + e_i + A_i                tokens of layer i, with what time adds
    A_i = sum over t' = t - 1, t + 1 of              where the patches of frame t are in frame t',
          softmax(q_t k_t'^T) W_t'                   by offset on the grid
    x  <- x + MHCA(LN x, LN y_i);  x <- x + MLP(LN x)    one query for the whole video

This is the paper's Section 3: the query goes through the decoder's layers, then to a classifier.
q and k are those of CLIP's own attention in layer i, of the patches alone; the softmax is averaged over the
heads, and W has one vector for each offset between two patches. The convolution is of one channel each and
has three frames. e_i and W start at zero, the convolution does not.

The query starts at zero, as in the released code, which never calls its own initialisation of it. M2-CLIP's
table gives EVL 86 M parameters, which is the size of CLIP's frozen image tower; what is trained is 33 M.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

from m2clip.models.clip import feed, merge_heads, split_heads
from m2clip.models.method import Group, Method, Setup
from m2clip.models.parts.drawing import Dropout
from m2clip.models.parts.layers import LinearHead, seeded
from m2clip.options.evl import Options
from m2clip.seeds import number


class Decoded(NamedTuple):
    """What the decoder's query has found: (B, D)."""

    query: Tensor


class CrossFrame(nn.Module):
    """A: for each patch, a vector that says where it is in the frame before, and one for the frame after."""

    offsets: Tensor

    def __init__(self, grid: tuple[int, int], width: int) -> None:
        super().__init__()
        rows, columns = grid
        count = (2 * rows - 1) * (2 * columns - 1)
        self.before, self.after = (nn.Parameter(torch.zeros(count, width)) for _ in range(2))
        patch = torch.arange(rows * columns)
        down = patch[:, None] // columns - patch // columns + rows - 1
        right = patch[:, None] % columns - patch % columns + columns - 1
        self.register_buffer("offsets", down * (2 * columns - 1) + right, persistent=False)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries, keys of patches (B, T, heads, M, d) -> A (B, T, M, D); end frames have one neighbour."""
        before = self.found(queries[:, 1:], keys[:, :-1], self.before)
        after = self.found(queries[:, :-1], keys[:, 1:], self.after)
        return F.pad(before, (0, 0, 0, 0, 1, 0)) + F.pad(after, (0, 0, 0, 0, 0, 1))

    def found(self, queries: Tensor, keys: Tensor, vectors: Tensor) -> Tensor:
        """softmax(q k^T) W of each pair of frames: the offsets' vectors weighted by it, (B, T - 1, M, D)."""
        scores = queries @ keys.mT / queries.shape[-1] ** 0.5
        weights = scores.softmax(dim=-1).mean(dim=2)
        return torch.einsum("B T Q K, Q K D -> B T Q D", weights, vectors[self.offsets])


class DecoderLayer(nn.Module):
    """y_i, the tokens of one layer of CLIP with temporal information, and the query's attention to them."""

    def __init__(self, setup: Setup, grid: tuple[int, int], heads: int) -> None:
        super().__init__()
        options: Options = setup.options
        width = setup.image_width
        self.convolution = (
            nn.Conv2d(width, width, (3, 1), padding=(1, 0), groups=width) if options.convolution else None
        )
        self.embedding = nn.Parameter(torch.zeros(setup.frames, 1, width)) if options.embedding else None
        self.cross_frame = CrossFrame(grid, width) if options.cross_frame else None
        self.norm_query, self.norm_tokens, self.norm_mlp = (nn.LayerNorm(width) for _ in range(3))
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.act, self.dropout = QuickGELU(), Dropout(options.dropout)
        for layer in (self.widen, self.narrow):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, query: Tensor, tokens: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
        """The query (B, 1, D) -> (B, 1, D).

        Args:
            query: of the video.
            tokens: z_i (B, T, L, D), after CLIP's layer.
            queries: of CLIP's attention in that layer, (B, T, heads, L, d).
            keys: likewise.
        """
        read = self.norm_tokens(self.in_time(tokens, queries, keys).flatten(1, 2))
        query = query + self.attn(self.norm_query(query), read, read, need_weights=False)[0]
        return query + self.narrow(self.dropout(self.act(self.widen(self.norm_mlp(query)))))

    def in_time(self, tokens: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
        """y_i (B, T, L, D)."""
        added = tokens
        if self.convolution is not None:
            over_time = self.convolution(rearrange(tokens, "B T L D -> B D T L"))
            added = added + rearrange(over_time, "B D T L -> B T L D")
        if self.embedding is not None:
            added = added + self.embedding
        if self.cross_frame is not None:
            found = self.cross_frame(queries[..., 1:, :], keys[..., 1:, :])
            added = added + F.pad(found, (0, 0, 1, 0))  # 0 for the class token, not on the grid
        return added


class EVL(Method):
    """The frozen image tower, the decoder beside its last layers, and a classifier."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        layers, dropout, width = setup.options.layers, setup.options.dropout, setup.image_width
        heads = self.image.blocks[0].block.attn.num_heads

        def make() -> nn.Module:
            return DecoderLayer(setup, self.image.grid, heads)

        self.decoder = nn.ModuleList(
            seeded(number(setup.seed, "decoder", layer), make) for layer in range(layers)
        )
        self.query = nn.Parameter(torch.zeros(1, 1, width))
        self.norm = nn.LayerNorm(width)
        self.vc = seeded(number(setup.seed, "vc"), lambda: LinearHead(width, setup.classes, dropout))

    def video(self, frames: Tensor) -> Decoded:
        """CLIP's blocks one after another; the decoder reads each of the last."""
        tokens, query = self.image.embed(frames), self.query.repeat(len(frames), 1, 1)
        first = len(self.image.blocks) - len(self.decoder)
        for block in self.image.blocks[:first]:
            tokens = block(tokens)
        for wrapped, layer in zip(self.image.blocks[first:], self.decoder, strict=True):
            block = wrapped.block
            queries, keys, values = split_heads(block, tokens)
            tokens = tokens + merge_heads(block, queries, keys, values)
            tokens = tokens + feed(block, tokens)
            query = layer(query, tokens, queries, keys)
        return Decoded(query[:, 0])

    def classify(self, video: Any) -> dict[str, Tensor]:
        """The classifier's logits."""
        return {"vc": self.vc(self.norm(video.query))}

    def groups(self) -> dict[str, Group]:
        """The decoder with its query, and the classifier."""
        return {"decoder": Group([self.decoder, self.query, self.norm]), "vc": Group([self.vc])}


METHOD = EVL
