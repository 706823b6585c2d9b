"""X-CLIP (Ni et al., ECCV 2022): frames exchange message tokens, and label features depend on the video.

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
from torch import Tensor, nn

from m2clip.models.clip import attend, feed
from m2clip.models.method import Group, Labels, Method, Setup, similarity
from m2clip.models.parts.exchange import FrameExchange
from m2clip.models.parts.layers import seeded, small_weights
from m2clip.models.parts.video_prompt import Integration, VideoPrompt
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
        """Eq. 11 of M2-CLIP; each video has label features of its own, (B, C, E)."""
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
