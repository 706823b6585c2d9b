"""AIM: its block in plain loops, its parts and its size."""

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build

SSV2 = {"scale": 1.0, "into_time": True}
OVERFIT = {"options": {"dropout": 0.0, "drop_path": 0.0}}


def model_of(make_model, **options):
    return make_model({"method": "aim", "data": {"frames": 3}, "options": options})[0]


def some_tokens(batch=2, frames=3, places=5):
    draw = torch.Generator().manual_seed(4)
    return torch.randn(batch, frames, places, 48, generator=draw, dtype=torch.double)


def adapter(x, a, name):
    return plain.linear(plain.gelu(plain.linear(x, a, f"{name}.down")), a, f"{name}.up")


def block_in_loops(z, w, a, scale):
    """One video (T, L, D) through a block: tokens of one place over time, then those of one frame."""
    z, frames, places = z.copy(), len(z), z.shape[1]
    moved = np.zeros_like(z)
    for place in range(places):
        normed = plain.norm(z[:, place], w, "ln_1")
        if "into_time.up.weight" in a:
            normed = normed + adapter(normed, a, "into_time")
        moved[:, place] = plain.scaled(plain.attention(normed, normed, w, heads=4), w, "ls_1")
    z += adapter(moved, a, "temporal")
    for t in range(frames):
        found = plain.self_attention(z[t], w, heads=4)
        z[t] += found + adapter(found, a, "spatial")
        beside = scale * adapter(plain.norm(z[t], w, "ln_2"), a, "joint")
        z[t] += plain.feed_forward(z[t], w) + beside
    return z


@pytest.mark.parametrize("options", [{}, SSV2])
def test_its_block_in_plain_loops(make_model, backbone, options):
    model, tokens = model_of(make_model, **options), some_tokens()
    weights, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    with torch.no_grad():
        found = model.image.blocks[1](tokens)
    w = plain.below(weights, "visual.transformer.resblocks.1.")
    a = plain.below(trained, "image.blocks.1.")
    for one, expected in zip(tokens.numpy(), found.numpy(), strict=True):
        np.testing.assert_allclose(
            block_in_loops(one, w, a, options.get("scale", 0.5)), expected, rtol=0, atol=1e-10
        )


def test_each_frame_has_an_embedding_and_the_classifier_reads_the_mean_of_normed_class_tokens(make_model):
    model = model_of(make_model)
    frames = torch.randn(2, 3, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        plainly = model.image.patches(frames) + model.image.visual.positional_embedding[1:]
        for t in range(3):
            entered = model.image.visual.ln_pre(plainly[:, t] + model.temporal_embedding[t])
            embedded = model.image.embed(frames, added=model.temporal_embedding)
            torch.testing.assert_close(embedded[:, t, 1:], entered)
        tokens = model.image(model.image.embed(frames, added=model.temporal_embedding))
        feature = sum(model.image.visual.ln_post(tokens[:, t, 0]) for t in range(3)) / 3
        video = model.video(frames)
        torch.testing.assert_close(video.width, feature)
        layer = model.vc.linear
        torch.testing.assert_close(model.classify(video)["vc"], feature @ layer.weight.T + layer.bias)


def test_paths_are_dropped_more_often_in_deeper_blocks(make_model):
    model = model_of(make_model, drop_path=0.2)
    assert [block.drop.rate for block in model.image.blocks] == pytest.approx([0, 0.1, 0.2])


def test_a_dropped_path_takes_time_and_the_joint_adapter_away(make_model, backbone):
    model, tokens = model_of(make_model, drop_path=0.999_999), some_tokens(batch=1)
    block = model.image.blocks[2].train()
    block.drop.rate = 0.999_999
    w = plain.below(plain.frozen_weights(backbone), "visual.transformer.resblocks.2.")
    a = plain.below(plain.trained_weights(model), "image.blocks.2.")
    without = {name: 0 * v if name.startswith(("temporal", "joint")) else v for name, v in a.items()}
    torch.manual_seed(0)
    with torch.no_grad():
        found = block(tokens)
    np.testing.assert_allclose(
        block_in_loops(tokens[0].numpy(), w, without, 0.5), found[0].numpy(), rtol=0, atol=1e-10
    )


def test_with_text_it_is_compared_with_labels_and_has_no_classifier(make_model):
    model = model_of(make_model, head="text")
    video = model.video(torch.randn(1, 3, 3, 32, 32, dtype=torch.double))
    assert list(model.logits(video, model.labels(model.prompts))) == ["eq11"]
    assert model.options.zero_shot and not any(name.startswith("vc") for name in model.trainable())
    assert not model_of(make_model).options.zero_shot


@pytest.mark.parametrize(
    ("options", "classes", "frames", "trained", "gmacs"),
    [
        ({}, 400, 8, (10_651_392, 6_144, 1_536, 307_600), 202.09),  # published: 11 M, 202
        ({}, 400, 32, (10_651_392, 24_576, 1_536, 307_600), 811.15),  # published: 11 M, 809
        (SSV2, 174, 8, (14_201_856, 6_144, 1_536, 133_806), 207.67),
    ],
)
def test_parameters_and_multiply_adds_at_full_size(options, classes, frames, trained, gmacs):
    labels = tuple(f"label {n}" for n in range(classes))
    (cost,) = complexity(build(Run, {"method": "aim", "options": options}), labels, [frames])
    assert tuple(cost.trainable.values()) == trained
    assert cost.macs_view / 1e9 == pytest.approx(gmacs, abs=0.005)
    published = {(400, 8): 202, (400, 32): 809}.get((classes, frames))
    if published:
        assert round(cost.trainable_total / 1e6) == 11
        assert cost.macs_view / 1e9 == pytest.approx(published, rel=0.003)
