"""DUALPATH: grids pixel by pixel, both ways through a block in plain loops, its start and its size."""

import math

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.backbones import shape_of
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build
from m2clip.parsing import plain as values_of

TINY = {"options": {"spatial": 2, "grid": 2}}
STARTS_AS_CLIP = False  # one of its paths does
OVERFIT = {"options": {"dropout": 0.0}}
FRAMES = 8  # two grids of 2 x 2


def model_of(make_model, **kwargs):
    options = {"spatial": 2, "grid": 2, **kwargs.pop("options", {})}
    differences = {"method": "dualpath", "data": {"frames": FRAMES}, "options": options}
    return make_model(differences, **kwargs)[0]


def some_frames(batch=2, frames=FRAMES, side=32):
    draw = torch.Generator().manual_seed(3)
    return torch.randn(batch, frames, 3, side, side, generator=draw, dtype=torch.double)


def adapter(x, a, name):
    return plain.linear(plain.gelu(plain.linear(x, a, f"{name}.down")), a, f"{name}.up")


def grid_in_loops(z, w, a):
    """One grid's tokens (L, D): adapters in the way, before MHSA, after it and after the FFN."""
    entering = adapter(plain.norm(z, w, "ln_1"), a, "before_attn")
    found = plain.scaled(plain.attention(entering, entering, w, heads=4), w, "ls_1")
    z = z + adapter(found, a, "after_attn")
    return z + adapter(plain.feed_forward(z, w), a, "after_mlp")


def frame_in_loops(z, w, a):
    """One frame's tokens (L, D): adapters beside MHSA and FFN."""
    z = z + plain.self_attention(z, w, heads=4) + adapter(plain.norm(z, w, "ln_1"), a, "beside_attn")
    return z + plain.feed_forward(z, w) + adapter(plain.norm(z, w, "ln_2"), a, "beside_mlp")


def test_both_ways_through_a_block_in_plain_loops(make_model, backbone):
    model = model_of(make_model)
    w = plain.below(plain.frozen_weights(backbone), "visual.transformer.resblocks.1.")
    a = plain.below(plain.trained_weights(model), "image.blocks.1.")
    tokens = torch.randn(2, 4, 5, 48, generator=torch.Generator().manual_seed(4), dtype=torch.double)
    with torch.no_grad():
        found = model.image.blocks[1](tokens).numpy()
    for video, pictures in enumerate(tokens.numpy()):
        for at, picture in enumerate(pictures):
            way = grid_in_loops if at < 2 else frame_in_loops
            np.testing.assert_allclose(way(picture, w, a), found[video, at], rtol=0, atol=1e-10)


def test_a_grid_shows_the_frames_in_their_order_row_by_row(make_model):
    """Frames of one value each: every quarter of a picture has the value of its frame, but at the seams."""
    model = model_of(make_model)
    frames = torch.arange(FRAMES, dtype=torch.double).view(1, FRAMES, 1, 1, 1).expand(2, -1, 3, 32, 32)
    pictures = model.grid_pictures(frames)
    assert pictures.shape == (2, 2, 3, 32, 32)
    for picture in range(2):
        for row in range(2):
            for column in range(2):
                inside = pictures[
                    :, picture, :, row * 16 + 2 : row * 16 + 14, column * 16 + 2 : column * 16 + 14
                ]
                torch.testing.assert_close(inside, torch.full_like(inside, 4 * picture + 2 * row + column))


def test_small_frames_are_shrunk_by_averaging_and_not_by_leaving_pixels_out(make_model):
    """A board of 0 and 1 pixel by pixel becomes grey."""
    model = model_of(make_model)
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2
    frames = board.double().expand(1, FRAMES, 3, 32, 32)
    inside = model.grid_pictures(frames)[..., 3:13, 3:13]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.5), atol=0.01, rtol=0)


def test_a_patch_is_told_which_frame_it_shows(make_model):
    """Of 4 x 4 patches, 2 x 2 belong to a frame: numbers from 1, on through both grids; class tokens 0."""
    model = model_of(make_model)
    found = model.frame_numbers
    assert found.shape == (2, 17, 48)
    for picture in range(2):
        for patch in range(17):
            row, column = divmod(patch - 1, 4)
            shown = 1 + 4 * picture + 2 * (row // 2) + column // 2 if patch else 0
            for channel in range(48):
                angle = shown / 10_000 ** (2 * (channel // 2) / 48)
                expected = math.cos(angle) if channel % 2 else math.sin(angle)
                assert float(found[picture, patch, channel]) == pytest.approx(expected, abs=1e-6)


def test_the_spatial_path_sees_frames_at_equal_distances_and_the_classifier_reads_both(make_model):
    model, frames = model_of(make_model), some_frames()
    with torch.no_grad():
        video = model.video(frames)
        changed = frames.clone()
        changed[:, [1, 2, 3, 5, 6, 7]] += 1
        other = model.video(changed)
        torch.testing.assert_close(other.spatial, video.spatial)
        assert (other.temporal != video.temporal).all()
        both = torch.cat([video.temporal, video.spatial], dim=1)
        hidden = torch.nn.functional.gelu(both @ model.hidden.weight.T + model.hidden.bias)
        torch.testing.assert_close(model.classify(video)["vc"], hidden @ model.vc.weight.T + model.vc.bias)


def test_the_start(make_model, backbone):
    """The spatial path is CLIP's; the temporal path passes its embedding through all blocks unchanged."""
    model = model_of(make_model, randomise=False, double=False)
    clip, _ = open_backbone(backbone)
    frames = some_frames().float()
    with torch.no_grad():
        video = model.video(frames)
        whole = clip.encode_image(frames[:, [0, 4]].flatten(0, 1)).unflatten(0, (2, 2)).mean(dim=1)
        torch.testing.assert_close(video.spatial, whole, rtol=0, atol=2e-6)
        pictures = model.grid_pictures(frames)
        embedded = model.image.embed(pictures, added=model.frame_numbers, positions=model.positions)
        torch.testing.assert_close(video.temporal, model.image.project(embedded[:, :, 0]).mean(dim=1))


@pytest.mark.parametrize("tuned", [True, False])
def test_clips_embeddings_are_trained_only_where_the_options_say_so(make_model, tuned):
    model = model_of(make_model, options={"tune_embeddings": tuned})
    names = {"image.visual.class_embedding", "image.visual.positional_embedding"}
    assert names & set(model.trainable()) == (names if tuned else set())
    assert set(model.backbone) == (names if tuned else set())


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        (8, {}, "8 frames make no whole 4 x 4 grids"),
        (16, {"spatial": 3}, "hold no 3 at equal distances; take 48 or a multiple"),
        (25, {"grid": 5, "spatial": 5}, "5 x 5 frames are more than the 4 x 4 patches"),
        (32, {"grid": 0}, "grid: 0 must be 1 or more"),
    ],
)
def test_frames_that_do_not_fit_are_one_line(backbone, frames, options, words):
    with pytest.raises(UserError, match=words) as caught:
        differences = {"method": "dualpath", "data": {"frames": frames}, "options": options}
        run = build(Run, differences | {"backbone": values_of(backbone)})
        run.options.check(shape_of(run.backbone), run.data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "adapters", "total", "gmacs"),
    [
        ({}, 17_752_320, 18_785_680, 190.97),
        ({"bottleneck": 1 / 6}, 11_850_240, 12_883_600, 185.86),
    ],
)
def test_its_size_and_that_neither_bottleneck_meets_the_published_10_million_and_237_gflops(
    options, adapters, total, gmacs
):
    """Ten pictures cost 10 / 8 of CLIP's 8 frames, 175.6, and the adapters the rest; nobody derives 237."""
    differences = {"method": "dualpath", "data": {"frames": 32}, "options": options}
    (cost,) = complexity(build(Run, differences), tuple(f"label {n}" for n in range(400)), [32])
    assert cost.trainable["adapters"] == adapters and cost.trainable_total == total
    assert cost.trainable["vc"] == 730_000
    assert cost.macs_view / 1e9 == pytest.approx(gmacs, abs=0.005)
    assert cost.trainable_total / 1e6 > 1.2 * 10 and cost.macs_view / 1e9 < 0.85 * 237
