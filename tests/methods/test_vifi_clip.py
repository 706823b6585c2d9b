"""ViFi-CLIP against open_clip itself, with CLIP's weights and its temperature moved; its size."""

import math

import pytest
import torch
import torch.nn.functional as F

from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build
from methods.cases import differences_of

OVERFIT = {"train": {"lr": 1e-3}}


def test_scores_are_open_clip_s_encoders_in_a_double_loop(make_model):
    model, _ = make_model(differences_of("vifi_clip"), randomise=False)
    clip, _ = open_backbone(make_model.backbone)
    clip, draw = clip.double(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for ours, theirs in (
            (model.image.visual.proj, clip.visual.proj),
            (model.image.visual.conv1.weight, clip.visual.conv1.weight),
            (model.text.text_projection, clip.text_projection),
            (model.text.ln_final.weight, clip.ln_final.weight),
        ):
            moved = 0.1 * torch.randn(ours.shape, generator=draw, dtype=torch.double)
            ours.add_(moved)
            theirs.add_(moved)
        model.log_scale.fill_(math.log(7.0))
        videos = torch.randn(3, 4, 3, 32, 32, generator=draw, dtype=torch.double)
        found = model.compare(model.video(videos), model.labels(model.prompts))["eq11"]
        ids = model.prompts[0].ids
        texts = F.normalize(clip.encode_text(F.pad(ids, (0, clip.context_length - ids.shape[1]))), dim=-1)
        for b in range(3):
            frames = [clip.encode_image(videos[b, t][None])[0] for t in range(4)]
            video = sum(frames) / 4
            for c, text in enumerate(texts):
                expected = 7.0 * float(video @ text) / float(video.norm())
                assert float(found[b, c]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("tuned", ["image", "text"])
def test_one_tower_alone_is_tuned(make_model, tuned):
    model, _ = make_model(differences_of("vifi_clip", {"options": {"tuned": tuned}}), randomise=False)
    assert {name.split(".")[0] for name in model.trainable()} == {tuned, "log_scale"}


def test_all_of_clip_is_trained_and_a_view_costs_what_clip_costs():
    """149,620,737 parameters: both towers and the temperature; 140.51 GMAC at 8 frames, 281.02 at 16."""
    labels = tuple(f"label {n}" for n in range(400))
    eight, sixteen = complexity(build(Run, {"method": "vifi_clip"}), labels, [8, 16])
    assert eight.trainable_total == 149_620_737
    assert eight.macs_view / 1e9 == pytest.approx(140.51, abs=0.005)
    assert sixteen.macs_view / 1e9 == pytest.approx(281.02, abs=0.01)
