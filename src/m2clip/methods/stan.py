"""STAN (Liu et al., CVPR 2023): a branch beside CLIP's last layers looks over time, then over space.

    z   = CLIP's tokens after layer k + the branch's after its layer before
    p  <- p + W Attn_T(LN p)     patches of one place, over the frames: STAN-self
    z  <- z + MHSA(LN z)         within a frame, with a trained copy of CLIP's layer k
    z  <- z + MLP(LN z)          likewise
    v_t = Proj(LN(CLIP's class token of frame t + the branch's))

This is the paper's Section 3. The branch has one class token for the whole video: it enters the attention of
each frame, and its updates are averaged over the frames. At the start of the branch it is (c + e) / 2: c is
the mean over frames of CLIP's class token, e CLIP's class embedding with its position; the patches get CLIP's
positions again and a temporal embedding. W starts at zero, so that each layer of the branch starts as CLIP's;
the sum of both class tokens is not CLIP's feature.

The released code says how the branch starts and that its temporal embedding is drawn from N(0, 1). Its
configs train CLIP too, for retrieval and on HMDB51; here the text tower is frozen, and the image tower too
unless `tune` says otherwise. Its drop path drops frames and places; here it drops videos. STAN-conv, whose
accuracy and multiply-adds the papers print for Kinetics, is not here.
"""

import copy
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from m2clip.models.clip import attend, feed
from m2clip.models.method import Group, Method, Setup, Video
from m2clip.models.parts.drawing import DropPath
from m2clip.models.parts.layers import seeded
from m2clip.options.stan import LONGEST
from m2clip.seeds import number


class BranchLayer(nn.Module):
    """Temporal attention whose output is zero at the start, then a trained copy of CLIP's layer."""

    def __init__(self, block: Any, width: int, drop_path: float) -> None:
        super().__init__()
        self.spatial, self.drop = copy.deepcopy(block), DropPath(drop_path)
        self.norm = nn.LayerNorm(width)
        self.temporal = nn.MultiheadAttention(width, block.attn.num_heads, batch_first=True)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, video: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """The video's class token (B, 1, D) and the patches (B, T, M, D) -> the same."""
        patches = patches + self.over_time(patches)
        classes = video[:, None].expand(-1, patches.shape[1], -1, -1)
        found = self.drop(attend(self.spatial, torch.cat([classes, patches], dim=2)))
        video, patches = video + found[:, :, 0].mean(dim=1, keepdim=True), patches + found[:, :, 1:]
        return video + feed(self.spatial, video), patches + feed(self.spatial, patches)

    def over_time(self, patches: Tensor) -> Tensor:
        """W Attn_T(LN p) among the T patches of one place, (B, T, M, D) -> (B, T, M, D)."""
        places = self.norm(rearrange(patches, "B T M D -> (B M) T D"))
        found = self.temporal(places, places, places, need_weights=False)[0]
        return self.out(self.drop(rearrange(found, "(B M) T D -> B T M D", B=len(patches))))


class STAN(Method):
    """CLIP with the branch."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        layers, width = setup.options.layers, setup.image_width
        last = [wrapped.block for wrapped in self.image.blocks[-layers:]]
        rates = [setup.options.drop_path * n / max(1, layers - 1) for n in range(layers)]

        def make(n: int) -> nn.Module:
            return seeded(number(setup.seed, "branch", n), lambda: BranchLayer(last[n], width, rates[n]))

        self.branch = nn.ModuleList(make(n) for n in range(layers))
        drawn = seeded(number(setup.seed, "temporal_embedding"), lambda: torch.randn(LONGEST, 1, width))
        self.temporal_embedding = nn.Parameter(drawn)

    def video(self, frames: Tensor) -> Video:
        """CLIP's blocks; what each of the last ones gives enters one layer of the branch."""
        first = len(self.image.blocks) - len(self.branch)
        tokens = self.image.embed(frames)
        for block in self.image.blocks[:first]:
            tokens = block(tokens)
        whole = patches = tokens.new_zeros(())
        for n, layer in enumerate(self.branch):
            tokens = self.image.blocks[first + n](tokens)
            entering, seen = tokens[:, :, 0].mean(dim=1, keepdim=True), tokens[:, :, 1:]
            if n == 0:
                entering, seen = self.begin(entering, seen)
            whole, patches = layer(whole + entering, patches + seen)
        classes = tokens[:, :, 0] + whole
        projected = self.image.project(classes)
        return Video(projected, projected.mean(dim=1), self.image.normed(classes.mean(dim=1)))

    def begin(self, entering: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What enters the first layer of the branch, from CLIP's mean class token (B, 1, D) and patches."""
        visual = self.image.visual
        positions = visual.positional_embedding
        whole = (entering + visual.class_embedding + positions[0]) / 2
        return whole, seen + positions[1:] + self.temporal_embedding[: seen.shape[1]]

    def groups(self) -> dict[str, Group]:
        """The branch, and CLIP's image tower where it is tuned."""
        branch = Group([self.branch, self.temporal_embedding], lr=self.options.new_lr)
        return {"branch": branch, "image": Group([self.image] if self.options.tune else [])}


METHOD = STAN
