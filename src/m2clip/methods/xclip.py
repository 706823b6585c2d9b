"""X-CLIP (Ni et al., ECCV 2022): frames send messages to each other, and a video changes its labels.

    m_t = c_t + MHSA over T of LN(c)_t,  c_t = fc(z_t^cls)    a message from each frame    Sec. 3.2
    [z_t, m_t] + MHSA(LN [z_t, m_t])                          m_t is dropped before the FFN
    v   = mean over T of (h_t + MIT(h + e)_t)                 h_t: projected class token
    w   = w + alpha P(w, patches)                             labels attend to patches     Sec. 3.3
    p(c | x) = softmax over c of cos(v, w_c) / tau

The image tower is tuned at train.lr and what is new ten times as fast; the text tower and tau are frozen.
P is a transformer decoder without self-attention among labels. Its patches are those of the last block,
normed, projected and averaged over frames.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

from m2clip.models.clip import attend, feed
from m2clip.models.method import Group, Labels, Method, Setup, similarity
from m2clip.models.parts.exchange import FrameExchange
from m2clip.models.parts.layers import HEAD_WIDTH, seeded, small_weights, transformer_block
from m2clip.seeds import number


class XVideo(NamedTuple):
    """v (B, E), and the patches that labels attend to, averaged over frames (B, M, E)."""

    joint: Tensor
    patches: Tensor


class MessageBlock(nn.Module):
    """Cross-frame communication: a block of CLIP in which a frame reads a message from all frames."""

    def __init__(self, block: Any, width: int) -> None:
        super().__init__()
        self.block = block
        self.message, self.exchange = nn.Linear(width, width), FrameExchange(width, block.attn.num_heads)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, L, D) -> (B, T, L, D)."""
        message = self.exchange(self.message(tokens[:, :, 0]))
        joined = torch.cat([tokens, message[:, :, None]], dim=2)
        tokens = (joined + attend(self.block, joined))[:, :, :-1]
        return tokens + feed(self.block, tokens)


class Integration(nn.Module):
    """MIT, the multi-frame integration transformer."""

    def __init__(self, frames: int, width: int, layers: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(frames, width), std=0.02))
        self.blocks = nn.Sequential(*(transformer_block(width) for _ in range(layers)))

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, E) -> (B, E)."""
        return (frames + self.blocks(frames + self.positions)).mean(dim=1)


class PromptLayer(nn.Module):
    """Labels attend to the patches of a video; then an FFN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_WIDTH)
        self.norm, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, labels: Tensor, patches: Tensor) -> Tensor:
        """(B, C, E), (B, M, E) -> (B, C, E)."""
        queries, keys, values = (
            rearrange(tokens, "B N (H d) -> B H N d", H=self.heads)
            for tokens in (self.q(self.norm(labels)), self.k(patches), self.v(patches))
        )
        found = F.scaled_dot_product_attention(queries, keys, values)
        labels = labels + self.out(rearrange(found, "B H C d -> B C (H d)"))
        return labels + self.mlp(self.norm_mlp(labels))


class VideoPrompt(nn.Module):
    """The video-specific prompt: w + alpha P(w, patches)."""

    def __init__(self, width: int, joint: int, layers: int, alpha: float) -> None:
        super().__init__()
        self.norm_patches, self.norm = nn.LayerNorm(width), nn.LayerNorm(joint)
        self.projection = nn.Parameter(torch.randn(width, joint))
        self.layers = nn.ModuleList(PromptLayer(joint) for _ in range(layers))
        self.alpha = nn.Parameter(torch.full((joint,), alpha))

    def patches(self, tokens: Tensor) -> Tensor:
        """Patches of the last block into the joint space, averaged over T: (B, T, M, D) -> (B, M, E)."""
        return (self.norm_patches(tokens) @ self.projection).mean(dim=1)

    def forward(self, labels: Tensor, patches: Tensor) -> Tensor:
        """Labels (C, E), patches (B, M, E) -> the labels of each video (B, C, E)."""
        found, patches = labels.expand(len(patches), -1, -1), self.norm(patches)
        for layer in self.layers:
            found = layer(found, patches)
        return labels + self.alpha * found


class XCLIP(Method):
    """A tuned image tower with messages, a transformer over frames, and labels prompted by the video."""

    prompt: VideoPrompt

    def __init__(self, setup: Setup) -> None:
        options, width = setup.options, setup.image_width

        def wrap(layer: int, block: Any) -> nn.Module:
            return seeded(number(setup.seed, "message", layer), lambda: MessageBlock(block, width))

        super().__init__(setup, image=wrap)
        joint, layers = self.image.joint, options.prompt_layers
        self.mit = seeded(
            number(setup.seed, "mit"), lambda: Integration(setup.frames, joint, options.integration_layers)
        )
        self.prompt = seeded(
            number(setup.seed, "prompt"),
            lambda: small_weights(VideoPrompt(width, joint, layers, options.alpha)),
        )

    def video(self, frames: Tensor) -> XVideo:
        """The integrated feature, and the patches for the labels."""
        tokens = self.image(self.image.embed(frames))
        return XVideo(self.mit(self.image.project(tokens[:, :, 0])), self.prompt.patches(tokens[:, :, 1:]))

    def compare(self, video: XVideo, labels: Labels) -> dict[str, Tensor]:
        """Eq. 11 of M2-CLIP, each video with its own labels."""
        own = self.prompt(labels.features, video.patches)
        return {"eq11": similarity(video.joint[:, None], own, self.temperature)[:, 0]}

    def groups(self) -> dict[str, Group]:
        """What is new, and CLIP's image tower."""
        blocks, new = self.image.blocks, self.options.new_lr
        clip = [self.image.visual, *(block.block for block in blocks)]
        return {
            "message": Group([part for block in blocks for part in (block.message, block.exchange)], lr=new),
            "mit": Group([self.mit], lr=new),
            "prompt": Group([self.prompt], lr=new),
            "image": Group(clip, lr=float(self.options.tune)),
        }


METHOD = XCLIP
