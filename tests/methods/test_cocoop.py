"""CoCoOp against open_clip's text tower, one video and one label at a time; its size and its start."""

import pytest
import torch
import torch.nn.functional as F

from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import cosine, features, open_clip_of

OVERFIT = {"train": {"lr": 3e-2, "steps": 120}}


def test_every_video_shifts_the_vectors_of_every_label(make_model):
    model, _ = make_model(differences_of("cocoop"))
    clip, ids = open_clip_of(make_model.backbone), model.prompts[0].ids
    first, _, second = model.shift
    videos = torch.randn(2, 3, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found = model.compare(model.video(videos), model.labels(model.prompts))["eq11"]
        for b in range(2):
            video = sum(clip.encode_image(videos[b, t][None])[0] for t in range(3)) / 3
            hidden = first.weight @ F.normalize(video, dim=0) + first.bias
            shift = second.weight @ hidden.clamp(min=0) + second.bias
            for c, text in enumerate(ids):
                embedded = clip.token_embedding(text).clone()
                for n in range(4):
                    embedded[1 + n] = model.context.vectors[n] + shift
                label = features(clip, embedded, int(text.argmax()))
                expected = cosine(video, label) / float(model.temperature)
                assert float(found[b, c]) == pytest.approx(expected, abs=1e-8)


def test_without_a_shift_labels_are_clip_s_own(make_model):
    model, tokenizer = make_model(differences_of("cocoop"), randomise=False)
    clip = open_clip_of(make_model.backbone)
    label = " ".join(word.text for word in model.prompts[0].words[0] if word.of_label)
    with torch.no_grad():
        expected = clip.encode_text(tokenizer([f"a photo of a {label} ."]))[0]
        torch.testing.assert_close(model.labels(model.prompts).features[0], expected, rtol=0, atol=1e-6)


def test_35360_parameters_at_full_size_and_400_texts_a_video():
    """Words 2,048 and the network 33,312; comparing one video reads all texts again."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "cocoop"}), labels, [8])
    assert cost.trainable == {"context": 2_048, "shift": 33_312}
    assert cost.macs_view / 1e9 == pytest.approx(140.51, abs=0.005)
    assert cost.macs_compare > 0.99 * cost.macs_text
