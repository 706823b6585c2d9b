"""ZeroI2V: its block in plain loops, what it is at the start, that its adapters fold away, and its size."""

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

STARTS_AS_CLIP = False  # its heads look at other frames: CLIP on a still video alone
OVERFIT = {"options": {"dropout": 0.0, "head_dropout": 0.0}}
FOUR = (-1, 1, -2, 2)
HEADS, SIZE = 4, 12


def model_of(make_model, frames=4, **kwargs):
    options = {"offsets": [-1, 1], **kwargs.pop("options", {})}
    return make_model({"method": "zeroi2v", "data": {"frames": frames}, "options": options}, **kwargs)[0]


def some_tokens(batch=2, frames=4, places=5):
    draw = torch.Generator().manual_seed(4)
    return torch.randn(batch, frames, places, HEADS * SIZE, generator=draw, dtype=torch.double)


def adapted(x, a, name, scale):
    return x + scale * plain.linear(plain.linear(x, a, f"{name}.added.down"), a, f"{name}.added.up")


def block_in_loops(z, w, a, scale, offsets):
    """One video (T, L, D): head h of frame t asks frame t + offsets[h], or t where that is no frame."""
    frames, places = z.shape[:2]
    entering = adapted(plain.norm(z, w, "ln_1"), a, "into_attn", scale)
    q, k, v = np.split(entering @ w["attn.in_proj_weight"].T + w["attn.in_proj_bias"], 3, axis=-1)
    mixed = np.zeros_like(z)
    for t in range(frames):
        for head in range(HEADS):
            offset = offsets[head] if head < len(offsets) else 0
            source = t + offset if 0 <= t + offset < frames else t
            part = slice(head * SIZE, (head + 1) * SIZE)
            for i in range(places):
                scores = [q[t, i, part] @ k[source, j, part] / math.sqrt(SIZE) for j in range(places)]
                share = plain.softmax(np.array(scores))
                mixed[t, i, part] = sum(share[j] * v[source, j, part] for j in range(places))
    found = plain.scaled(plain.linear(mixed, w, "attn.out_proj"), w, "ls_1")
    z = z + adapted(found, a, "out_of_attn", scale)
    hidden = plain.linear(adapted(plain.norm(z, w, "ln_2"), a, "into_mlp", scale), w, "mlp.c_fc")
    fed = plain.scaled(plain.linear(plain.gelu(hidden), w, "mlp.c_proj"), w, "ls_2")
    return z + adapted(fed, a, "out_of_mlp", scale)


def weights_of_block(model, backbone, at):
    w = plain.below(plain.frozen_weights(backbone), f"visual.transformer.resblocks.{at}.")
    return w, plain.below(plain.trained_weights(model), f"image.blocks.{at}.")


@pytest.mark.parametrize(("offsets", "scale"), [((-1, 1), 0.5), (FOUR, 1.0)])
def test_its_block_in_plain_loops(make_model, backbone, offsets, scale):
    model = model_of(make_model, options={"offsets": list(offsets), "scale": scale})
    w, a = weights_of_block(model, backbone, 1)
    tokens = some_tokens()
    with torch.no_grad():
        found = model.image.blocks[1](tokens)
    for one, expected in zip(tokens.numpy(), found.numpy(), strict=True):
        np.testing.assert_allclose(block_in_loops(one, w, a, scale, offsets), expected, rtol=0, atol=1e-10)


def test_the_start(make_model, backbone):
    """CLIP on a still video; not on one that moves."""
    model = model_of(make_model, randomise=False, double=False)
    clip, _ = open_backbone(backbone)
    moving = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    still = moving[:, :1].expand(-1, 4, -1, -1, -1)
    with torch.no_grad():
        expected = clip.encode_image(still.flatten(0, 1)).unflatten(0, (2, 4))
        torch.testing.assert_close(model.video(still).frames, expected, rtol=0, atol=2e-6)
        frames = clip.encode_image(moving.flatten(0, 1)).unflatten(0, (2, 4))
        assert ((model.video(moving).frames - frames).abs().amax(-1) > 1e-3).all()


def test_its_adapters_can_be_folded_into_the_frozen_layers(make_model, backbone):
    """The block with no adapters and other frozen weights gives the same: that is why they cost nothing."""
    model = model_of(make_model)
    w, a = weights_of_block(model, backbone, 1)

    def folded(name):
        """An adapter as one matrix and one bias."""
        down, up = (a[f"{name}.added.{layer}.weight"] for layer in ("down", "up"))
        bias = up @ a[f"{name}.added.down.bias"] + a[f"{name}.added.up.bias"]
        return np.eye(len(up)) + 0.5 * up @ down, 0.5 * bias

    w = dict(w)
    for name, layer in (("into_attn", "attn.in_proj_"), ("into_mlp", "mlp.c_fc.")):
        matrix, bias = folded(name)
        w[f"{layer}bias"] = w[f"{layer}bias"] + w[f"{layer}weight"] @ bias
        w[f"{layer}weight"] = w[f"{layer}weight"] @ matrix
    outs = (("out_of_attn", "attn.out_proj.", "ls_1"), ("out_of_mlp", "mlp.c_proj.", "ls_2"))
    for name, layer, gamma in outs:
        matrix, bias = folded(name)
        scaled = matrix * w.pop(f"{gamma}.gamma")  # behind CLIP's own layer scale, where it has one
        w[f"{layer}weight"] = scaled @ w[f"{layer}weight"]
        w[f"{layer}bias"] = scaled @ w[f"{layer}bias"] + bias
    none = {name: 0 * value for name, value in a.items()}
    tokens = some_tokens(batch=1)
    with torch.no_grad():
        found = model.image.blocks[1](tokens)[0].numpy()
    np.testing.assert_allclose(
        block_in_loops(tokens[0].numpy(), w, none, 0.5, (-1, 1)), found, rtol=0, atol=1e-10
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"offsets": [-1, 4]}, "offsets: 4 leads to no other of the 4 frames"),
        ({"offsets": [0]}, "offsets: 0 leads to no other"),
        ({"offsets": [-1, 1, -2], "one_in": 2}, "they ask for 6 heads of 4"),
        ({"one_in": 0}, "one_in: 0 must be 1 or more"),
        ({"bottleneck": 0.0}, "bottleneck: 0.0 is a share"),
    ],
)
def test_offsets_that_do_not_fit_are_one_line(make_model, backbone, options, words):
    from m2clip.backbones import shape_of
    from m2clip.parsing import plain as values

    with pytest.raises(UserError, match=words) as caught:
        config = {"method": "zeroi2v", "data": {"frames": 4}, "options": options}
        run = build(Run, config | {"backbone": values(backbone)})
        run.options.check(shape_of(run.backbone), run.data)
        make_model(config)
    assert "\n" not in str(caught.value)


def test_its_size_and_that_the_published_multiply_adds_are_those_of_folded_adapters():
    """Published: 14 M, 422 GFLOPs for three views. Unfolded it costs 162.82 a view, folded CLIP's 140.51."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "zeroi2v"}), labels, [8])
    assert tuple(cost.trainable.values()) == (14_201_856, 6_144, 1_536, 307_600)
    assert cost.trainable_total / 1e6 == pytest.approx(14, rel=0.04)
    assert cost.macs_view / 1e9 == pytest.approx(162.82, abs=0.005)
    adapters = 12 * 4 * 2 * 768 * 192 * 8 * 197  # layers, adapters, both matrices, frames, tokens
    assert (cost.macs_view - adapters) / 1e9 == pytest.approx(422 / 3, rel=0.002)
