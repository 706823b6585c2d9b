"""MaPLe against both towers of open_clip, one prompt and one frame at a time; its size and its start."""

import pytest
import torch

from m2clip.backbones import check
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build, plain
from methods.cases import differences_of
from methods.plain_text import features, open_clip_of

TINY = {"options": {"depth": 2}}
OVERFIT = {"train": {"lr": 2e-2, "steps": 120}}
STARTS_AS_CLIP = False


def prompts_of(model):
    """The vectors of each of the first layers."""
    return [model.context.vectors, *model.deep]


def frame_plainly(model, clip, frame):
    """One frame (3, H, W) -> its projected class token (E,)."""
    visual = clip.visual
    patches = visual.conv1(frame[None]).flatten(2)[0].T
    tokens = torch.cat([visual.class_embedding[None], patches]) + visual.positional_embedding
    tokens, length = visual.ln_pre(tokens), 1 + len(patches)
    for layer, block in enumerate(visual.transformer.resblocks):
        if layer < len(model.coupling):
            coupled = [
                model.coupling[layer].weight @ vector + model.coupling[layer].bias
                for vector in prompts_of(model)[layer]
            ]
            tokens = torch.cat([tokens[:length], torch.stack(coupled)])
        tokens = block(tokens[None])[0]
    return visual.ln_post(tokens[0]) @ visual.proj


def test_both_towers_take_new_prompts_in_their_first_layers(make_model):
    model, _ = make_model(differences_of("maple"))
    clip, ids = open_clip_of(make_model.backbone), model.prompts[0].ids
    videos = torch.randn(2, 3, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        video, labels = model.video(videos), model.labels(model.prompts)
        for b in range(2):
            for t in range(3):
                expected = frame_plainly(model, clip, videos[b, t])
                torch.testing.assert_close(video.frames[b, t], expected)
        for c, text in enumerate(ids):

            def put(layer, tokens):
                changed = tokens.clone()
                if 0 < layer < len(prompts_of(model)):
                    for n, vector in enumerate(prompts_of(model)[layer]):
                        changed[1 + n] = vector
                return changed

            embedded = clip.token_embedding(text).clone()
            for n, vector in enumerate(model.context.vectors):
                embedded[1 + n] = vector
            expected = features(clip, embedded, int(text.argmax()), put)
            torch.testing.assert_close(labels.features[c], expected)


def test_the_start(make_model):
    """Of one layer the text is CLIP's; the image is not, since what it gets is random."""
    model, tokenizer = make_model(differences_of("maple", {"options": {"depth": 1}}), randomise=False)
    clip = open_clip_of(make_model.backbone)
    label = " ".join(word.text for word in model.prompts[0].words[0] if word.of_label)
    with torch.no_grad():
        expected = clip.encode_text(tokenizer([f"a photo of a {label} ."]))[0]
        torch.testing.assert_close(model.labels(model.prompts).features[0], expected, rtol=0, atol=1e-6)
        videos = torch.randn(1, 1, 3, 32, 32, dtype=torch.double)
        found, frame = model.video(videos).joint[0], clip.encode_image(videos[0])[0]
    assert 0.001 < float((found - frame).norm() / frame.norm()) < 0.5


def test_it_is_not_deeper_than_a_tower(make_model):
    with pytest.raises(UserError, match=r"^depth: 9 is more than the \d layers of a tower"):
        check(build(Run, {"method": "maple", "backbone": plain(make_model.backbone)}))


def test_3_555_072_parameters_at_full_size():
    """Words 9,216 and couplings 3,545,856: the 3.55 M of the paper."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "maple"}), labels, [8])
    assert cost.trainable == {"context": 9_216, "coupling": 3_545_856}
    assert cost.macs_view / 1e9 == pytest.approx(141.99, abs=0.005)
