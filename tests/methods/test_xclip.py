"""X-CLIP against transformers' XCLIPModel with the same weights, and a block in loops; start and size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import XCLIPConfig, XCLIPModel
from transformers.activations import ACT2FN

import plain_model as plain
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import open_clip_of

OVERFIT = {"train": {"lr": 3e-4}}
STARTS_AS_CLIP = False  # random messages, and the transformer over frames adds to the mean


def model_of(make_model, randomise=True, **options):
    """Its weights moved by 0.1 times a normal draw."""
    model, _ = make_model(differences_of("xclip", {"options": options}), randomise=False)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.trainable().values() if randomise else ():
            weight.add_(0.1 * torch.randn(weight.shape, generator=draw))
    return model


def some_videos(count=2):
    draw = torch.Generator().manual_seed(3)
    return torch.randn(count, 4, 3, 32, 32, generator=draw, dtype=torch.double)


def test_its_block_one_frame_at_a_time(make_model):
    model = model_of(make_model, tune=False)
    block, w = model.image.blocks[1], plain.frozen_weights(make_model.backbone)
    w = plain.below(w, "visual.transformer.resblocks.1.")
    a = plain.below(plain.trained_weights(model), "image.blocks.1.")
    tokens = torch.randn(2, 4, 6, 48, generator=torch.Generator().manual_seed(4), dtype=torch.double)
    with torch.no_grad():
        found = block(tokens).numpy()
    for z, expected in zip(tokens.numpy(), found, strict=True):
        classes = np.array([plain.linear(z[t, 0], a, "message") for t in range(4)])
        exchange = plain.below(a, "exchange.")
        normed = plain.norm(classes, exchange, "norm")
        messages = classes + plain.attention(normed, normed, exchange, heads=4)
        for t in range(4):
            joined = np.array([*z[t], messages[t]])
            attended = (joined + plain.self_attention(joined, w, heads=4))[:6]
            np.testing.assert_allclose(
                attended + plain.feed_forward(attended, w), expected[t], rtol=0, atol=1e-10
            )


def attention_of(weights, name, to, scale=1.0):
    """PyTorch's joined attention under transformers' names; `scale` is folded into what comes out."""
    found = {}
    pairs = zip(
        "qkv",
        weights[f"{name}.in_proj_weight"].chunk(3),
        weights[f"{name}.in_proj_bias"].chunk(3),
        strict=True,
    )
    for letter, weight, bias in pairs:
        found |= {f"{to}.{letter}_proj.weight": weight, f"{to}.{letter}_proj.bias": bias}
    found[f"{to}.out_proj.weight"] = weights[f"{name}.out_proj.weight"] * torch.as_tensor(scale).view(-1, 1)
    return found | {f"{to}.out_proj.bias": weights[f"{name}.out_proj.bias"] * scale}


def block_of(weights, name, to):
    """A block of open_clip under transformers' names, which knows no layer scale."""
    first, second = (weights.get(f"{name}.{scale}.gamma", 1.0) for scale in ("ls_1", "ls_2"))
    found = attention_of(weights, f"{name}.attn", f"{to}.self_attn", first)
    for kind in ("weight", "bias"):
        found[f"{to}.layer_norm1.{kind}"] = weights[f"{name}.ln_1.{kind}"]
        found[f"{to}.layer_norm2.{kind}"] = weights[f"{name}.ln_2.{kind}"]
        found[f"{to}.mlp.fc1.{kind}"] = weights[f"{name}.mlp.c_fc.{kind}"]
    found[f"{to}.mlp.fc2.weight"] = weights[f"{name}.mlp.c_proj.weight"] * torch.as_tensor(second).view(-1, 1)
    return found | {f"{to}.mlp.fc2.bias": weights[f"{name}.mlp.c_proj.bias"] * second}


def transformers_weights(model, clip):
    """All weights under transformers' names: the text tower is open_clip's, the others are the model's."""
    ours, text = model.state_dict(), clip.state_dict()
    found = {
        "logit_scale": -model.temperature.log(),
        "text_projection.weight": text["text_projection"].T,
        "text_model.embeddings.token_embedding.weight": text["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": text["positional_embedding"],
        "visual_projection.weight": ours["image.visual.proj"].T,
        "vision_model.embeddings.class_embedding": ours["image.visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": ours["image.visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": ours["image.visual.positional_embedding"],
        "mit.position_embedding": ours["mit.positions"][None],
        "prompts_visual_projection": ours["prompt.projection"],
        "prompts_generator.alpha": ours["prompt.alpha"],
    }
    for kind in ("weight", "bias"):
        found[f"text_model.final_layer_norm.{kind}"] = text[f"ln_final.{kind}"]
        found[f"vision_model.pre_layernorm.{kind}"] = ours[f"image.visual.ln_pre.{kind}"]
        found[f"vision_model.post_layernorm.{kind}"] = ours[f"image.visual.ln_post.{kind}"]
        found[f"prompts_visual_layernorm.{kind}"] = ours[f"prompt.norm_patches.{kind}"]
        found[f"prompts_generator.layernorm.{kind}"] = ours[f"prompt.norm.{kind}"]
    for n in range(4):
        found |= block_of(text, f"transformer.resblocks.{n}", f"text_model.encoder.layers.{n}")
    found |= block_of(ours, "mit.blocks.0", "mit.encoder.layers.0")
    for n in range(3):
        name, to = f"image.blocks.{n}", f"vision_model.encoder.layers.{n}"
        found |= block_of(ours, f"{name}.block", to)
        found |= attention_of(ours, f"{name}.exchange.attn", f"{to}.message_attn")
        for kind in ("weight", "bias"):
            found[f"{to}.message_fc.{kind}"] = ours[f"{name}.message.{kind}"]
            found[f"{to}.message_ln.{kind}"] = ours[f"{name}.exchange.norm.{kind}"]
    names = {
        "norm": "norm1",
        "norm_mlp": "norm3",
        "out": "cross_attn.proj",
        "mlp.0": "mlp.0",
        "mlp.2": "mlp.3",
    }
    names |= {letter: f"cross_attn.{letter}_proj" for letter in "qkv"}
    for n in range(2):
        for name, to in names.items():
            for kind in ("weight",) if name in "qkv" else ("weight", "bias"):
                weight = ours[f"prompt.layers.{n}.{name}.{kind}"]
                found[f"prompts_generator.decoder.{n}.{to}.{kind}"] = weight
    return found


def xclip_of_transformers(model, clip):
    """The tiny XCLIPModel with these weights; new layers have QuickGELU, the tiny CLIP has GELU."""
    tower = {"hidden_act": "gelu", "num_attention_heads": 4}
    config = XCLIPConfig(
        text_config=tower
        | {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 4, "vocab_size": 49408}
        | {"max_position_embeddings": 24, "projection_dim": 32},
        vision_config=tower
        | {"hidden_size": 48, "intermediate_size": 192, "num_hidden_layers": 3, "patch_size": 8}
        | {"image_size": 32, "num_frames": 4, "projection_dim": 32, "mit_hidden_size": 32}
        | {"mit_intermediate_size": 128, "mit_num_hidden_layers": 1, "mit_num_attention_heads": 1},
        projection_dim=32,
        prompt_layers=2,
        prompt_num_attention_heads=1,
        prompt_hidden_act="quick_gelu",
    )
    theirs = XCLIPModel(config).double().eval()
    for layer in theirs.mit.encoder.layers:
        layer.mlp.activation_fn = ACT2FN["quick_gelu"]
    missing, unexpected = theirs.load_state_dict(transformers_weights(model, clip), strict=False)
    assert not unexpected and all(name.endswith("position_ids") for name in missing), (missing, unexpected)
    return theirs


def test_scores_are_those_of_transformers_with_the_same_weights(make_model):
    model, clip = model_of(make_model), open_clip_of(make_model.backbone)
    theirs, videos = xclip_of_transformers(model, clip), some_videos(3)
    ids = model.prompts[0].ids
    with torch.no_grad():
        video, labels = model.video(videos), model.labels(model.prompts)
        found = model.compare(video, labels)["eq11"]
        expected = theirs(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=videos)
    torch.testing.assert_close(found, expected.logits_per_video, rtol=0, atol=1e-8)
    assert float(found.std()) > 0.1
    torch.testing.assert_close(F.normalize(video.joint, dim=-1), expected.video_embeds, rtol=0, atol=1e-9)
    prompted = F.normalize(model.prompt(labels.features, video.patches), dim=-1)
    torch.testing.assert_close(prompted, expected.text_embeds, rtol=0, atol=1e-9)


def test_the_start(make_model):
    """Random messages change CLIP's features; the text tower is CLIP's and alpha is small."""
    model = model_of(make_model, randomise=False)
    clip, _ = open_backbone(make_model.backbone)
    clip = clip.double()
    with torch.no_grad():
        of_clip = clip.encode_image(some_videos(1)[0]).mean(dim=0)
        joint = model.video(some_videos(1)).joint[0]
        ids = model.prompts[0].ids
        texts = clip.encode_text(F.pad(ids, (0, clip.context_length - ids.shape[1])))
        torch.testing.assert_close(model.labels(model.prompts).features, texts, rtol=0, atol=1e-9)
    assert float((joint - of_clip).norm() / of_clip.norm()) > 0.1  # the skip of MIT doubles the feature
    assert float(F.cosine_similarity(joint, of_clip, dim=0)) > 0.5
    assert model.prompt.alpha.detach().numpy() == pytest.approx(0.1)


def test_clip_can_be_frozen_and_what_is_new_is_faster(make_model):
    frozen = model_of(make_model, tune=False)
    assert not frozen.backbone and frozen.groups()["image"].lr == 0
    rates = {name: group.lr for name, group in model_of(make_model).groups().items()}
    assert rates == {"message": 10.0, "mit": 10.0, "prompt": 10.0, "image": 1.0}


def test_depths_are_above_zero():
    with pytest.raises(UserError, match=r"^prompt_layers: 0 must be above 0"):
        build(Run, {"method": "xclip", "options": {"prompt_layers": 0}})


def test_parameters_are_exactly_the_public_model_s_and_multiply_adds_the_published_within_1_percent():
    """131,501,056 at 8 frames and 144.2 GMAC (published: 132 M, 145); 131,505,152 and 285.9 at 16 (287)."""
    labels = tuple(f"label {n}" for n in range(400))
    eight, sixteen = complexity(build(Run, {"method": "xclip"}), labels, [8, 16])
    assert eight.trainable == {
        "message": 35_453_952, "mit": 3_156_480, "prompt": 6_697_984, "image": 86_192_640
    }  # fmt: skip
    assert eight.trainable_total == 131_501_056 and sixteen.trainable_total == 131_505_152
    assert eight.macs_view / 1e9 == pytest.approx(141.72, abs=0.005)
    assert sixteen.macs_view / 1e9 == pytest.approx(283.44, abs=0.005)
    assert eight.macs_compare / 1e9 == pytest.approx(2.46, abs=0.005)
    assert (eight.macs_view + eight.macs_compare) / 1e9 == pytest.approx(145, rel=0.01)
    assert (sixteen.macs_view + sixteen.macs_compare) / 1e9 == pytest.approx(287, rel=0.01)
