"""DiST: both encoders, the branch between them and the pooling in plain loops, its start, and its size."""

import math

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build

# AdamW takes steps on rounding, ten times as long at ten times the rate: more than the common tests allow.
TINY = {"options": {"pooling_layers": 2, "new_lr": 1.0}}
STARTS_AS_CLIP = False
OVERFIT = {"train": {"lr": 2e-3}}
HEADS, LAYERS, PATCH, SIDE = 4, 3, 8, 4
FRAMES, EVERY = 6, 2


def model_of(make_model, options=None, frames=FRAMES, **kwargs):
    options = {"pooling_layers": 2} | (options or {})
    return make_model({"method": "dist", "data": {"frames": frames}, "options": options}, **kwargs)[0]


def some_videos(batch=2, frames=FRAMES):
    draw = torch.Generator().manual_seed(3)
    return torch.randn(batch, frames, 3, 32, 32, generator=draw, dtype=torch.double)


def quick(x):
    return x / (1 + np.exp(-1.702 * x))


def mlp(x, w, name):
    return plain.linear(quick(plain.linear(x, w, f"{name}.0")), w, f"{name}.2")


def seen_by(kernel, bias, x, at, steps):
    """A convolution at one place: the sum over the offsets of its kernel (out, in, t, h, w) that are inside.

    x: (T, H, W, C) of single pixels or patches; steps: the offsets of the kernel's places along each axis.
    """
    found = bias.copy()
    for i, dt in enumerate(steps[0]):
        for j, dh in enumerate(steps[1]):
            for k, dw in enumerate(steps[2]):
                place = (at[0] + dt, at[1] + dh, at[2] + dw)
                if all(0 <= p < size for p, size in zip(place, x.shape, strict=False)):
                    found = found + kernel[:, :, i, j, k] @ x[place]
    return found


def convolved(w, name, x, steps):
    """The same at every place, (T, H, W, C) -> (T, H, W, C')."""
    kernel, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    rows = [
        [[seen_by(kernel, bias, x, (t, h, v), steps) for v in range(x.shape[2])] for h in range(x.shape[1])]
        for t in range(x.shape[0])
    ]
    return np.array(rows)


def stem(video, w):
    """Frames (T, 3, S, S) -> (T, H, W, C): five frames of one patch, black (zero) beyond the ends."""
    kernel, bias = w["stem.weight"], w["stem.bias"]
    out = np.zeros((len(video), SIDE, SIDE, len(bias)))
    for t in range(len(video)):
        for h in range(SIDE):
            for v in range(SIDE):
                out[t, h, v] = bias
                for i, at in enumerate(range(t - 2, t + 3)):
                    if 0 <= at < len(video):
                        rows, columns = slice(PATCH * h, PATCH * (h + 1)), slice(PATCH * v, PATCH * (v + 1))
                        out[t, h, v] += (kernel[:, :, i] * video[at][:, rows, columns]).sum(axis=(1, 2, 3))
    return out


def encoded(x, w):
    """A block of the temporal encoder on (T, H, W, C)."""
    hidden = quick(convolved(w, "over_time", plain.norm(x, w, "norm"), ((-1, 0, 1), (0,), (0,))))
    return quick(x + convolved(w, "over_space", hidden, ((0,), (-1, 0, 1), (-1, 0, 1))))


def integrated(s, w):
    """What leaves the branch, r, of tokens (T', L, N)."""
    hidden = plain.linear(plain.norm(s, w, "norm_time"), w, "narrow")
    moved = np.zeros_like(hidden)
    for t in range(len(s)):
        moved[t] = w["over_time.bias"]
        for step in (-1, 0, 1):
            if 0 <= t + step < len(s):
                moved[t] += hidden[t + step] @ w["over_time.weight"][:, :, step + 1, 0].T
    return mlp(plain.norm(s, w, "norm"), w, "mlp") + plain.linear(quick(moved), w, "widen")


def layer_in_loops(z, x, r, w, last):
    x = encoded(x, plain.below(w, "temporal."))
    s = plain.linear(z, w, "enter") + r
    joined, kernel = s.copy(), w["to_integration.weight"]
    for t in range(len(z)):
        joined[t, 0] += w["class_tokens"][t, 0]
        for m in range(SIDE * SIDE):
            pair = x[EVERY * t : EVERY * t + EVERY, m // SIDE, m % SIDE]
            found = sum(kernel[:, :, i, 0, 0] @ pair[i] for i in range(EVERY))
            joined[t, 1 + m] += found + w["to_integration.bias"]
    if not last:
        x = x.copy()
        for t in range(len(x)):
            for m in range(SIDE * SIDE):
                x[t, m // SIDE, m % SIDE] += plain.linear(s[t // EVERY, 1 + m], w, "to_temporal")
    return x, joined, integrated(joined, plain.below(w, "integration."))


def asked(query, tokens, w):
    query = query + plain.attention(plain.norm(query, w, "norm"), plain.norm(tokens, w, "norm"), w, heads=1)
    return query + mlp(plain.norm(query, w, "norm_mlp"), w, "mlp")


def video_in_loops(video, z, clip, w):
    """The feature v of frames (T, 3, S, S) whose every second enters CLIP's blocks as tokens z (T', L, D)."""
    x, r = stem(video, w), 0.0
    for n in range(LAYERS):
        block = plain.below(clip, f"visual.transformer.resblocks.{n}.")
        z = np.array([frame + plain.self_attention(frame, block, HEADS) for frame in z])
        z = np.array([frame + plain.feed_forward(frame, block) for frame in z])
        x, joined, r = layer_in_loops(z, x, r, plain.below(w, f"layers.{n}."), n == LAYERS - 1)
    y, u = joined + r, w["query"][0]
    queries = [w["frame_query"][0] for _ in z]
    for n in range(2):
        own = plain.below(w, f"pooling.{n}.")
        queries = [asked(q, y[t], plain.below(own, "over_space.")) for t, q in enumerate(queries)]
        frames = np.vstack(queries) + own["positions"]
        u = asked(u, frames, plain.below(own, "over_time."))
    pooled = u[0] + plain.linear(sum(frame[0] for frame in z) / len(z), w, "from_clip")
    return plain.norm(pooled, w, "norm") @ w["projection"]


def test_both_encoders_the_branch_and_the_pooling_in_plain_loops(make_model, backbone):
    model, videos = model_of(make_model), some_videos()
    clip, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    with torch.no_grad():
        found = model.video(videos).joint.numpy()
        tokens = model.image.embed(videos[:, ::EVERY]).numpy()
    for video, entering, expected in zip(videos.numpy(), tokens, found, strict=True):
        plainly = video_in_loops(video, entering, clip, trained)
        np.testing.assert_allclose(expected, plainly, rtol=0, atol=1e-9 * np.abs(plainly).max())


def test_the_start(make_model, backbone):
    """Small weights beside CLIP's own tokens of every second frame; v is not CLIP's feature."""
    model, videos, given = model_of(make_model, randomise=False, double=False), some_videos().float(), []
    clip, _ = open_backbone(backbone)
    model.layers[-1].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    with torch.no_grad():
        found = model.video(videos).joint
        expected = clip.encode_image(videos[:, ::EVERY].flatten(0, 1)).unflatten(0, (2, 3))
    torch.testing.assert_close(model.image.project(given[0][:, :, 0]), expected, rtol=0, atol=2e-6)
    assert (found - expected.mean(dim=1)).norm() > 0.1 * expected.norm()
    for name, weight in model.trainable().items():
        module, _, kind = name.rpartition(".")
        normed, attention = ".norm" in f".{module}", name.endswith("in_proj_weight")
        if kind.endswith("bias"):
            assert not weight.any(), name
        elif normed:
            assert (weight == 1).all(), name
        elif not attention and name != "projection" and weight.numel() > 200:
            assert 0.01 < weight.detach().std() < 0.03 and weight.detach().abs().max() <= 2, name
    assert float(model.projection.detach().std()) == pytest.approx(model.projection.shape[0] ** -0.5, rel=0.1)


def test_the_start_depends_on_the_seed_alone(make_model):
    first, second = (model_of(make_model, randomise=False).trainable() for _ in range(2))
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())
    first_blocks = [first[f"layers.{n}.temporal.over_time.weight"] for n in (0, 1)]
    assert not torch.equal(*first_blocks)


def test_clip_sees_every_second_frame_and_keeps_no_graph(make_model):
    model, seen = model_of(make_model), []
    model.train()
    for layer in model.layers:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    videos = some_videos()
    before = model.video(videos).joint
    assert [tokens.shape[1] for tokens in seen] == [FRAMES // EVERY] * LAYERS
    assert not any(tokens.requires_grad for tokens in seen)
    others = videos.clone()
    others[:, 1::EVERY] += 1.0  # what only the temporal encoder sees
    seen.clear()
    after = model.video(others).joint
    assert not torch.allclose(before, after)


def test_nothing_decays_the_vectors_and_the_last_layer_gives_nothing_back(make_model):
    model = model_of(make_model)
    groups = model.groups()
    assert {name: group.decay for name, group in groups.items()} == {
        "temporal_encoder": None, "integration": None, "pooling": None, "tokens": 0.0
    }  # fmt: skip
    vectors = {id(p) for p in groups["tokens"].parameters()}
    named = {name for name, p in model.named_parameters() if id(p) in vectors}
    assert named == {"query", "frame_query"} | {f"layers.{n}.class_tokens" for n in range(LAYERS)} | {
        f"pooling.{n}.positions" for n in range(2)
    }
    assert [layer.to_temporal is None for layer in model.layers] == [False, False, True]


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ({"data": {"frames": 5}}, "data.frames: 5 are not a multiple of 2"),
        ({"options": {"tube": 4}}, "tube: 4 must be odd"),
        ({"options": {"pooling_layers": 0}}, "pooling_layers: 0 must be above 0"),
        ({"options": {"integration": 1.5}}, "integration: 1.5 is a share of the width"),
        (
            {"evaluate": {"frames": 32}},
            "evaluate.frames: the weights of the method dist are for the 8 frames",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(backbone, differences, words):
    from m2clip.backbones import shape_of
    from m2clip.parsing import plain as values

    with pytest.raises(UserError, match=f"^{words}") as caught:
        run = build(Run, {"method": "dist", "backbone": values(backbone)} | differences)
        run.options.check(shape_of(run.backbone), run.data)
    assert "\n" not in str(caught.value)


def of_layer(width=384, temporal=96, clip=768, every=2):
    """Parameters of one layer's part of the temporal encoder and of the branch, as the docstring has them."""
    encoder = 2 * temporal + (3 * temporal**2 + temporal) + (9 * temporal**2 + temporal)
    narrow = width // 4
    branch = (
        (clip * width + width)  # W_l
        + (every * temporal * width + width)  # W_f
        + 2 * (width**2 + width)  # MLP
        + (width * narrow + narrow) + (3 * narrow**2 + narrow) + (narrow * width + width)  # MLP_T
        + 4 * width  # norms
    )  # fmt: skip
    return encoder, branch


@pytest.mark.parametrize(
    ("frames", "pooling", "gmacs"),
    [(16, 4, 162.84), (32, 4, 325.68), (16, 2, 161.88)],  # CLIP sees 8, 16 and 8 frames
)
def test_its_size_by_component(frames, pooling, gmacs):
    labels = tuple(f"label {n}" for n in range(400))
    options = {"pooling_layers": pooling}
    (cost,) = complexity(
        build(Run, {"method": "dist", "data": {"frames": frames}, "options": options}), labels, [frames]
    )
    width, temporal = 384, 96
    encoder, branch = of_layer()
    asking = 4 * (width**2 + width) + 4 * width + 2 * 4 * width**2 + 5 * width
    assert cost.trainable == {
        "temporal_encoder": 12 * encoder + 3 * 5 * 16**2 * temporal + temporal,
        "integration": 12 * branch + 11 * (width * temporal + temporal),
        "pooling": 2 * pooling * asking + (768 * width + width) + 2 * width + width * 512,
        "tokens": (12 + pooling) * frames // 2 * width + 2 * width,
    }
    assert cost.macs_view / 1e9 == pytest.approx(gmacs, abs=0.005)
    if (frames, pooling) == (16, 4):
        assert cost.trainable_total == 26_068_224
        assert math.isclose(cost.macs_view / 140.51e9, 1.159, rel_tol=1e-3)  # of CLIP on the same 8 frames
