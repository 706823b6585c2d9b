"""BIKE's saliency against loops over videos, labels, words and frames; its loss, its size, its start."""

import math

import pytest
import torch
import torch.nn.functional as F

from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.models.heads import contrastive_loss
from m2clip.parsing import build
from methods.cases import FRAMES, differences_of
from methods.plain_text import cosine, open_clip_of
from steps import step_of

TINY = {"options": {"layers": 1, "sharpness": 0.3}}
OVERFIT = {"train": {"lr": 2e-3, "steps": 80}}
MICROBATCH = None
STARTS_AS_CLIP = False
PADDING_COUNTS = True  # saliency is a mean over all tokens, so that prompts of another length give another


def words_plainly(clip, ids):
    """Every token of a text through the tower, the last norm and the projection: (L,) -> (L, E)."""
    tokens = clip.token_embedding(ids) + clip.positional_embedding[: len(ids)]
    mask = torch.full((len(ids), len(ids)), float("-inf"), dtype=tokens.dtype).triu(1)
    for block in clip.transformer.resblocks:
        tokens = block(tokens[None], attn_mask=mask)[0]
    return clip.ln_final(tokens) @ clip.text_projection


def test_words_choose_frames(make_model):
    model, _ = make_model(differences_of("bike"), randomise=False)
    clip = open_clip_of(make_model.backbone)
    draw = torch.Generator().manual_seed(0)
    frames = torch.randn(2, FRAMES, model.image.joint, generator=draw, dtype=torch.double)
    with torch.no_grad():
        model.log_scale.fill_(math.log(7.0))
        labels = model.labels(model.prompts)
        found = model.compare(
            model.video(torch.zeros(2, FRAMES, 3, 32, 32).double())._replace(frames=frames), labels
        )
        for b in range(2):
            for c, ids in enumerate(model.prompts[0].ids):
                words = words_plainly(clip, ids)
                sentence = words[int(ids.argmax())]
                saliency = [0.0] * FRAMES
                for word in words:
                    exps = [math.exp(cosine(word, frames[b, t]) / 0.3) for t in range(FRAMES)]
                    saliency = [s + e / sum(exps) / len(words) for s, e in zip(saliency, exps, strict=True)]
                score = sum(saliency[t] * cosine(sentence, frames[b, t]) for t in range(FRAMES))
                assert float(found["eq11"][b, c]) == pytest.approx(7 * score, abs=1e-8)


def test_the_loss_is_of_the_labels_of_the_batch(make_model):
    model, _ = make_model(differences_of("bike"))
    model.train()
    class_ids = [0, 3, 3]
    videos = torch.randn(3, FRAMES, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found = model(videos, step_of(class_ids))["contrastive"]
        logits = model.compare(model.video(videos), model.labels(model.prompts))["eq11"][:, class_ids]
        expected = contrastive_loss(logits, torch.tensor(class_ids), "softmax")
    assert float(found) == pytest.approx(float(expected), abs=1e-10)


def test_the_start(make_model):
    """Towers as CLIP's; the transformer adds what its small random weights give."""
    model, _ = make_model(differences_of("bike"), randomise=False)
    clip = open_clip_of(make_model.backbone)
    videos = torch.randn(2, FRAMES, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        frames = clip.encode_image(videos.flatten(0, 1)).unflatten(0, (2, FRAMES))
        seen = frames + model.over_frames.blocks(frames + model.over_frames.positions[:FRAMES])
        torch.testing.assert_close(model.video(videos).frames, seen)
        text = clip.encode_text(
            F.pad(model.prompts[0].ids, (0, clip.context_length - model.prompts[0].ids.shape[1]))
        )
        torch.testing.assert_close(model.labels(model.prompts).features, text)


def test_its_parameters_and_multiply_adds_at_full_size():
    """Published are 230 M and 830 GFLOPs of ViT-L/14; at ViT-B/16 there is nothing to compare with."""
    labels = tuple(f"label {n}" for n in range(400))
    eight, sixteen = complexity(build(Run, {"method": "bike"}), labels, [8, 16])
    assert eight.trainable == {"image": 86_192_640, "temperature": 1, "over_frames": 18_953_728}
    assert eight.macs_view / 1e9 == pytest.approx(140.66, abs=0.005)
    assert sixteen.macs_view / 1e9 == pytest.approx(281.32, abs=0.01)
    assert eight.macs_compare / 1e9 == pytest.approx(0.02, abs=0.01)
