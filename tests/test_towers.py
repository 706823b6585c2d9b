"""Both towers: open_clip's own without adapters, Eq. 1-5 with them, and shortcuts that change nothing."""

from dataclasses import replace

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU
from safetensors.torch import load_file

import plain_model as plain
from m2clip.models.load_clip import open_backbone
from m2clip.models.parts.sites import adapters_in
from steps import step_of

SENTENCES = ["a video of pole vault", "a video of shooting goal (soccer)", "unboxing"]
EVERYWHERE = {"adapters": {"visual": {"site": "both"}, "text": {"layers": "all"}}}


def a_video(batch=2, frames=4, double=True):
    video = torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    return video.double() if double else video


@pytest.fixture(scope="module")
def clip(backbone):
    clip = open_clip.create_model(backbone.name, pretrained=backbone.pretrained).eval()
    # Torch multiplies in another shape by weights that might get a gradient, and other shapes round otherwise
    # on some processors; the model's own CLIP is frozen.
    return clip.requires_grad_(False)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("differences", [{"method": "clip"}, {}, EVERYWHERE])
def test_without_adapters_and_at_the_start_both_towers_are_open_clips_to_the_bit(
    make_model, clip, monkeypatch, differences, grad, training
):
    model, tokenizer = make_model(differences, randomise=False, double=False)
    model.train(training)
    clip.train(training)
    video, ids = a_video(double=False), tokenizer(SENTENCES)
    assert ids.shape == (3, 24)
    # With a graph, torch fuses the attention of frozen blocks alone: that choice is not compared here.
    monkeypatch.setattr(torch.backends.mha, "_is_fastpath_enabled", not grad)
    with torch.set_grad_enabled(grad):
        frames = model.video(video).frames
        expected = clip.encode_image(video.flatten(0, 1)).unflatten(0, (2, 4))
        assert torch.equal(frames, expected)
        assert torch.equal(model.text(ids), clip.encode_text(ids))
        assert torch.equal(model.video(video).joint, expected.mean(dim=1))


ROUNDING = 2e-5  # float32, features of about 1: what another shape of the same products may change


def features_of(model):
    return model.labels(model.prompts).features


def apart(one, other):
    return float((one - other).abs().max())


@pytest.mark.parametrize(
    "differences", [{"adapters": {"visual": {"layers": "none"}, "text": {"layers": 0}}}, EVERYWHERE]
)
def test_other_shapes_change_features_by_rounding_alone(make_model, clip, differences):
    """Prompts without their padding, labels one by one, frames one by one; and no wrong site is as close."""
    model, tokenizer = make_model(differences, double=False)
    video, ids = a_video(double=False), tokenizer(SENTENCES)
    longest = int((ids != 0).sum(1).max())
    assert longest < ids.shape[1]
    with torch.no_grad():
        text, frames = model.text(ids), model.video(video).frames
        assert apart(model.text(ids[:, :longest]), text) < ROUNDING
        assert apart(torch.cat([model.text(one[None]) for one in ids]), text) < ROUNDING
        assert apart(torch.cat([model.video(one[None]).frames for one in video]), frames) < ROUNDING
        if adapters_in(model.image):
            # A wrong insertion: the adapters of the two sites of a block exchanged, in one block alone.
            for tower, plain_features in ((model.text, text), (model.image, frames)):
                block = tower.blocks[1]
                block.before_attn, block.before_mlp = block.before_mlp, block.before_attn
                wrong = tower(ids) if tower is model.text else model.video(video).frames
                assert apart(wrong, plain_features) > 100 * ROUNDING
        else:
            alone = [clip.encode_image(frame[None]) for frame in video.flatten(0, 1)]
            assert apart(torch.cat(alone).unflatten(0, (2, 4)), frames) < ROUNDING
            assert apart(clip.encode_text(ids), model.text(ids[:, :longest])) < ROUNDING
            # A wrong insertion: something as small as a thousandth of the tokens at one site of one block.
            for tower, plain_features in ((model.text, text), (model.image, frames)):
                tower.blocks[1].before_attn = Scaled()
                model.text._cache.clear()  # it knows of changed weights, not of exchanged modules
                wrong = tower(ids) if tower is model.text else model.video(video).frames
                assert apart(wrong, plain_features) > 20 * ROUNDING


class Scaled(torch.nn.Module):
    def forward(self, tokens):
        return 1.001 * tokens


@pytest.mark.parametrize("fusion", ["parallel", "sequential"])
def test_the_image_tower_with_adapters_is_the_plain_statement(make_model, backbone, fusion):
    model, _ = make_model({"adapters": {"visual": {"site": "both", "fusion": fusion}}})
    video = a_video()
    with torch.no_grad():
        features = model.video(video)
    frozen, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    for i in range(len(video)):
        width, frames = plain.image_tower(video[i].numpy(), frozen, trained, fusion=fusion)
        np.testing.assert_allclose(features.frames[i].numpy(), frames, rtol=0, atol=1e-10)
        np.testing.assert_allclose(features.joint[i].numpy(), frames.mean(0), rtol=0, atol=1e-10)
        np.testing.assert_allclose(features.width[i].numpy(), width, rtol=0, atol=1e-10)


@pytest.mark.parametrize("site", ["mlp", "both"])
def test_the_text_tower_with_adapters_is_the_plain_statement(make_model, backbone, site):
    model, tokenizer = make_model({"adapters": {"text": {"layers": 3, "site": site}}})
    ids = tokenizer(SENTENCES)
    with torch.no_grad():
        features = model.text(ids)
    frozen, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    for row, feature in zip(ids.numpy(), features.numpy(), strict=True):
        np.testing.assert_allclose(feature, plain.text_feature(row, frozen, trained), rtol=0, atol=1e-10)
    sites = {name.split(".")[3] for name in trained if name.startswith("text.blocks.")}
    assert sites == ({"before_attn", "before_mlp"} if site == "both" else {"before_mlp"})


def test_past_its_adapters_the_text_tower_is_open_clips(make_model, clip):
    model, tokenizer = make_model(EVERYWHERE, double=False)
    ids = tokenizer(SENTENCES)
    with torch.no_grad():
        bare = model.bare_labels([replace(model.prompts[0], ids=ids)]).features
        assert torch.equal(bare, clip.encode_text(ids))
        assert (model.text(ids) - bare).abs().max() > 0.1
    none = make_model({"adapters": {"text": {"layers": 0}}})[0]
    assert none.bare_labels(none.prompts) is None


def test_the_temporal_convolution_acts_on_projected_frames(make_model, backbone):
    model, _ = make_model({"decoder": {"temporal_convolution": True}})
    video = a_video(batch=1)
    with torch.no_grad():
        features = model.video(video)
    frozen, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    _, frames = plain.image_tower(video[0].numpy(), frozen, trained)
    moved = plain.enhancement(frames[:, None], plain.below(trained, "after.enhancement."))[:, 0]
    np.testing.assert_allclose(features.frames[0].numpy(), frames + moved, rtol=0, atol=1e-10)
    np.testing.assert_allclose(features.joint[0].numpy(), (frames + moved).mean(0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("layers", [1, 3, "all"])
def test_cut_context_and_cached_trunk_change_no_value_and_no_gradient(make_model, layers):
    model, tokenizer = make_model({"adapters": {"text": {"layers": layers}}})
    full = tokenizer([" ".join(word.text for word in words) for words in model.prompts[0].words])
    assert model.prompts[0].ids.shape[1] < full.shape[1]
    weights = [w for name, w in model.trainable().items() if name.startswith("text.")]
    direction = torch.randn(len(full), 32, dtype=torch.double)
    for _ in range(2):  # the second time from the cache, with other adapters
        cached = model.labels(model.prompts).features
        gradients = torch.autograd.grad((cached * direction).sum(), weights)
        tokens = model.text.token_embedding(full) + model.text.positional_embedding
        for block in model.text.blocks:
            tokens = block(tokens, mask=model.text.causal_mask)
        plainly = model.text.pool(tokens, full)
        expected = torch.autograd.grad((plainly * direction).sum(), weights)
        torch.testing.assert_close(cached, plainly, rtol=0, atol=1e-12)
        for gradient, wanted in zip(gradients, expected, strict=True):
            assert wanted.abs().max() > 1e-3
            torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-10)
        with torch.no_grad():
            for weight in weights:
                weight.mul_(1.5)


def test_label_features_do_not_depend_on_the_other_labels(make_model):
    model, _ = make_model()
    alone, _ = make_model(labels=("unboxing",))
    torch.testing.assert_close(features_of(alone)[0], features_of(model)[1], rtol=0, atol=1e-12)


def test_labels_of_another_set_are_read_by_the_trained_tower(make_model):
    model, _ = make_model()
    other, _ = make_model(labels=("juggling balls", "archery"))
    found = model.labels(other.prompts, own=False).features
    torch.testing.assert_close(found, features_of(other), rtol=0, atol=1e-12)


def test_without_text_adapters_the_labels_need_no_graph(make_model):
    model, _ = make_model({"adapters": {"text": {"layers": 0}}})
    assert not features_of(model).requires_grad


def test_blocks_below_the_first_adapter_run_without_a_graph(make_model):
    model, _ = make_model({"adapters": {"visual": {"layers": [3]}}})
    seen = {}
    for layer, block in enumerate(model.image.blocks, 1):
        block.register_forward_hook(lambda _, __, out, layer=layer: seen.update({layer: out.requires_grad}))
    model.video(a_video(batch=1))
    assert seen == {1: False, 2: False, 3: True}


def test_frozen_weights_do_not_move_and_trained_ones_do(make_model, backbone):
    everything = {**EVERYWHERE, "decoder": {"temporal_convolution": True}}
    model, _ = make_model(everything, randomise=False, double=False)
    model.train()
    before = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.trainable().values(), lr=1e-2)
    for step in range(3):
        losses = model(a_video(double=False), step_of([1, 3], random=np.random.default_rng(step)))
        optimiser.zero_grad()
        model.total(losses).backward()
        optimiser.step()
    after, trainable = model.state_dict(), set(model.trainable())
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    # Behind the last attention no patch can reach the class token: there a temporal difference is idle.
    idle = {name for name in trainable if name.startswith("image.blocks.2.before_mlp.difference.")}
    assert trainable - idle <= moved <= trainable
    stored = load_file(backbone.pretrained)
    assert torch.equal(after["image.visual.proj"], stored["visual.proj"])
    first = "image.blocks.0.block.mlp.c_fc.weight"
    assert torch.equal(after[first], stored["visual.transformer.resblocks.0.mlp.c_fc.weight"])


TE = [f"enhancement.{part}.{kind}" for part in ("down", "conv", "up") for kind in ("weight", "bias")]
TD = [name.replace("enhancement", "difference") for name in TE]
TEXT = [f"{part}.{kind}" for part in ("down", "up") for kind in ("weight", "bias")]
HEAD = [f"cmlm.head.{part}.{kind}" for part in (0, 2, 3) for kind in ("weight", "bias")]
CMLM = [f"cmlm.adapter.{name}" for name in TEXT] + HEAD
VC = ["vc.linear.weight", "vc.linear.bias"]


def at(place, names):
    return [f"{place}.{name}" for name in names]


def image_sites(layers, sites, names):
    return [
        name
        for layer in layers
        for site in sites
        for name in at(f"image.blocks.{layer}.before_{site}", names)
    ]


@pytest.mark.parametrize(
    ("differences", "names"),
    [
        ({"method": "clip"}, []),
        ({"method": "st_adapter", "options": {"layers": "none"}}, VC),
        (
            {},
            image_sites([0, 1, 2], ["attn"], TE + TD) + at("text.blocks.3.before_mlp", TEXT) + CMLM + VC,
        ),
        (
            {
                "adapters": {
                    "visual": {"layers": [2], "site": "both", "temporal_difference": False},
                    "text": {"layers": 2},
                },
                "decoder": {"heads": ["contrastive"], "temporal_convolution": True},
            },
            image_sites([1], ["attn", "mlp"], TE)
            + at("text.blocks.2.before_mlp", TEXT)
            + at("text.blocks.3.before_mlp", TEXT)
            + at("after", TE),
        ),
        (
            {
                "adapters": {
                    "visual": {"layers": "back", "site": "mlp", "temporal_enhancement": False},
                    "text": {"layers": 0},
                },
                "decoder": {"heads": ["cmc", "cmlm"]},
            },
            image_sites([1, 2], ["mlp"], TD) + CMLM,
        ),
    ],
)
def test_exactly_these_weights_are_trained(make_model, differences, names):
    model, _ = make_model(differences)
    assert sorted(model.trainable()) == sorted(names)


def test_adapters_depend_on_the_seed_and_on_nothing_made_before(make_model):
    torch.manual_seed(5)
    one = make_model(randomise=False)[0].trainable()
    torch.manual_seed(6)
    other = make_model({"adapters": {"visual": {"layers": [2]}}}, randomise=False)[0].trainable()
    assert other and all(torch.equal(weight, one[name]) for name, weight in other.items())
    first, second = (one[f"image.blocks.{i}.before_attn.enhancement.down.weight"] for i in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("quick", [True, False])
def test_weights_that_were_trained_with_quickgelu_get_it(backbone, monkeypatch, quick):
    tags = {backbone.name: {"openai": {"url": "", "quick_gelu": quick}}}
    monkeypatch.setattr(open_clip.pretrained, "_PRETRAINED", tags)
    monkeypatch.setattr(open_clip.factory, "download_pretrained", lambda *_, **__: backbone.pretrained)
    clip, _ = open_backbone(replace(backbone, pretrained="openai"))
    activations = [block.mlp.gelu for tower in (clip.visual, clip) for block in tower.transformer.resblocks]
    assert {type(activation) for activation in activations} == {QuickGELU if quick else torch.nn.GELU}
