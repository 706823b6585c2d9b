"""CoOp against open_clip's text tower, one label and one vector at a time; its size and its start."""

import pytest
import torch

from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import cosine, features, open_clip_of

TINY = {"options": {"context": 4}}
OVERFIT = {"train": {"lr": 5e-2, "steps": 120}}


@pytest.mark.parametrize("context_of", ["all", "class"])
def test_labels_stand_behind_the_learned_vectors(make_model, context_of):
    model, _ = make_model(differences_of("coop", {"options": {"context_of": context_of}}))
    clip, ids = open_clip_of(make_model.backbone), model.prompts[0].ids
    videos = torch.randn(2, 3, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found = model.compare(model.video(videos), model.labels(model.prompts))["eq11"]
        for c, text in enumerate(ids):
            embedded = clip.token_embedding(text).clone()
            own = model.context.vectors[c] if context_of == "class" else model.context.vectors
            for n in range(4):
                embedded[1 + n] = own[n]
            label = features(clip, embedded, int(text.argmax()))
            for b in range(2):
                video = sum(clip.encode_image(videos[b, t][None])[0] for t in range(3)) / 3
                expected = cosine(video, label) / float(model.temperature)
                assert float(found[b, c]) == pytest.approx(expected, abs=1e-8)


def test_words_that_are_given_are_what_it_starts_as(make_model):
    words = {"options": {"context": 4, "words": "a photo of a"}}
    model, tokenizer = make_model(differences_of("coop", words), randomise=False)
    clip = open_clip_of(make_model.backbone)
    label = make_model_label(model, tokenizer)
    with torch.no_grad():
        expected = clip.encode_text(tokenizer([f"a photo of a {label} ."]))[0]
        torch.testing.assert_close(model.labels(model.prompts).features[0], expected, rtol=0, atol=1e-6)


def make_model_label(model, tokenizer):
    """The first label that the model is made for."""
    return " ".join(word.text for word in model.prompts[0].words[0] if word.of_label)


def test_a_context_for_each_class_knows_no_other_labels():
    options = build(Run, {"method": "coop", "options": {"context_of": "class"}}).options
    assert options.no_zero_shot and not build(Run, {"method": "coop"}).options.no_zero_shot


def test_words_and_their_number_agree():
    with pytest.raises(UserError, match=r"^words.* must have context = 16 words"):
        build(Run, {"method": "coop", "options": {"words": "a photo of a"}})


def test_8192_parameters_at_full_size():
    """The paper's M = 16 vectors of 512 numbers; the image tower is CLIP's."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "coop"}), labels, [8])
    assert cost.trainable == {"context": 8_192}
    assert cost.macs_view / 1e9 == pytest.approx(140.51, abs=0.005)
