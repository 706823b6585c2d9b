"""ViT-B/16 at full size with random weights: open_clip's own towers to the bit, and a training step."""

import math

import open_clip
import pytest
import torch
from safetensors.torch import save_file

import tiny_runs
from m2clip.config import Backbone, Run
from m2clip.models.factory import build_model
from m2clip.parsing import build, plain

LABELS = ("pole vault", "tai chi", "unboxing")
pytestmark = pytest.mark.slow  # test_towers and test_load_clip have the same of small CLIPs


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """In half precision, as OpenAI's are; its 300 MB are removed at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        state = open_clip.create_model("ViT-B-16").state_dict()
    state["logit_scale"] = torch.tensor(math.log(100.0))
    path = tmp_path_factory.mktemp("full") / "ViT-B-16.safetensors"
    save_file({name: value.half() for name, value in state.items()}, path)
    yield Backbone(pretrained=str(path))
    path.unlink()


@pytest.mark.parametrize("differences", [{"method": "clip"}, {}])
def test_at_the_start_both_towers_are_open_clips_to_the_bit(backbone, differences):
    config = build(Run, {"backbone": plain(backbone)} | differences)
    model, tokenizer = build_model(config, LABELS, seed=0)
    clip = open_clip.create_model("ViT-B-16", pretrained=backbone.pretrained).eval()
    clip.requires_grad_(False)  # torch multiplies otherwise by weights that might get a gradient
    video = torch.randn(1, 3, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    ids = tokenizer(list(LABELS))
    assert ids.shape == (3, 77)
    adapters = [name for name in model.trainable() if name.startswith(("image.", "text."))]
    assert bool(adapters) != bool(differences)
    with torch.no_grad():
        frames = model.eval().video(video).frames
        assert torch.equal(frames[0], clip.encode_image(video[0]))
        assert torch.equal(model.text(ids), clip.encode_text(ids))


def test_a_training_step_moves_what_is_trained_and_nothing_else(backbone, tmp_path):
    manifest = tiny_runs.prepare_videos(tmp_path / "data", count=3)
    differences = {"data": {"frames": 2}, "train": {"steps": 1, "batch": 2, "warmup": 0.0}}
    config = tiny_runs.config_of(backbone, differences)
    model, _ = opened = tiny_runs.open_training(config, manifest)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _, trained = tiny_runs.run(config, manifest, tmp_path / "checkpoints", opened=opened)
    (line,) = trained.history
    assert all(math.isfinite(value) for value in line.values()) and line["gradient_norm"] > 0
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved <= set(model.trainable())
    assert {"image.blocks.0.before_attn.enhancement.conv.weight", "vc.linear.weight"} <= moved
    assert {"text.blocks.11.before_mlp.up.weight", "cmlm.head.3.weight"} <= moved
