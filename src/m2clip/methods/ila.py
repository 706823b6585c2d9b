"""ILA (Tu et al., ICCV 2023): neighbouring frames are aligned at a point that a small net finds in each.

    n_t  = LN(fc(z_t)),   f_t = net(n_t, n_t+1)            on the patches of a pair of neighbours
    p, q = 0.75 tanh(head(f_t))                            a point in either frame, in [-1, 1]
    a, b = mask(p) n_t, mask(q) n_t+1                      1 near the point, less farther away
    z_t <- z_t + W_a aligned_t + W_f conv_T(f)_t           then MHSA and FFN of CLIP
    v    = mean over T of (h_t + MIT(h + e)_t),  w + alpha P(w, patches)      as X-CLIP
    L    = cross-entropy + sum over blocks of (1 - cos(sum a, sum b))

A frame with two neighbours is in two pairs, whose tokens for it are averaged; W_a and W_f start at zero, so
that the blocks start as CLIP's. CLIP is frozen, as in the released optimiser.

This is the released code, whose cost is the published one. The paper pools the aligned features into one
token that joins the MHSA; the code pools them for the loss alone. In training the mask is the mean over nine
points around the one found, 0.2 apart. The code's optimiser leaves the prompt of the labels as it was drawn
(`prompt_lr: 0`). Biases before a BatchNorm change nothing and are left at their start.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from m2clip.models.clip import attend, feed
from m2clip.models.method import Group, Labels, Method, Setup, similarity
from m2clip.models.parts.batch_norm import BatchNorm
from m2clip.models.parts.layers import seeded, small_weights
from m2clip.models.parts.video_prompt import Integration, VideoPrompt
from m2clip.models.step import Step
from m2clip.options.ila import Options
from m2clip.seeds import number


class AlignedVideo(NamedTuple):
    """v (B, E), patches for the labels (B, M, E), and in training the loss of all blocks (B,)."""

    joint: Tensor
    patches: Tensor
    distance: Any


def mask(points: Tensor, grid: tuple[int, int]) -> Tensor:
    """1 within 0.25 of a point in x and y, then down to 0 with slope 1.5: (..., 2) -> (..., H, W)."""
    axes = []
    for axis, size in enumerate((grid[1], grid[0])):
        places = torch.linspace(-1, 1, size, dtype=points.dtype, device=points.device)
        away = (places - points[..., axis, None]).abs() - 0.25
        axes.append(F.relu(1 - 1.5 * F.relu(away)))
    return axes[1][..., :, None] * axes[0][..., None, :]


def of_frames(earlier: Tensor, later: Tensor) -> Tensor:
    """Values of pairs for their earlier and their later frame, each (B, T - 1, ...) -> means (B, T, ...)."""
    between = (earlier[:, 1:] + later[:, :-1]) / 2
    return torch.cat([earlier[:, :1], between, later[:, -1:]], dim=1)


class Alignment(nn.Module):
    """The net on pairs of neighbouring frames, and the aligned and the convolved tokens that it gives."""

    around: Tensor

    def __init__(self, width: int, grid: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.grid, half, pair = grid, hidden // 2, 2 * width
        self.net = nn.Sequential(
            *(nn.Conv2d(pair, pair, 3, padding=1, groups=pair), BatchNorm(pair), nn.ReLU()),
            *(nn.Conv2d(pair, hidden, 1), BatchNorm(hidden), nn.ReLU()),
            *(nn.Conv2d(hidden, hidden, 3, padding=1), BatchNorm(hidden), nn.ReLU()),
        )
        last = nn.Conv1d(half // 2, 4, 1, groups=2)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            *(nn.Conv2d(hidden, half, 3, padding=1), BatchNorm(half), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Conv2d(half, half, 3, padding=1), BatchNorm(half), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.AdaptiveMaxPool2d(1), nn.Flatten(2)),
            *(nn.Conv1d(half, half // 2, 1, groups=2), nn.ReLU(), last),
        )
        self.over_time = nn.Conv3d(half, half, (3, 1, 1), padding=(1, 0, 0))
        self.up = nn.Linear(half, width)
        around = [(x, y) for y in (-0.2, 0.0, 0.2) for x in (-0.2, 0.0, 0.2)]
        self.register_buffer("around", torch.tensor(around), persistent=False)

    def masks(self, points: Tensor) -> Tensor:
        """(B, T - 1, 2) -> (B, T - 1, M, 1); in training the mean over nine points."""
        if self.training:
            points = points[:, :, None] + self.around
            found = mask(points, self.grid).mean(dim=2)
        else:
            found = mask(points, self.grid)
        return found.flatten(2)[..., None]

    def forward(self, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens n (B, T, L, D) -> aligned and convolved ones, (B, T, L, D), and 1 - cos (B,)."""
        batch, pairs, classes, patches = len(normed), normed.shape[1] - 1, normed[:, :, :1], normed[:, :, 1:]
        earlier, later = patches[:, :-1], patches[:, 1:]
        both = torch.cat([earlier, later], dim=-1).flatten(0, 1)
        found = self.net(rearrange(both, "N (h w) c -> N c h w", h=self.grid[0]))
        points = 0.75 * torch.tanh(self.head(found)).view(batch, pairs, 4)
        earlier, later = self.masks(points[..., :2]) * earlier, self.masks(points[..., 2:]) * later
        aligned = torch.cat([classes, of_frames(earlier, later)], dim=2)
        distance = 1 - F.cosine_similarity(earlier.sum(dim=2), later.sum(dim=2), dim=-1).mean(dim=1)
        halves = found.unflatten(0, (batch, pairs)).chunk(2, dim=2)
        convolved = self.over_time(of_frames(*halves).transpose(1, 2))
        convolved = self.up(rearrange(convolved, "B c T h w -> B T (h w) c"))
        return aligned, torch.cat([classes, convolved], dim=2), distance


class AlignedBlock(nn.Module):
    """A frozen block of CLIP before which neighbouring frames are aligned."""

    def __init__(self, block: Any, width: int, grid: tuple[int, int], options: Options) -> None:
        super().__init__()
        self.block = block
        self.message, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.alignment = Alignment(width, grid, options.hidden)
        self.add_aligned, self.add_convolved = nn.Linear(width, width), nn.Linear(width, width)
        for layer in (self.add_aligned, self.add_convolved):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, L, D) -> (B, T, L, D) and 1 - cos (B,)."""
        aligned, convolved, distance = self.alignment(self.norm(self.message(tokens)))
        tokens = tokens + self.add_aligned(aligned) + self.add_convolved(convolved)
        tokens = tokens + attend(self.block, tokens)
        return tokens + feed(self.block, tokens), distance


class ILA(Method):
    """The frozen image tower with alignment, X-CLIP's transformer over frames and prompted labels."""

    recomputable = False  # BatchNorm would count every batch twice
    prompt: VideoPrompt

    def __init__(self, setup: Setup) -> None:
        options, width, grid = setup.options, setup.image_width, setup.clip.visual.grid_size

        def wrap(layer: int, block: Any) -> nn.Module:
            seed = number(setup.seed, "alignment", layer)
            return seeded(seed, lambda: AlignedBlock(block, width, grid, options))

        super().__init__(setup, image=wrap)
        joint, layers = self.image.joint, options.integration_layers
        self.mit = seeded(number(setup.seed, "mit"), lambda: Integration(setup.frames, joint, layers))
        self.prompt = seeded(
            number(setup.seed, "prompt"),
            lambda: small_weights(VideoPrompt(width, joint, options.prompt_layers, options.alpha)),
        )

    def video(self, frames: Tensor) -> AlignedVideo:
        """As X-CLIP's, and in training with the sum over blocks of 1 - cos of aligned neighbours."""
        tokens, distances = self.image.embed(frames), []
        for block in self.image.blocks:
            tokens, distance = block(tokens)
            distances.append(distance)
        joint, patches = self.mit(self.image.project(tokens[:, :, 0])), self.prompt.patches(tokens[:, :, 1:])
        return AlignedVideo(joint, patches, torch.stack(distances).sum(dim=0) if self.training else None)

    def compare(self, video: AlignedVideo, labels: Labels) -> dict[str, Tensor]:
        """Eq. 11 of M2-CLIP; each video has label features of its own, (B, C, E)."""
        own = self.prompt(labels.features, video.patches)
        return {"eq11": similarity(video.joint[:, None], own, self.temperature)[:, 0]}

    def losses(self, video: AlignedVideo, labels: Labels, step: Step) -> dict[str, Tensor]:
        """Cross-entropy, and how far aligned neighbours are from each other."""
        loss = super().losses(video, labels, step)
        return loss | {"alignment": step.mean(video.distance)}

    def groups(self) -> dict[str, Group]:
        """Alignment, W_a and W_f, MIT and the prompt, each with a rate and a weight decay of its own."""
        blocks, options = self.image.blocks, self.options
        idle = [bias for block in blocks for bias in biases_before_a_norm(block.alignment)]
        message = [p for b in blocks for part in (b.message, b.norm, b.alignment) for p in part.parameters()]
        added = [part for block in blocks for part in (block.add_aligned, block.add_convolved)]
        norms = [m for b in blocks for m in b.alignment.modules() if isinstance(m, BatchNorm)]
        kept = {id(p) for p in idle} | {id(p) for norm in norms for p in norm.parameters()}
        return {
            "message": Group([*norms, *(p for p in message if id(p) not in kept)], decay=0.01),
            "temporal": Group(added, lr=options.temporal_lr, decay=0.001),
            "mit": Group([self.mit], lr=options.mit_lr, decay=0.003),
            "prompt": Group([self.prompt], lr=options.prompt_lr, decay=0.003),
            "idle": Group(idle, lr=0.0),
        }


def biases_before_a_norm(module: nn.Module) -> list[nn.Parameter]:
    """Biases of the convolutions whose result a BatchNorm centres."""
    chains = [list(chain) for chain in module.modules() if isinstance(chain, nn.Sequential)]
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    convs = [a for a, b in pairs if isinstance(a, nn.Conv2d) and isinstance(b, BatchNorm)]
    return [p for conv in convs for name, p in conv.named_parameters() if name == "bias"]


METHOD = ILA
