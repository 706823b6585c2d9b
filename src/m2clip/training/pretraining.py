"""Pre-training of the small CLIP that stands in for OpenAI's: still pictures and their captions, no motion.

The loss is CLIP's with several right answers (a picture matches every caption that is true of it), plus the
naming of words by linear heads that are thrown away, plus a text-only loss on sentences without a picture.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.model import CLIP
from torch import Tensor, nn

from m2clip.seeds import generator, number
from m2clip.synthetic.captions import PREFIXES, Attributes, caption, probes, sentences
from m2clip.synthetic.pool import Pool
from m2clip.synthetic.worlds import SMALL, World
from m2clip.training.vocabulary import TokenTable

MEAN, STD = (torch.tensor(value).view(3, 1, 1) for value in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))


@dataclass(frozen=True)
class Recipe:
    """How the backbone is trained; all of it is in the model card."""

    stills: int = 200_000
    held_out: int = 2_000
    steps: int = 19_000
    batch: int = 128
    learning_rate: float = 1.5e-3
    warm_up: int = 200
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip_gradient: float = 1.0
    words_weight: float = 0.3
    text_weight: float = 0.5
    text_every: int = 2
    text_temperature: float = 0.1
    text_ceiling: float | None = None
    text_floor: float | None = None
    evaluate_every: int = 500
    seed: int = 0


LARGER = Recipe(
    stills=300_000,
    steps=20_000,
    batch=256,
    learning_rate=1.0e-3,
    warm_up=500,
    evaluate_every=1_000,
)
"""Of the larger world's backbone; set beforehand, never run (experiments/profiles/standard.yaml)."""
OF_SECOND = Recipe(
    stills=60_000,
    steps=15_000,
    words_weight=1.0,
    text_every=4,
    text_ceiling=0.9,
    text_floor=0.55,
)
"""Of the hard world's backbone, `second`: about an hour of one core. The text-only loss parts sentences only
above a cosine of 0.9 and pulls templates together below 0.55: CLIP's own text tower confuses templates
(paper, Fig. 2), and one that tells all apart would leave a text adapter nothing to improve."""


def words(world: World) -> tuple[int, int, int]:
    """How many objects, verbs and backgrounds there are to name, "no verb" being one."""
    return len(world.objects), len(world.verbs) + 1, len(world.backgrounds)


@dataclass
class State:
    """What a stopped pre-training needs to go on."""

    model: CLIP
    words: nn.Linear
    optimizer: torch.optim.Optimizer
    step: int = 0
    world: World = SMALL

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.logit_scale.device

    def pack(self) -> dict[str, Any]:
        """Everything as one dictionary for `torch.save`."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "words", "optimizer")}
        return parts | {"step": self.step}

    def unpack(self, packed: dict[str, Any]) -> None:
        """Go back to what `pack` gave."""
        for name in ("model", "words", "optimizer"):
            getattr(self, name).load_state_dict(packed[name])
        self.step = packed["step"]


def build(
    config: dict[str, Any],
    table: TokenTable,
    recipe: Recipe,
    world: World = SMALL,
    device: str = "cpu",
) -> State:
    """A new model, whose token table has only the tokens that occur, and its optimiser."""
    torch.manual_seed(number("pretraining", "weights", recipe.seed))
    text = config["text_cfg"] | {"vocab_size": len(table)}
    model = CLIP(embed_dim=config["embed_dim"], vision_cfg=config["vision_cfg"], text_cfg=text)
    namer = nn.Linear(config["embed_dim"], sum(words(world)))
    model, namer = model.to(device), namer.to(device)
    named = [*model.named_parameters(), *namer.named_parameters()]
    decayed = [value for name, value in named if value.ndim >= 2 and "embed" not in name]
    others = [value for name, value in named if value.ndim < 2 or "embed" in name]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)
    return State(model, namer, optimizer, world=world)


def pixels(images: np.ndarray) -> Tensor:
    """Bytes `(B, H, W, 3)` as OpenAI's CLIP wants them, `(B, 3, H, W)`."""
    planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
    return (planes - 255 * MEAN) / (255 * STD)


def augment(images: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Mirror, shift by up to four pixels, normalise, vary contrast and tint; channels first."""
    if rng.random() < 0.5:
        images = images[:, :, ::-1]
    if rng.random() < 0.7:
        down, across = (
            np.clip(np.arange(size) + shift, 0, size - 1)
            for size, shift in zip(images.shape[1:3], rng.integers(-4, 5, 2), strict=True)
        )
        images = images[:, down[:, None], across]
    count = len(images)
    contrast = torch.from_numpy(1 + 0.1 * rng.standard_normal((count, 1, 1, 1), np.float32))
    tint = torch.from_numpy(0.1 * rng.standard_normal((count, 3, 1, 1), np.float32))
    return pixels(images) * contrast + tint


def encode_text(model: CLIP, tokens: Tensor) -> Tensor:
    """open_clip's `encode_text` of tokens (N, L) shorter than its context; unit features (N, E)."""
    tokens = tokens.to(model.positional_embedding.device)
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    x = x[torch.arange(len(x), device=x.device), tokens.argmax(dim=-1)] @ model.text_projection
    return F.normalize(x, dim=-1)


def matching_loss(logits: Tensor, matches: Tensor) -> Tensor:
    """Cross-entropy of logits (B, B) in both directions; targets: `matches` by their sums."""
    images = (F.log_softmax(logits, 1) * matches).sum(1) / matches.sum(1)
    texts = (F.log_softmax(logits, 0) * matches).sum(0) / matches.sum(0)
    return -(images.mean() + texts.mean()) / 2


def words_loss(logits: Tensor, ids: Tensor, world: World) -> Tensor:
    """Cross-entropies, added up, of naming object, verb and background, ids (B, 3), from image features."""
    parts = logits.split(words(world), dim=1)
    losses = (F.cross_entropy(part, ids[:, k]) for k, part in enumerate(parts))
    return sum(losses, torch.zeros((), device=logits.device))


def text_loss(state: State, table: TokenTable, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Two prompts of the same sentence are pulled together, those of different sentences apart.

    With `text_ceiling` they are pushed apart only where their cosine is above it; with `text_floor` templates
    of Synth-SSv2 are pulled together where it is below.
    """
    chosen = sentences(rng, state.world)
    prompts = [PREFIXES[k] + text for text in chosen * 2 for k in (rng.integers(len(PREFIXES)),)]
    first, second = encode_text(state.model, table(prompts)).chunk(2)
    alike, same = first @ second.T, torch.eye(len(chosen), device=state.device)
    if recipe.text_ceiling is None:
        return matching_loss(alike / recipe.text_temperature, same)
    above = F.relu(alike - recipe.text_ceiling) * (1 - same)
    loss = (1 - alike.diagonal()).mean() + above.sum(1).mean()
    if recipe.text_floor is not None:
        templates = len(state.world.templates)  # `sentences` begins with them
        loss = loss + F.relu(recipe.text_floor - alike[:templates, :templates]).sum(1).mean()
    return loss


def pictures_loss(
    state: State, table: TokenTable, recipe: Recipe, pool: Pool, rng: np.random.Generator
) -> Tensor:
    """The two losses that need pictures, for one batch."""
    chosen = np.sort(rng.choice(len(pool.ids), recipe.batch, replace=False))
    ids = torch.from_numpy(pool.ids[chosen])
    shown = [Attributes.of(place, state.world) for place in pool.ids[chosen].tolist()]
    texts, told = zip(*(caption(what, rng) for what in shown), strict=True)
    same = ids[:, None, :] == ids[None, :, :]
    matches = (same | ~torch.tensor(told)[None]).all(-1).float().to(state.device)
    unique = list(dict.fromkeys(texts))
    place = {text: k for k, text in enumerate(unique)}
    text_features = encode_text(state.model, table(unique))[[place[text] for text in texts]]
    features = state.model.encode_image(augment(pool.images[chosen], rng).to(state.device))
    logits = state.model.logit_scale.exp() * F.normalize(features, dim=-1) @ text_features.T
    named = words_loss(state.words(features), ids.to(state.device), state.world)
    return matching_loss(logits, matches) + recipe.words_weight * named


def rate(recipe: Recipe, step: int) -> float:
    """Learning rate: linear warm-up, then a cosine down to half a percent."""
    wave = 0.5 * (1 + math.cos(math.pi * step / recipe.steps)) + 0.005
    return recipe.learning_rate * min(1.0, (step + 1) / recipe.warm_up) * wave


def train(state: State, table: TokenTable, recipe: Recipe, pool: Pool) -> Iterator[float]:
    """Step until the recipe's end, yielding each loss; what a step draws depends on its number alone."""
    while state.step < recipe.steps:
        rng = generator("pretraining", "step", recipe.seed, state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = rate(recipe, state.step)
        loss = pictures_loss(state, table, recipe, pool, rng)
        if state.step % recipe.text_every == 0:
            loss = loss + recipe.text_weight * text_loss(state, table, recipe, rng)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip_gradient)
        state.optimizer.step()
        with torch.no_grad():
            state.model.logit_scale.clamp_(0, math.log(100))
        state.step += 1
        yield loss.item()


@torch.no_grad()
def evaluate(
    model: CLIP, text: Callable[[Sequence[str]], Tensor], held_out: Pool, world: World = SMALL
) -> dict[str, float]:
    """Zero-shot top-1 in percent by kind of word on held-out pictures; logit scale; cosines of some texts."""
    model.eval()
    device = model.logit_scale.device
    batches = (pixels(part).to(device) for part in np.array_split(held_out.images, 8))
    features = F.normalize(torch.cat([model.encode_image(batch) for batch in batches]), dim=-1)
    thing, verb, place = torch.from_numpy(held_out.ids).T.to(device)
    still = len(world.still)
    targets = {
        "objects": thing,
        "still verbs": torch.where((verb > 0) & (verb <= still), verb - 1, -1),
        "motion verbs": torch.where(verb > still, verb - 1 - still, -1),
        "backgrounds": place,
    }
    result = {}
    for kind, prompts in probes(world).items():
        asked = targets[kind] >= 0
        best = (features[asked] @ text(prompts).T).argmax(1)
        result[kind] = 100 * (best == targets[kind][asked]).float().mean().item()
    up, down, rising = text(
        ("a video of moving something up", "a video of moving something down", "a video of something rising")
    )
    scale = model.logit_scale.exp().item()
    model.train()
    return result | {"logit scale": scale, "up-down": (up @ down).item(), "up-rising": (up @ rising).item()}
