"""Weights of another CLIP than the config names are told before anything is trained, without torch."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from m2clip import backbones, experiment, profiles
from m2clip.errors import UserError

ROOT = Path(__file__).parents[1]


def test_the_committed_backbone_and_the_tiny_one_fit(backbone, monkeypatch):
    monkeypatch.chdir(ROOT)
    committed = experiment.resolve("main", profiles.read("embedded")).backbone
    assert committed.pretrained.endswith(".safetensors")
    backbones.check_file(committed)
    backbones.check_file(backbone)
    backbones.check_file(replace(backbone, pretrained="openai"))  # open_clip's own are not looked at


def test_no_torch_is_loaded_for_it():
    source = (ROOT / "src/m2clip/backbones.py").read_text()
    assert "import torch" not in source and "safe_open" not in source


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"vision_cfg": {"width": 96, "head_width": 12}},
            r"visual.conv1.weight is \[48, 3, 8, 8\], not \[96, 3",
        ),
        (
            {"vision_cfg": {"patch_size": 16}},
            r"visual.conv1.weight is \[48, 3, 8, 8\], not \[48, 3, 16, 16\]",
        ),
        ({"embed_dim": 64}, r"visual.proj is \[48, 32\], not \[48, 64\]"),
        ({"vision_cfg": {"layers": 4}}, r"visual.transformer.resblocks.3.ln_1.weight is not in it"),
        ({"vision_cfg": {"layers": 2}}, r"has more than 2 visual.transformer.resblocks"),
        ({"text_cfg": {"layers": 3}}, r"has more than 3 transformer.resblocks"),
        ({"text_cfg": {"width": 64}}, r"text_projection is \[32, 32\], not \[64, 32\]"),
    ],
)
def test_weights_of_another_clip_are_named(backbone, tmp_path, change, told):
    content = json.loads(Path(backbone.config).read_text())
    for key, values in change.items():
        content[key] = content[key] | values if isinstance(values, dict) else values
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"^backbone.pretrained: \S+ does not fit tiny: .*{told}"):
        backbones.check_file(replace(backbone, config=str(path)))


@pytest.mark.parametrize(
    "content", (b"", b"\xff" * 30, b"\x02" + b"\0" * 7 + b"[]", b"\x07" + b"\0" * 7 + b'{"a":1}')
)
def test_what_is_no_safetensors_file_is_one_line(backbone, tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.safetensors: no safetensors file: ") as caught:
        backbones.check_file(replace(backbone, pretrained=str(path)))
    assert "\n" not in str(caught.value)


def test_weights_without_a_projection_are_let_pass_to_open_clip(backbone, tmp_path):
    tensors = load_file(backbone.pretrained)
    del tensors["visual.proj"]
    save_file(tensors, tmp_path / "a.safetensors")
    backbones.check_file(replace(backbone, pretrained=str(tmp_path / "a.safetensors")))
