"""A5 against open_clip's text tower and attention in loops; its size and its start."""

import math

import pytest
import torch
import torch.nn.functional as F

from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.methods.a5 import template_places
from m2clip.models.prompts import make_prompts
from m2clip.parsing import build
from methods.cases import FRAMES, differences_of
from methods.plain_text import features, open_clip_of

TINY = {"options": {"side": 3, "layers": 1}}
OVERFIT = {"train": {"lr": 1e-2, "steps": 120}}
STARTS_AS_CLIP = False


def block_plainly(block, tokens):
    """One transformer block in loops over heads and frames: (T, E) -> (T, E)."""
    width, heads = tokens.shape[1], block.attn.num_heads
    size = width // heads
    normed = block.ln_1(tokens)
    query, key, value = (
        normed @ w.T + b
        for w, b in zip(block.attn.in_proj_weight.chunk(3), block.attn.in_proj_bias.chunk(3), strict=True)
    )
    mixed = torch.zeros_like(tokens)
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        for t in range(len(tokens)):
            scores = torch.stack(
                [query[t, part] @ key[s, part] / math.sqrt(size) for s in range(len(tokens))]
            )
            weights = scores.exp() / scores.exp().sum()
            mixed[t, part] = sum(weights[s] * value[s, part] for s in range(len(tokens)))
    tokens = tokens + mixed @ block.attn.out_proj.weight.T + block.attn.out_proj.bias
    hidden = block.ln_2(tokens) @ block.mlp[0].weight.T + block.mlp[0].bias
    hidden = hidden * torch.sigmoid(1.702 * hidden)
    return tokens + hidden @ block.mlp[2].weight.T + block.mlp[2].bias


def test_vectors_by_place_and_a_transformer_over_frames(make_model):
    model, _ = make_model(differences_of("a5"))
    clip, ids = open_clip_of(make_model.backbone), model.prompts[0].ids
    videos = torch.randn(2, FRAMES, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found = model.compare(model.video(videos), model.labels(model.prompts))["eq11"]
        texts = []
        for text, words in zip(ids, model.prompts[0].words, strict=True):
            embedded, place = clip.token_embedding(text).clone(), 1
            for word in words:
                for _ in word.tokens:
                    if not word.of_label:
                        embedded[place] = model.vectors[place]
                    place += 1
            texts.append(F.normalize(features(clip, embedded, int(text.argmax())), dim=0))
        for b in range(2):
            frames = torch.stack([clip.encode_image(videos[b, t][None])[0] for t in range(FRAMES)])
            seen = block_plainly(model.over_frames[0], frames + model.positions)
            video = F.normalize(seen.sum(dim=0) / FRAMES, dim=0)
            for c, text in enumerate(texts):
                assert float(found[b, c]) == pytest.approx(float(video @ text) / 0.07, abs=1e-7)


def test_a_word_of_the_label_is_never_replaced(make_model):
    """Also where it is the very word that keeps the places of the template."""
    model, tokenizer = make_model(differences_of("a5"))
    prompts = make_prompts(("x games",), model.options.templates("", own=True)[0], tokenizer)
    places = template_places(prompts)[0].tolist()
    assert places == [False, *[True] * 3, False, False, *[True] * 3, False]


def test_the_start(make_model):
    """Its towers are CLIP's; what follows is new, so no feature is CLIP's."""
    model, _ = make_model(differences_of("a5"), randomise=False, double=False)
    clip = open_clip_of(make_model.backbone).float()
    videos = torch.randn(2, FRAMES, 3, 32, 32)
    with torch.no_grad():
        video = model.video(videos)
        frames = clip.encode_image(videos.flatten(0, 1)).unflatten(0, (2, FRAMES))
        expected = model.over_frames(frames + model.positions).mean(dim=1)
    torch.testing.assert_close(video.joint, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(video.joint, frames.mean(dim=1), atol=1e-3)


@pytest.mark.parametrize(("layers", "trained"), [(1, 3_200_000), (2, 6_352_384)])
def test_its_parameters_and_multiply_adds_at_full_size(layers, trained):
    labels = tuple(f"label {n}" for n in range(400))
    config = {"method": "a5", "data": {"frames": 16}, "options": {"layers": layers}}
    (cost,) = complexity(build(Run, config), labels, [16])
    assert cost.trainable_total == trained and cost.trainable["vectors"] == 39_424
    assert cost.macs_view / 1e9 == pytest.approx(281.07, abs=0.1)
