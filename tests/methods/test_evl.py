"""EVL: cross-frame attention and its decoder in plain loops, what stays CLIP's, and its size."""

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

TINY = {"options": {"layers": 2}}
STARTS_AS_CLIP = False
OVERFIT = {"options": {"dropout": 0.0}, "train": {"lr": 2e-3}}
HEADS, SIZE, SIDE, LAYERS = 4, 12, 4, 3


def model_of(make_model, options=None, **kwargs):
    options = {"layers": 2} | (options or {})
    return make_model({"method": "evl", "data": {"frames": 3}, "options": options}, **kwargs)[0]


def some_videos(batch=2):
    draw = torch.Generator().manual_seed(3)
    return torch.randn(batch, 3, 3, 32, 32, generator=draw, dtype=torch.double)


def sigmoid_gelu(x):
    return x / (1 + np.exp(-1.702 * x))


def where_patches_are(q, k, vectors):
    """Patches of a frame (M, D) in another: a softmax, averaged over heads, of vectors by offset."""
    found = np.zeros_like(q)
    for i in range(len(q)):
        for head in range(HEADS):
            part = slice(head * SIZE, (head + 1) * SIZE)
            shares = plain.softmax(
                np.array([q[i, part] @ k[j, part] / math.sqrt(SIZE) for j in range(len(k))])
            )
            for j, share in enumerate(shares):
                down, right = i // SIDE - j // SIDE, i % SIDE - j % SIDE
                at = (down + SIDE - 1) * (2 * SIDE - 1) + right + SIDE - 1
                found[i] += share * vectors[at] / HEADS
    return found


def in_time(z, q, k, a):
    """Tokens (T, L, D) of one layer with what time adds; q and k of that layer's attention."""
    y, frames = z.copy(), len(z)
    for t in range(frames):
        if "embedding" in a:
            y[t] += a["embedding"][t, 0]
        if "convolution.bias" in a:
            y[t] += a["convolution.bias"]
            for step in (-1, 0, 1):
                if 0 <= t + step < frames:
                    y[t] += z[t + step] * a["convolution.weight"][:, 0, step + 1, 0]
        if "cross_frame.before" in a:
            if t > 0:
                y[t, 1:] += where_patches_are(q[t, 1:], k[t - 1, 1:], a["cross_frame.before"])
            if t < frames - 1:
                y[t, 1:] += where_patches_are(q[t, 1:], k[t + 1, 1:], a["cross_frame.after"])
    return y


def video_in_loops(z, weights, trained):
    """Tokens that enter the first block, (T, L, D) -> the query (D,) of a decoder of two layers."""
    x = trained["query"][0]
    for layer in range(LAYERS):
        w = plain.below(weights, f"visual.transformer.resblocks.{layer}.")
        normed = plain.norm(z, w, "ln_1")
        q, k, _ = np.split(normed @ w["attn.in_proj_weight"].T + w["attn.in_proj_bias"], 3, axis=-1)
        z = np.array([frame + plain.self_attention(frame, w, HEADS) for frame in z])
        z = np.array([frame + plain.feed_forward(frame, w) for frame in z])
        if layer == 0:
            continue
        a = plain.below(trained, f"decoder.{layer - 1}.")
        read = plain.norm(in_time(z, q, k, a).reshape(-1, z.shape[-1]), a, "norm_tokens")
        x = x + plain.attention(plain.norm(x, a, "norm_query"), read, a, HEADS)
        hidden = sigmoid_gelu(plain.linear(plain.norm(x, a, "norm_mlp"), a, "widen"))
        x = x + plain.linear(hidden, a, "narrow")
    return x[0]


@pytest.mark.parametrize("options", [{}, {"cross_frame": False}, {"convolution": False, "embedding": False}])
def test_its_decoder_and_cross_frame_attention_in_plain_loops(make_model, backbone, options):
    model, videos = model_of(make_model, options), some_videos()
    weights, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    with torch.no_grad():
        video = model.video(videos)
        tokens, logits = model.image.embed(videos).numpy(), model.classify(video)["vc"].numpy()
    for one, query, scores in zip(tokens, video.query.numpy(), logits, strict=True):
        expected = video_in_loops(one, weights, trained)
        np.testing.assert_allclose(query, expected, rtol=0, atol=1e-9)
        expected = plain.linear(plain.norm(expected, trained, "norm"), trained, "vc.linear")
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-9)


def test_the_start(make_model, backbone):
    """The decoder reads CLIP's own tokens, with the convolution added; embeddings and vectors are zero."""
    model = model_of(make_model, randomise=False, double=False)
    clip, _ = open_backbone(backbone)
    videos, read = some_videos().float(), []
    for layer in model.decoder:
        layer.register_forward_pre_hook(lambda _, given: read.append(given[1]))
    with torch.no_grad():
        model.video(videos)
        expected = clip.encode_image(videos.flatten(0, 1)).unflatten(0, videos.shape[:2])
        torch.testing.assert_close(model.image.project(read[-1][:, :, 0]), expected, rtol=0, atol=2e-6)
    assert len(read) == 2
    for layer in model.decoder:
        zero = (layer.embedding, layer.cross_frame.before, layer.cross_frame.after)
        assert not any(weight.any() for weight in zero) and layer.convolution.weight.any()
    assert not model.query.any()


def test_nothing_below_the_decoder_keeps_a_graph(make_model):
    model, reads = model_of(make_model), []
    model.train()
    model.decoder[0].register_forward_pre_hook(lambda _, given: reads.extend(given[1:]))
    model.video(some_videos())
    assert len(reads) == 3 and not any(tensor.requires_grad for tensor in reads)


def test_what_time_adds_can_be_turned_off(make_model):
    none = {"convolution": False, "embedding": False, "cross_frame": False}
    model, videos = model_of(make_model, none), some_videos(batch=1)
    names = "".join(model.trainable())
    assert not any(part in names for part in ("convolution", "embedding", "cross_frame"))
    with torch.no_grad():
        torch.testing.assert_close(model.video(videos), model.video(videos.flip(1)))  # frames have no order
        whole = model_of(make_model)
        assert (whole.video(videos).query - whole.video(videos.flip(1)).query).abs().max() > 1e-3


def test_a_decoder_that_is_too_deep_is_one_line(backbone):
    from m2clip.backbones import shape_of
    from m2clip.parsing import plain as values

    run = build(Run, {"method": "evl", "backbone": values(backbone), "options": {"layers": 4}})
    with pytest.raises(UserError, match="layers: 4 are more than the 3 of this image tower"):
        run.options.check(shape_of(run.backbone), run.data)
    with pytest.raises(UserError, match="layers: 0 must be 1 or more"):
        build(Run, {"method": "evl", "options": {"layers": 0}})


@pytest.mark.parametrize(
    ("layers", "frames", "trained", "gmacs"),
    [
        (4, 8, (32_875_776, 307_600), 151.29),  # published: 444 GFLOPs for three views
        (4, 16, (32_900_352, 307_600), 303.03),
        (12, 8, (98_622_720, 307_600), 172.87),
    ],
)
def test_its_size_and_that_the_published_86_million_are_clips_image_tower(layers, frames, trained, gmacs):
    labels = tuple(f"label {n}" for n in range(400))
    config = build(Run, {"method": "evl", "options": {"layers": layers}})
    (cost,) = complexity(config, labels, [frames])
    assert tuple(cost.trainable.values()) == trained
    assert cost.macs_view / 1e9 == pytest.approx(gmacs, abs=0.005)
    if (layers, frames) == (4, 8):
        assert cost.macs_view / 1e9 == pytest.approx(444 / 3, rel=0.025)
        image, text = 86_192_640, 63_428_096
        assert cost.frozen == image + text
        assert round(cost.trainable_total / 1e6) == 33
