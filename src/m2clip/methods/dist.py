"""DiST (Qing et al., ICCV 2023): a small temporal encoder beside the frozen CLIP, and a branch between them.

    x      = convolution of all T frames, 5 frames and one patch at a time         temporal encoder
    for each layer l of CLIP, which sees T / 2 frames and gives tokens z_l:
        x  <- g(x + W_2 g(W_1 LN x))            W_1 over 3 frames, W_2 over 3 x 3 patches; g: QuickGELU
        s   = W_l z_l + r                       what enters the integration branch
        s'  = s + [c, W_f x]                    two frames of x make one; class tokens c are learned
        x  <- x + W_b s                         each frame's patches for two frames of x
        r   = MLP(LN s') + MLP_T(LN s')         over features, and over features and 3 frames
    y      = s' + r of the last layer
    q_t   <- pool(q_t, y_t);  u <- pool(u, q + e)                 in each of the pooling layers
    pool(q, k) = q' + MLP(LN q'),  q' = q + MHCA(LN q, LN k)      one norm for query and keys
    v      = Proj(LN(u + W mean of CLIP's class tokens))

The paper gives the two encoders and the branch between them, and that no gradient flows through CLIP. The
sizes, the order within a layer and the start of all weights are the released code's: normal with deviation
0.02, biases zero. M2-CLIP's tables have no line of DiST.

A choice: the exchange to the temporal encoder is left out of the last layer, where nothing reads it (the
released model holds its 36,960 parameters at ViT-B/16, which no gradient reaches). The released evaluation of
zero-shot takes the mean of these logits and of CLIP's own; here the logits are those of v alone. Its reading
of labels is the bare name, `data.prompt: "{}"`. Weight decay is train.weight_decay, and none on class tokens,
queries and embeddings.
"""

from typing import Any, NamedTuple

import torch
from einops import rearrange, repeat
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

from m2clip.models.method import Group, Method, Setup
from m2clip.models.parts.layers import HEAD_WIDTH, seeded, small_weights
from m2clip.options.dist import Options
from m2clip.seeds import number

STD = 0.02


class PooledVideo(NamedTuple):
    """The video's feature v (B, E); DiST has no frame features."""

    joint: Tensor


def drawn(*shape: int) -> nn.Parameter:
    """A parameter from a truncated normal of deviation 0.02."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=STD))


def small(module: Any) -> Any:
    """The module with its linear layers and convolutions drawn likewise, their biases at zero."""
    for layer in small_weights(module, STD).modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            nn.init.trunc_normal_(layer.weight, std=STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def mlp(width: int, hidden: int) -> nn.Sequential:
    """Two linear layers with QuickGELU between them."""
    return nn.Sequential(nn.Linear(width, hidden), QuickGELU(), nn.Linear(hidden, width))


class TemporalBlock(nn.Module):
    """A block of the temporal encoder: first over time, then over space."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.act = nn.LayerNorm(width), QuickGELU()
        self.over_time = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0))
        self.over_space = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C, T, H, W)."""
        normed = rearrange(self.norm(rearrange(x, "B C T H W -> B T H W C")), "B T H W C -> B C T H W")
        return self.act(x + self.over_space(self.act(self.over_time(normed))))


class IntegrationBlock(nn.Module):
    """r: an MLP beside a narrower one that also sees the frame before and after."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // 4)
        self.norm, self.mlp = nn.LayerNorm(width), mlp(width, width)
        self.norm_time, self.act = nn.LayerNorm(width), QuickGELU()
        self.narrow, self.widen = nn.Linear(width, narrow), nn.Linear(narrow, width)
        self.over_time = nn.Conv2d(narrow, narrow, (3, 1), padding=(1, 0))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, L, N) -> (B, T, L, N)."""
        hidden = rearrange(self.narrow(self.norm_time(tokens)), "B T L n -> B n T L")
        hidden = rearrange(self.act(self.over_time(hidden)), "B n T L -> B T L n")
        return self.mlp(self.norm(tokens)) + self.widen(hidden)


class Layer(nn.Module):
    """DiST's part beside one layer of CLIP.

    T': frames that CLIP sees. C and N: channels of the temporal encoder and of the integration branch.
    """

    def __init__(self, setup: Setup, last: bool) -> None:
        super().__init__()
        options: Options = setup.options
        temporal, width = widths(setup)
        self.every = options.every
        self.temporal, self.enter = TemporalBlock(temporal), nn.Linear(setup.image_width, width)
        self.to_temporal = None if last else nn.Linear(width, temporal)
        stride = (options.every, 1, 1)
        self.to_integration = nn.Conv3d(temporal, width, stride, stride)
        self.class_tokens = drawn(setup.frames // options.every, 1, width)
        self.integration = IntegrationBlock(width)

    def forward(self, tokens: Tensor, x: Tensor, carried: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One layer.

        Args:
            tokens: z_l of CLIP, (B, T', L, D).
            x: of the temporal encoder, (B, C, T, H, W).
            carried: r of the layer before, (B, T', L, N), or a zero.

        Returns:
            The next x, s' and the next r.
        """
        x = self.temporal(x)
        entered = self.enter(tokens) + carried
        found = rearrange(self.to_integration(x), "B N T H W -> B T (H W) N")
        joined = entered + torch.cat([self.class_tokens.expand(len(found), -1, -1, -1), found], dim=2)
        if self.to_temporal is not None:
            back = self.to_temporal(entered[:, :, 1:])
            x = x + repeat(back, "B T (H W) C -> B C (T a) H W", H=x.shape[-2], a=self.every)
        return x, joined, self.integration(joined)


class Asking(nn.Module):
    """pool(q, k): cross-attention from queries to tokens, then an MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, max(1, width // HEAD_WIDTH), batch_first=True)
        self.mlp = mlp(width, 4 * width)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Queries (M, Q, N), tokens (M, L, N) -> (M, Q, N), for M sequences."""
        read = self.norm(tokens)
        queries = queries + self.attn(self.norm(queries), read, read, need_weights=False)[0]
        return queries + self.mlp(self.norm_mlp(queries))


class PoolingLayer(nn.Module):
    """A query of each frame attends to the frame's tokens, then one query of the video to these queries."""

    def __init__(self, frames: int, width: int) -> None:
        super().__init__()
        self.over_space, self.over_time = Asking(width), Asking(width)
        self.positions = drawn(frames, width)

    def forward(self, video: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The video's query (B, 1, N) and the frames' (B, T', N), of tokens (B, T', L, N) -> the same."""
        found = self.over_space(frames.flatten(0, 1)[:, None], tokens.flatten(0, 1))
        frames = found.view(frames.shape)
        return self.over_time(video, frames + self.positions), frames


def widths(setup: Setup) -> tuple[int, int]:
    """Channels of the temporal encoder and of the integration branch."""
    options: Options = setup.options
    temporal, integration = (
        max(1, round(setup.image_width * part)) for part in (options.temporal, options.integration)
    )
    return temporal, integration


class DiST(Method):
    """The frozen towers, the temporal encoder and the integration branch."""

    layers: Any
    pooling: Any

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        options: Options = setup.options
        (temporal, width), patch = widths(setup), setup.clip.visual.patch_size
        layers, seen, seed = len(self.image.blocks), setup.frames // options.every, setup.seed

        def stem() -> nn.Module:
            sizes, strides = (options.tube, *patch), (1, *patch)
            return small(nn.Conv3d(3, temporal, sizes, strides, padding=(options.tube // 2, 0, 0)))

        def layer(n: int) -> nn.Module:
            return seeded(number(seed, "layer", n), lambda: small(Layer(setup, n == layers - 1)))

        def pooling(n: int) -> nn.Module:
            return seeded(number(seed, "pooling", n), lambda: small(PoolingLayer(seen, width)))

        self.stem = seeded(number(seed, "stem"), stem)
        self.layers = nn.ModuleList(layer(n) for n in range(layers))
        self.pooling = nn.ModuleList(pooling(n) for n in range(options.pooling_layers))
        self.query, self.frame_query = seeded(
            number(seed, "queries"), lambda: (drawn(1, 1, width), drawn(1, 1, width))
        )
        self.from_clip = seeded(number(seed, "from_clip"), lambda: small(nn.Linear(self.image.width, width)))
        self.norm = nn.LayerNorm(width)
        start = seeded(number(seed, "projection"), lambda: torch.randn(width, self.image.joint))
        self.projection = nn.Parameter(width**-0.5 * start)

    def video(self, frames: Tensor) -> PooledVideo:
        """All frames for the temporal encoder, each second one for CLIP."""
        x = self.stem(rearrange(frames, "B T C H W -> B C T H W"))
        tokens = self.image.embed(frames[:, :: self.options.every])
        joined = carried = tokens.new_zeros(())
        for block, layer in zip(self.image.blocks, self.layers, strict=True):
            tokens = block(tokens)
            x, joined, carried = layer(tokens, x, carried)
        query = self.query.repeat(len(tokens), 1, 1)
        queries = self.frame_query.repeat(*tokens.shape[:2], 1)
        for pool in self.pooling:
            query, queries = pool(query, queries, joined + carried)
        pooled = query[:, 0] + self.from_clip(tokens[:, :, 0].mean(dim=1))
        return PooledVideo(self.norm(pooled) @ self.projection)

    def groups(self) -> dict[str, Group]:
        """The temporal encoder, the integration branch, the pooling, and vectors without weight decay."""
        new, layers = self.options.new_lr, self.layers
        temporal = [layer.temporal for layer in layers]
        between = [layer.to_temporal for layer in layers if layer.to_temporal is not None]
        branch = [part for layer in layers for part in (layer.enter, layer.to_integration, layer.integration)]
        asking = [part for pool in self.pooling for part in (pool.over_space, pool.over_time)]
        vectors = [layer.class_tokens for layer in layers] + [pool.positions for pool in self.pooling]
        return {
            "temporal_encoder": Group([self.stem, *temporal], lr=new),
            "integration": Group([*branch, *between], lr=new),
            "pooling": Group([*asking, self.from_clip, self.norm, self.projection], lr=new),
            "tokens": Group([*vectors, self.query, self.frame_query], lr=new, decay=0.0),
        }


METHOD = DiST
