"""ILA: its alignment in loops, its loss, its norm over processes, its start and its size."""

import numpy as np
import pytest
import torch
from torch import nn

import plain_model as plain
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.methods.ila import biases_before_a_norm
from m2clip.models.parts.batch_norm import BatchNorm
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import open_clip_of

TINY = {"options": {"hidden": 16}}
MICROBATCH = None  # BatchNorm's statistics are those of a microbatch
STARTS_AS_CLIP = False  # its blocks do; the transformer over frames adds to the mean


def model_of(make_model, randomise=True):
    """Weights and running statistics away from where they start."""
    model, _ = make_model(differences_of("ila"), randomise=False)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.trainable().values() if randomise else ():
            weight.add_(0.2 * torch.randn(weight.shape, generator=draw))
        for name, buffer in model.trained_buffers().items() if randomise else ():
            if buffer.is_floating_point():
                noise = torch.rand(buffer.shape, generator=draw)
                buffer.copy_(noise + 0.5 if "var" in name else noise - 0.5)
    return model


def conv(x, w, b, pad, groups=1):
    """Convolution of (C, H, W), place by place."""
    out_channels, inner, k, _ = w.shape
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    _, height, width = x.shape
    found = np.zeros((out_channels, height, width))
    each = out_channels // groups
    for o in range(out_channels):
        seen = padded[o // each * inner : (o // each + 1) * inner]
        for y in range(height):
            for z in range(width):
                found[o, y, z] = (seen[:, y : y + k, z : z + k] * w[o]).sum() + b[o]
    return found


def batch_norm(x, w, name):
    """With the running statistics."""
    column = lambda kind: w[f"{name}.{kind}"][:, None, None]  # noqa: E731
    scale = column("weight") / np.sqrt(column("running_var") + 1e-5)
    return (x - column("running_mean")) * scale + column("bias")


def pooled(x):
    return x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))


def grouped(x, w, name):
    """A layer in two halves, on one vector."""
    weight, bias = w[f"{name}.weight"][..., 0], w[f"{name}.bias"]
    half, size = len(weight) // 2, len(x) // 2
    return np.concatenate([weight[:half] @ x[:size], weight[half:] @ x[size:]]) + bias


def weight_at(point, y, x):
    """Of a place in a grid of 4 by 4."""
    found = 1.0
    for place, at in ((x, point[0]), (y, point[1])):
        away = abs(place / 3 * 2 - 1 - at)
        found *= 1.0 if away <= 0.25 else max(0.0, 1 - 1.5 * (away - 0.25))
    return found


def alignment_in_loops(n, w, around=((0.0, 0.0),)):
    """Of one video (T, 1 + 16, D): aligned and convolved tokens, and 1 - cos."""
    frames, relu = len(n), lambda x: np.maximum(x, 0)
    seen = {t: [] for t in range(frames)}  # what pairs say of a frame: its masked patches, its channels
    distances = []
    for t in range(frames - 1):
        x = np.concatenate([n[t, 1:].T, n[t + 1, 1:].T]).reshape(-1, 4, 4)
        x = conv(x, w["net.0.weight"], w["net.0.bias"], 1, groups=len(x))
        x = relu(batch_norm(x, w, "net.1"))
        x = relu(batch_norm(conv(x, w["net.3.weight"], w["net.3.bias"], 0), w, "net.4"))
        x = relu(batch_norm(conv(x, w["net.6.weight"], w["net.6.bias"], 1), w, "net.7"))
        h = relu(pooled(batch_norm(conv(x, w["head.0.weight"], w["head.0.bias"], 1), w, "head.1")))
        h = relu(pooled(batch_norm(conv(h, w["head.4.weight"], w["head.4.bias"], 1), w, "head.5")))
        points = 0.75 * np.tanh(grouped(relu(grouped(h[:, 0, 0], w, "head.10")), w, "head.12"))
        masked = []
        for frame, point, channels in ((t, points[:2], x[:8]), (t + 1, points[2:], x[8:])):
            patches = n[frame, 1:].copy()
            for place in range(16):
                each = [weight_at(point + np.array(moved), place // 4, place % 4) for moved in around]
                patches[place] *= sum(each) / len(each)
            seen[frame].append((patches, channels))
            masked.append(patches.sum(axis=0))
        distances.append(1 - plain.cosine(*masked))
    aligned, convolved, maps = n.copy(), n.copy(), []
    for t in range(frames):
        aligned[t, 1:] = sum(patches for patches, _ in seen[t]) / len(seen[t])
        maps.append(sum(channels for _, channels in seen[t]) / len(seen[t]))
    kernel = w["over_time.weight"][..., 0, 0]
    for t in range(frames):
        for place in range(16):
            y, x = divmod(place, 4)
            near = [(s, maps[t + s - 1][:, y, x]) for s in range(3) if 0 <= t + s - 1 < frames]
            at = w["over_time.bias"] + sum(kernel[:, :, s] @ channels for s, channels in near)
            convolved[t, 1 + place] = plain.linear(at, w, "up")
    return aligned, convolved, sum(distances) / len(distances)


def test_its_block_in_loops(make_model, backbone):
    model = model_of(make_model)
    tokens = torch.randn(2, 4, 17, 48, generator=torch.Generator().manual_seed(4), dtype=torch.double)
    with torch.no_grad():
        found, distance = model.image.blocks[1](tokens)
    clip = plain.below(plain.frozen_weights(backbone), "visual.transformer.resblocks.1.")
    a = {name: value.numpy() for name, value in model.image.blocks[1].state_dict().items()}
    for z, expected, expected_distance in zip(tokens.numpy(), found.numpy(), distance, strict=True):
        n = plain.norm(plain.linear(z, a, "message"), a, "norm")
        aligned, convolved, away = alignment_in_loops(n, plain.below(a, "alignment."))
        moved = z + plain.linear(aligned, a, "add_aligned") + plain.linear(convolved, a, "add_convolved")
        attended = [frame + plain.self_attention(frame, clip, heads=4) for frame in moved]
        whole = np.array([frame + plain.feed_forward(frame, clip) for frame in attended])
        np.testing.assert_allclose(whole, expected, rtol=0, atol=1e-9)
        assert float(expected_distance) == pytest.approx(away, abs=1e-10)


def test_in_training_the_mask_is_the_mean_over_nine_points(make_model):
    alignment = model_of(make_model).image.blocks[0].alignment
    point = torch.tensor([[[0.3, -0.6]]], dtype=torch.double)
    for training, moves in ((False, [0.0]), (True, [-0.2, 0.0, 0.2])):
        found = alignment.train(training).masks(point)[0, 0, :, 0].tolist()
        for place in range(16):
            each = [
                weight_at((0.3 + x, -0.6 + y), place // 4, place % 4) for x in moves for y in moves
            ]  # fmt: skip
            assert found[place] == pytest.approx(sum(each) / len(each), abs=1e-7)


def test_the_norm_is_pytorch_s_in_training_and_in_testing():
    ours, theirs = BatchNorm(5).double(), nn.BatchNorm2d(5).double()
    draw = torch.Generator().manual_seed(0)
    for norm in (ours, theirs):
        with torch.no_grad():
            norm.weight.copy_(torch.arange(1.0, 6))
            norm.bias.copy_(torch.arange(5.0))
    for training in (True, True, False):
        x = 3 + 2 * torch.randn(4, 5, 3, 3, generator=draw, dtype=torch.double)
        torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_biases_before_a_norm_change_nothing_in_training(make_model):
    alignment = model_of(make_model).image.blocks[0].alignment.train()
    biases = biases_before_a_norm(alignment)
    assert len(biases) == 5
    n = torch.randn(2, 4, 17, 48, dtype=torch.double)
    with torch.no_grad():
        before = alignment(n)
        for bias in biases:
            bias.add_(0.5)
        for one, other in zip(before, alignment(n), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_the_start(make_model):
    """Both maps are added by layers that start at zero, so that class tokens are CLIP's after the tower."""
    model, clip = model_of(make_model, randomise=False), open_clip_of(make_model.backbone)
    frames = torch.randn(1, 4, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        tokens = model.image.embed(frames)
        for block in model.image.blocks:
            tokens, _ = block(tokens)
        found = model.image.project(tokens[:, :, 0])
        torch.testing.assert_close(found[0], clip.encode_image(frames[0]), rtol=0, atol=1e-6)


def test_a_hidden_size_that_has_no_halves_is_refused():
    with pytest.raises(UserError, match=r"^hidden: 12 must be a multiple of 8"):
        build(Run, {"method": "ila", "options": {"hidden": 12}})


def test_the_optimiser_has_43_621_680_parameters_as_released_with_idle_biases_and_without_the_prompt():
    """View: 198.6 GMAC of the tower and 0.64 of MIT and the prompt's patches; published 214, not met."""
    labels = tuple(f"label {n}" for n in range(400))
    eight, sixteen = complexity(build(Run, {"method": "ila"}), labels, [8, 16])
    idle = 12 * (2 * 768 + 256 + 256 + 128 + 128)
    assert eight.trainable == {
        "message": 26_290_992 - idle, "temporal": 14_174_208, "mit": 3_156_480, "prompt": 6_697_984
    }  # fmt: skip
    assert eight.trainable_total - 6_697_984 + idle == 43_621_680
    assert eight.macs_view / 1e9 == pytest.approx(198.6 + 0.64, abs=0.05)
    assert sixteen.macs_view / 1e9 == pytest.approx(400.4 + 1.28, abs=0.1)
    assert eight.macs_compare / 1e9 == pytest.approx(2.46, abs=0.005)
