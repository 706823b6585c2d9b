"""Vita-CLIP: its block one frame at a time, its labels one word at a time, its start and its size."""

import math

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.models.prompts import make_prompts
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import cosine, features, open_clip_of

TINY = {"options": {"context": 4, "global_prompts": 3}}
OVERFIT = {"train": {"lr": 2e-2, "steps": 80}}
STARTS_AS_CLIP = False  # prompts and the temporal embedding are random


def model_of(make_model, randomise=True, **options):
    model, tokenizer = make_model(differences_of("vita_clip", {"options": options}), randomise=randomise)
    return model, tokenizer


def block_in_loops(z, w, a):
    """One video (T, L, D) through a block."""
    frames, places, _ = z.shape
    classes = np.array([plain.linear(z[t, 0], a, "projection") for t in range(frames)])
    exchange = plain.below(a, "summary.")
    normed = plain.norm(classes, exchange, "norm")
    summary = classes + plain.attention(normed, normed, exchange, heads=4)
    out = np.zeros_like(z)
    for t in range(frames):
        tokens = [*z[t], summary[t]]
        tokens += [a["local"][j] + classes[j] for j in range(frames)]
        tokens += list(a["shared"])
        seen = np.array(tokens)
        attended = (seen + plain.self_attention(seen, w, heads=4))[:places]
        out[t] = attended + plain.feed_forward(attended, w)
    return out


def test_its_block_one_frame_at_a_time(make_model, backbone):
    model, _ = model_of(make_model)
    draw = torch.Generator().manual_seed(4)
    tokens = torch.randn(2, 4, 6, 48, generator=draw, dtype=torch.double)
    w = plain.below(plain.frozen_weights(backbone), "visual.transformer.resblocks.1.")
    a = plain.below(plain.trained_weights(model), "image.blocks.1.")
    with torch.no_grad():
        found = model.image.blocks[1](tokens)
    for one, expected in zip(tokens.numpy(), found.numpy(), strict=True):
        np.testing.assert_allclose(block_in_loops(one, w, a), expected, rtol=0, atol=1e-10)


def test_each_frame_has_a_temporal_embedding_before_the_first_norm(make_model):
    model, _ = model_of(make_model)
    seen = []
    model.image.blocks[0].register_forward_pre_hook(lambda block, inputs: seen.append(inputs[0]))
    videos = torch.randn(1, 4, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        model.video(videos)
        visual, patches = model.image.visual, model.image.patches(videos)
        for t in range(4):
            plainly = torch.cat([visual.class_embedding[None], patches[0, t]]) + visual.positional_embedding
            entering = visual.ln_pre(plainly + model.temporal_embedding[t, 0])
            torch.testing.assert_close(seen[0][0, t], entering, rtol=0, atol=1e-10)


@pytest.mark.parametrize("context_of", ["class", "all"])
def test_labels_stand_behind_their_words_and_the_temperature_is_trained(make_model, context_of):
    model, _ = model_of(make_model, context_of=context_of)
    clip, vectors = open_clip_of(make_model.backbone), model.context.vectors
    with torch.no_grad():
        model.log_scale.fill_(math.log(7.0))
        video = model.video(torch.randn(2, 4, 3, 32, 32, dtype=torch.double))
        found = model.compare(video, model.labels(model.prompts))["eq11"]
        for c, text in enumerate(model.prompts[0].ids):
            embedded = clip.token_embedding(text).clone()
            embedded[1:5] = vectors[c] if context_of == "class" else vectors
            label = features(clip, embedded, int(text.argmax()))
            for b in range(2):
                joint = sum(video.frames[b, t] for t in range(4)) / 4
                assert float(found[b, c]) == pytest.approx(7.0 * cosine(joint, label), abs=1e-8)


def test_other_labels_are_read_alone_by_clip_where_each_class_has_its_words(make_model):
    model, tokenizer = model_of(make_model)
    (template,) = model.options.templates("a video of {}", own=False)
    others = make_prompts(("pole vault", "swimming"), template, tokenizer)
    clip = open_clip_of(make_model.backbone)
    with torch.no_grad():
        expected = clip.encode_text(tokenizer(["pole vault", "swimming"]))
        found = model.labels([others], own=False).features
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    for_all, _ = model_of(make_model, context_of="all")
    assert for_all.options.templates("a video of {}", own=False) == ("X X X X {} .",)


def test_the_start(make_model):
    """Random prompts within VPT's bound, a small embedding, CLIP's temperature; not CLIP's feature."""
    model, _ = model_of(make_model, randomise=False)
    bound = math.sqrt(6 / (3 * 8 * 8 + 48))
    for block in model.image.blocks:
        for prompts in (block.local, block.shared):
            assert 0.8 * bound < float(prompts.detach().abs().max()) <= bound
    assert float(model.temporal_embedding.detach().std()) == pytest.approx(0.02, rel=0.2)
    assert float(model.log_scale.detach().exp()) == pytest.approx(20.0)
    clip, _ = open_backbone(make_model.backbone)
    videos = torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        of_clip = clip.encode_image(videos[0]).mean(dim=0).double()
        found = model.video(videos.double()).joint[0]
    assert 0.01 < float((found - of_clip).norm() / of_clip.norm()) < 1


def test_as_released_the_projection_is_frozen_and_not_saved(make_model):
    model, _ = model_of(make_model, train_projection=False)
    assert not any("projection" in name for name in model.trainable())


def test_counts_that_make_no_sense_are_refused():
    for key, value in (("context", 0), ("global_prompts", -1)):
        with pytest.raises(UserError, match=rf"^{key}: {value} must be"):
            build(Run, {"method": "vita_clip", "options": {key: value}})


PARTS = (28_366_848, 153_600, 7_087_104)


@pytest.mark.parametrize(
    ("options", "frames", "trained", "gmacs"),
    [
        ({}, 8, (*PARTS, 3_276_800, 1), 145.67),  # published: 39 M, 97
        ({"context": 8}, 8, (*PARTS, 1_638_400, 1), 145.67),
        ({"context": 8, "train_projection": False}, 8, (PARTS[0], PARTS[1], 1_638_400, 1), 145.67),
        ({}, 16, (PARTS[0], 233_472, PARTS[2], 3_276_800, 1), 296.00),  # published: 190
    ],
)
def test_parameters_are_the_published_39_m_and_multiply_adds_cannot_be_97_since_clip_has_140(
    options, frames, trained, gmacs
):
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "vita_clip", "options": options}), labels, [frames])
    assert tuple(cost.trainable.values()) == trained
    assert cost.macs_view / 1e9 == pytest.approx(gmacs, abs=0.01)
    if not options:
        assert round(cost.trainable_total / 1e6) == 39
