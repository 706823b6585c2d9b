"""Any plain CLIP of open_clip, by tag or from a file; and one clear line for everything else."""

import hashlib
import json
import warnings
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU
from safetensors.torch import load_file, save_file

from conftest import TINY, save_clip
from m2clip.backbones import check, digest, shape_of
from m2clip.config import Backbone, Run
from m2clip.errors import UserError
from m2clip.models import load_clip
from m2clip.models.factory import build_model, pixels_of
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build
from m2clip.weights import OPENAI

EVERYWHERE = {"adapters": {"visual": {"site": "both"}, "text": {"layers": "all"}}}
LABELS = ("pole vault", "tai chi")
# Patch, pixels and width of an image tower of open_clip's, and the widths of its text tower and joint space.
SHAPES = {
    "ViT-B-32": (32, 224, 768, 512, 512),
    "ViT-L-14": (14, 224, 1024, 768, 768),
    "ViT-L-14-336": (14, 336, 1024, 768, 768),
    "ViT-B-16-plus-240": (16, 240, 896, 640, 640),
}


def frozen(clip):
    """Torch multiplies otherwise by weights that might get a gradient, also where there is no graph."""
    return clip.eval().requires_grad_(False)


def plain_models():
    for name in open_clip.list_models():
        if (Path(open_clip.__file__).parent / "model_configs" / f"{name}.json").is_file():
            try:
                yield name, shape_of(Backbone(name=name))
            except UserError:
                continue


@pytest.mark.parametrize("name", [*SHAPES, "ViT-S-32-alt", "ViT-M-16", "ViT-H-14-378-quickgelu"])
def test_plain_clips_of_open_clip_take_all_adapters_at_full_size(name):
    shape = shape_of(Backbone(name=name))
    heads = ["contrastive", "vc"] + ["cmlm"] * (shape.text_width == shape.joint)
    config = build(Run, {"backbone": {"name": name}, "decoder": {"heads": heads}} | EVERYWHERE)
    check(config)
    model, _ = build_model(config, LABELS, seed=0, device="meta")
    video = torch.empty(1, 2, 3, shape.image_size, shape.image_size, device="meta")
    with torch.no_grad():
        features = model.eval().video(video)
        assert model.labels(model.prompts).features.shape == (2, shape.joint)
    assert features.frames.shape == (1, 2, shape.joint) and features.width.shape == (1, shape.image_width)
    assert pixels_of(model).size == shape.image_size


def test_frames_of_every_plain_clip_are_resized_as_ours_are():
    names = [name for name, _ in plain_models()]
    assert {"ViT-B-16", "ViT-B-32", "ViT-L-14", "ViT-L-14-336"} <= set(names) and len(names) > 25
    for name in names:
        tags = open_clip.pretrained._PRETRAINED.get(name, {})
        assert {tag["interpolation"] for tag in tags.values()} <= {"bicubic"}


@pytest.mark.parametrize(
    "name",
    [
        "ViT-B-32",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("ViT-L-14-336", "ViT-B-16-plus-240")),
    ],
)
def test_towers_of_other_shapes_are_open_clips_to_the_bit_and_take_gradients(name, tmp_path):
    patch, pixels, width, text, joint = SHAPES[name]
    whole = shape_of(Backbone(name=name))
    assert (pixels // patch, width, text, joint) == (
        whole.grid[0],
        whole.image_width,
        whole.text_width,
        whole.joint,
    )
    vision = {"image_size": pixels, "layers": 1, "width": width, "patch_size": patch}
    texts = {"context_length": 16, "vocab_size": 49408, "width": text, "heads": 8, "layers": 1}
    backbone = save_clip(
        tmp_path, f"one-{name}", {"embed_dim": joint, "vision_cfg": vision, "text_cfg": texts}
    )
    config = build(Run, {"backbone": vars(backbone)} | EVERYWHERE)
    model, tokenizer = build_model(config, LABELS, seed=0)
    clip = frozen(open_clip.create_model(backbone.name, pretrained=backbone.pretrained))
    video, ids = torch.randn(1, 2, 3, pixels, pixels), tokenizer(list(LABELS))
    with torch.no_grad():
        frames = model.eval().video(video).frames
        assert torch.equal(frames[0], clip.encode_image(video[0]))
        assert torch.equal(model.text(ids), clip.encode_text(ids))
    with torch.no_grad():
        for weight in model.trainable().values():
            weight.normal_(std=0.02)
    model.video(video).joint.sum().backward()
    assert model.image.blocks[0].before_attn.difference.conv.weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ViT-B-17", "open_clip has no model ViT-B-17 (did you mean ViT-B-1"),
        ("RN50", "vision_cfg.layers [3, 4, 6, 3]"),
        ("convnext_base", "vision_cfg.timm_model_name convnext_base"),
        ("coca_ViT-B-32", "vision_cfg.attentional_pool True"),
        ("roberta-ViT-B-32", "text_cfg.hf_model_name roberta-base"),
        ("ViT-B-16-SigLIP", "vision_cfg.timm_model_name vit_base_patch16_siglip_224"),
        ("ViT-L-14-CLIPA", "vision_cfg.no_ln_pre True"),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_clip_with_other_towers_is_one_line(name, told, device):
    with pytest.raises(UserError) as caught:
        open_backbone(Backbone(name=name), device)
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vision_cfg": {"patch_dropout": 0.5}}, "vision_cfg.patch_dropout 0.5"),
        ({"vision_cfg": {"pool_type": "avg"}}, "vision_cfg.pool_type avg"),
        ({"text_cfg": {"pool_type": "last"}}, "text_cfg.pool_type last"),
        ({"text_cfg": {"no_causal_mask": True}}, "text_cfg.no_causal_mask True"),
        ({"text_cfg": {"qk_norm": True}}, "text_cfg.qk_norm True"),
        ({"custom_text": True}, "custom_text True"),
        ({"init_logit_bias": -10}, "init_logit_bias -10"),
        ({"vision_cfg": None}, "no vision_cfg"),
        ({"vision_cfg": {"layers": None}}, "vision_cfg.layers None"),
        ({"embed_dim": "32"}, "embed_dim 32"),
    ],
)
def test_a_model_config_that_we_cannot_open_is_one_line(change, told, tmp_path):
    content = TINY | {
        key: TINY[key] | value if isinstance(value, dict) else value for key, value in change.items()
    }
    (tmp_path / "odd.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="plain ViT") as caught:
        open_backbone(Backbone(name="odd", config=str(tmp_path / "odd.json")))
    assert f"its model config has {told};" in str(caught.value)


def test_what_says_plainly_what_is_plain_is_opened(tmp_path):
    content = TINY | {"custom_text": False, "vision_cfg": TINY["vision_cfg"] | {"pool_type": "tok"}}
    (tmp_path / "said.json").write_text(json.dumps(content))
    open_backbone(Backbone(name="said", config=str(tmp_path / "said.json")), "meta")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(UserError, match="no vision_cfg"):
        open_backbone(Backbone(name="list", config=str(tmp_path / "list.json")), "meta")


@pytest.mark.parametrize(
    ("pretrained", "told"),
    [
        ("opena1", "open_clip has no weights opena1 for ViT-B-16 (did you mean openai?); it has ['openai', "),
        ("none.pt", "there is no file none.pt"),
        ("clip/weights", "there is no file clip/weights"),
    ],
)
def test_weights_that_are_not_there_are_one_line(pretrained, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^backbone.pretrained: ") as caught:
        open_backbone(Backbone(pretrained=pretrained))
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_weights_with_another_hash_than_open_clips_are_one_line(backbone, tmp_path, monkeypatch):
    """As a broken download leaves them: open_clip's own check, which looks at the hash in the address."""
    (tmp_path / "broken.pt").write_bytes(b"half of it")
    url = (tmp_path / "broken.pt").as_uri().replace("broken.pt", f"openaipublic/../{'0' * 64}/../broken.pt")
    tags = {backbone.name: {"openai": {"url": url, "hf_hub": ""}}}
    monkeypatch.setattr(open_clip.pretrained, "_PRETRAINED", tags)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ("0" * 64)).mkdir()
    (tmp_path / "openaipublic").mkdir()
    with pytest.raises(UserError, match="SHA256 checksum does not") as caught:
        open_backbone(replace(backbone, pretrained="openai"))
    assert "\n" not in str(caught.value)


def keys_lack(state):
    state.pop("visual.proj")


def another_width(state):
    state["visual.proj"] = torch.zeros(48, 16)


@pytest.mark.parametrize(("change", "told"), [(keys_lack, "visual.proj"), (another_width, "size mismatch")])
def test_a_file_that_does_not_fit_the_model_is_one_line(change, told, backbone, tmp_path):
    state = load_file(backbone.pretrained)
    change(state)
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other.safetensors: cannot be opened as tiny: ") as caught:
        open_backbone(replace(backbone, pretrained=str(tmp_path / "other.safetensors")))
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["clip.pt", "clip.bin", "clip.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 no archive"])
def test_a_damaged_file_is_one_line(name, content, backbone, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: cannot be opened as tiny: .") as caught:
        open_backbone(replace(backbone, pretrained=str(tmp_path / name)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["clip.pt", "clip.bin", "mine"])
def test_a_file_of_torch_is_opened_whatever_it_is_called(name, backbone, tmp_path):
    torch.save(load_file(backbone.pretrained), tmp_path / name)
    opened, _ = open_backbone(replace(backbone, pretrained=str(tmp_path / name)))
    expected, _ = open_backbone(backbone)
    assert all(torch.equal(value, opened.state_dict()[key]) for key, value in expected.state_dict().items())


def gelus(clip):
    return {type(block.mlp.gelu) for tower in (clip.visual, clip) for block in tower.transformer.resblocks}


def holding(state):
    """A module without code whose tensors have these names."""
    root = torch.nn.Module()
    for name, value in state.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, torch.nn.Module())
            module = getattr(module, part)
        module.register_buffer(last, value)
    return root


def test_openais_own_file_is_opened_with_its_quickgelu(backbone, tmp_path, monkeypatch):
    """TorchScript with three numbers among its half-precision weights; open_clip's reader refuses it."""
    half = {key: value.half() for key, value in load_file(backbone.pretrained).items()}
    numbers = {key: torch.tensor(1) for key in ("input_resolution", "context_length", "vocab_size")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(holding(half | numbers)).save(tmp_path / "tiny.pt")
    with pytest.raises(UserError, match="holds code, and none of OpenAI's own files"):
        open_backbone(replace(backbone, pretrained=str(tmp_path / "tiny.pt")))
    own = hashlib.sha256((tmp_path / "tiny.pt").read_bytes()).hexdigest()
    assert load_clip.openais_digests() >= {OPENAI} and own not in load_clip.openais_digests()
    monkeypatch.setattr(load_clip, "openais_digests", lambda: {own})
    opened, _ = open_backbone(replace(backbone, pretrained=str(tmp_path / "tiny.pt")))
    assert gelus(opened) == {QuickGELU}
    for key, value in opened.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, half[key].float()), key
    other = replace(backbone, name="ViT-B-32", config=None, pretrained=str(tmp_path / "tiny.pt"))
    with pytest.raises(UserError, match="cannot be opened as ViT-B-32: ") as caught:
        open_backbone(other)
    assert "\n" not in str(caught.value)


def test_a_file_of_the_hub_is_not_opened_with_another_activation(backbone, tmp_path):
    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(Path(backbone.pretrained).read_bytes())
    mine = replace(backbone, pretrained=str(weights))
    for quick in (False, True):
        told = {"model_cfg": {"quick_gelu": True} if quick else {}}
        (tmp_path / "open_clip_config.json").write_text(json.dumps(told))
        if quick:
            with pytest.raises(UserError, match=r"with QuickGELU; set backbone.name to tiny-quickgelu$"):
                open_backbone(mine)
        else:
            assert gelus(open_backbone(mine)[0]) == {torch.nn.GELU}


def test_pixels_are_the_models_own(backbone, monkeypatch):
    tag = {"url": "", "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    monkeypatch.setattr(open_clip.pretrained, "_PRETRAINED", {backbone.name: {"mine": tag}})
    monkeypatch.setattr(open_clip.factory, "download_pretrained", lambda *_, **__: backbone.pretrained)
    config = build(Run, {"backbone": vars(replace(backbone, pretrained="mine"))})
    pixels = pixels_of(build_model(config, LABELS, seed=0)[0])
    assert (pixels.size, pixels.mean, pixels.std) == (32, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_the_digest_is_of_the_file_as_it_is_now(backbone, tmp_path):
    weights = tmp_path / "clip.safetensors"
    weights.write_bytes(Path(backbone.pretrained).read_bytes())
    mine = replace(backbone, pretrained=str(weights))
    assert digest(mine) == digest(backbone) == digest(mine)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x07")
    assert digest(mine) != digest(backbone)
    assert digest(replace(backbone, pretrained="openai")) != digest(Backbone(pretrained="openai"))
    assert digest(Backbone(pretrained="openai")) != digest(Backbone(name="ViT-L-14", pretrained="openai"))
