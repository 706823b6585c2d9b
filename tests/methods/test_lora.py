"""LoRA: its block in plain loops, frozen weights that stay, labels without it, its size."""

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

OVERFIT = {"train": {"lr": 2e-2}}


def model_of(make_model, **kwargs):
    options = {"rank": 3, "alpha": 6, **kwargs.pop("options", {})}
    return make_model({"method": "lora", "options": options}, **kwargs)[0]


def updated(w, trained, tower, at):
    """CLIP's weights of a block with B A, product by product, added to both matrices of its MHSA."""
    where = {"image": "visual.transformer.resblocks", "text": "transformer.resblocks"}[tower]
    w = dict(plain.below(w, f"{where}.{at}."))
    a = plain.below(trained, f"{tower}.blocks.{at}.attention.")
    for layer, name in (("joint", "attn.in_proj_weight"), ("out", "attn.out_proj.weight")):
        down, up = a[f"{layer}.lora_A.default.weight"], a[f"{layer}.lora_B.default.weight"]
        assert len(down) == 3 and up.shape[1] == 3
        update = sum(np.outer(up[:, rank], down[rank]) for rank in range(3))
        w[name] = w[name] + 6 / 3 * update
    return w


@pytest.mark.parametrize(("tower", "width", "causal"), [("image", 48, False), ("text", 32, True)])
def test_its_block_is_clips_with_a_product_of_low_rank_added_to_its_matrices(
    make_model, backbone, tower, width, causal
):
    model = model_of(make_model)
    w = updated(plain.frozen_weights(backbone), plain.trained_weights(model), tower, 1)
    draw = torch.Generator().manual_seed(4)
    tokens = torch.randn(2, 6, width, generator=draw, dtype=torch.double)
    mask = torch.full((6, 6), -math.inf, dtype=torch.double).triu(1) if causal else None
    with torch.no_grad():
        found = getattr(model, tower).blocks[1](tokens, mask=mask)
    for one, expected in zip(tokens.numpy(), found.numpy(), strict=True):
        z = one + plain.self_attention(one, w, heads=4, causal=causal)
        np.testing.assert_allclose(z + plain.feed_forward(z, w), expected, rtol=0, atol=1e-10)


def test_no_frozen_bit_moves_when_it_is_called(make_model, backbone):
    model = model_of(make_model, double=False)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    versions = {name: p._version for name, p in model.named_parameters()}
    with torch.no_grad():
        video = model.video(torch.randn(1, 2, 3, 32, 32))
        model.logits(video, model.labels(model.prompts))
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    assert versions == {name: p._version for name, p in model.named_parameters()}
    block = model.image.blocks[0]
    assert block.attention.joint.base_layer.weight is block.block.attn.in_proj_weight


def test_labels_without_it_are_clips_at_any_weights(make_model, backbone):
    model = model_of(make_model, double=False)
    clip, _ = open_backbone(backbone)
    ids = model.prompts[0].ids
    with torch.no_grad():
        expected = clip.encode_text(torch.nn.functional.pad(ids, (0, 24 - ids.shape[1])))
        bare, own = model.bare_labels(model.prompts).features, model.labels(model.prompts).features
    torch.testing.assert_close(bare, expected, rtol=0, atol=2e-5)
    assert ((own - expected).abs().amax(dim=1) > 1e-2).all()


@pytest.mark.parametrize("tower", ["image", "text"])
def test_one_tower_alone(make_model, tower):
    model = model_of(make_model, options={"towers": [tower]})
    assert model.trainable() and all(name.startswith(f"{tower}.blocks.") for name in model.trainable())
    assert (model.bare_labels(model.prompts) is None) == (tower == "image")
    assert list(model.groups()) == [f"{tower}_updates"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 0}, "rank: 0 must be 1 or more"),
        ({"towers": []}, "towers: .* must be image, text or both"),
        ({"towers": ["text", "text"]}, "towers: .* each once"),
    ],
)
def test_options_that_do_not_fit_are_one_line(options, words):
    with pytest.raises(UserError, match=words) as caught:
        build(Run, {"method": "lora", "options": options})
    assert "\n" not in str(caught.value)


def test_its_size_at_full_size():
    """Rank 8: a matrix M x N has 8 (M + N); as many multiply-adds a token. No figure is published."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "lora"}), labels, [8])
    assert cost.trainable == {
        "image_updates": 12 * 8 * (768 + 3 * 768 + 768 + 768),
        "text_updates": 12 * 8 * (512 + 3 * 512 + 512 + 512),
    }
    assert cost.trainable_total == 737_280
    (bare,) = complexity(build(Run, {"method": "clip"}), labels, [8])
    assert cost.macs_view - bare.macs_view == 8 * 197 * 442_368
    assert cost.macs_view / 1e9 == pytest.approx(141.20, abs=0.005)
