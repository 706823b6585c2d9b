"""Open-VCLIP: its tower in loops, with its own weights and with those between them and CLIP's; its size."""

import math

import numpy as np
import pytest
import torch

from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import cosine, open_clip_of
from methods.three_frames import moved_tower, name_in_open_clip, tower_in_loops
from steps import step_of

TINY = {"options": {"sentences": 2}}
OVERFIT = {"train": {"lr": 1e-3}}
STARTS_AS_CLIP = False

CLASS_IDS = [0, 3]


def moved(make_model, **options):
    """The tiny model, away from CLIP; weights of its image tower by open_clip's names, before and after."""
    model, tokenizer = make_model(differences_of("open_vclip", {"options": options}), randomise=False)
    return model, tokenizer, *moved_tower(model, make_model.backbone)


def some_videos(frames=3):
    draw = torch.Generator().manual_seed(5)
    return torch.randn(2, frames, 3, 32, 32, generator=draw, dtype=torch.double)


def texts_plainly(model, tokenizer, clip):
    """Of each label the mean over two sentences of its unit features."""
    found = []
    for words in zip(*(prompts.words for prompts in model.prompts), strict=True):
        read = [clip.encode_text(tokenizer([" ".join(w.text for w in sentence)]))[0] for sentence in words]
        found.append(sum(each / each.norm() for each in read) / len(read))
    return found


def scores_plainly(frames, texts, temperature):
    """Frames (T, E) and texts -> the mean over frames of the scaled cosines, (C,)."""
    rows = [[cosine(torch.from_numpy(v), w) / temperature for w in texts] for v in frames]
    return np.array(rows).mean(axis=0)


def cross_entropy(logits, class_ids):
    """The mean over videos of -log softmax."""
    return sum(math.log(np.exp(row).sum()) - row[c] for row, c in zip(logits, class_ids, strict=True)) / len(
        class_ids
    )


def test_frames_see_their_neighbours_and_a_score_is_the_mean_of_the_frames_scores(make_model):
    model, tokenizer, _, weights = moved(make_model)
    videos, clip = some_videos(), open_clip_of(make_model.backbone)
    with torch.no_grad():
        video, labels = model.video(videos), model.labels(model.prompts)
        found = model.compare(video, labels)["eq11"].numpy()
        texts = texts_plainly(model, tokenizer, clip)
        for b in range(2):
            frames = tower_in_loops(videos[b].numpy(), weights)
            np.testing.assert_allclose(video.frames[b].numpy(), frames, rtol=0, atol=1e-8)
            expected = scores_plainly(frames, texts, float(model.temperature))
            np.testing.assert_allclose(found[b], expected, rtol=0, atol=1e-6)


def test_the_second_loss_is_that_of_weights_on_the_line_to_clip(make_model):
    model, tokenizer, clip, weights = moved(make_model, furthest=0.9, beta=0.3)
    videos, temperature = some_videos(), float(model.temperature)
    model.train()
    with torch.no_grad():
        torch.manual_seed(7)
        losses = model(videos, step_of(CLASS_IDS))
        torch.manual_seed(7)
        a = 0.9 * torch.rand(()).item()
        texts = texts_plainly(model, tokenizer, open_clip_of(make_model.backbone))
        for name, w in {
            "contrastive": weights,
            "interpolated": {k: a * clip[k] + (1 - a) * weights[k] for k in clip},
        }.items():
            logits = [scores_plainly(tower_in_loops(v.numpy(), w), texts, temperature) for v in videos]
            assert float(losses[name]) == pytest.approx(cross_entropy(logits, CLASS_IDS), abs=1e-5)
        total = float(losses["contrastive"]) + 0.3 * float(losses["interpolated"])
        assert float(model.total(losses)) == pytest.approx(total)


def test_the_gradient_of_the_second_loss_is_the_one_at_its_own_weights(make_model):
    model, _, clip, _ = moved(make_model)
    model.train()
    torch.manual_seed(7)
    model(some_videos(), step_of(CLASS_IDS))["interpolated"].backward()
    found = {name: weight.grad.clone() for name, weight in model.image.named_parameters()}
    model.zero_grad()
    torch.manual_seed(7)
    a = 0.6 * torch.rand(()).item()
    with torch.no_grad():
        for name, weight in model.image.named_parameters():
            weight.lerp_(torch.from_numpy(clip[name_in_open_clip(name)]), a)
    model(some_videos(), step_of(CLASS_IDS))["contrastive"].backward()
    for name, weight in model.image.named_parameters():
        torch.testing.assert_close(found[name], weight.grad, msg=name)


def test_without_beta_there_is_no_second_loss(make_model):
    model, *_ = moved(make_model, beta=0.0)
    losses = model.train()(some_videos(), step_of(CLASS_IDS))
    assert list(losses) == ["contrastive"] and model.total(losses) == losses["contrastive"]


def test_after_training_the_weights_go_back_towards_clip(make_model):
    model, _, clip, weights = moved(make_model, back=0.25)
    model.finish()
    for name, weight in model.image.named_parameters():
        expected = 0.75 * weights[name_in_open_clip(name)] + 0.25 * clip[name_in_open_clip(name)]
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-12)


def test_the_start(make_model):
    """Of a still video a frame is CLIP's where its three layers do not reach an end, and not at the ends."""
    model, _ = make_model(differences_of("open_vclip"), randomise=False)
    still = some_videos(1).expand(-1, 7, -1, -1, -1)
    with torch.no_grad():
        frames = model.video(still).frames
        clip = open_clip_of(make_model.backbone).encode_image(still[:, 0])
        torch.testing.assert_close(frames[:, 3], clip, rtol=0, atol=1e-8)
        for t in (0, 1, 2, 4, 5, 6):
            assert (frames[:, t] - clip).norm() > 1e-4 * clip.norm(), t


def test_it_has_28_sentences_and_says_which_numbers_fit():
    sentences = build(Run, {"method": "open_vclip"}).options.templates("a video of {}", own=True)
    assert len(set(sentences)) == 28 and sentences[9] == "a video of a person using {} ."
    with pytest.raises(UserError, match=r"^sentences: 29 must be 1 to 28"):
        build(Run, {"method": "open_vclip", "options": {"sentences": 29}})
    with pytest.raises(UserError, match=r"^back: 1\.5 is a share of the way to CLIP, 0 to 1"):
        build(Run, {"method": "open_vclip", "options": {"back": 1.5}})


def test_parameters_and_multiply_adds_at_full_size_of_which_the_paper_prints_none():
    """86,192,640: CLIP's image tower; 151.95 GMAC, CLIP's and attention to two further frames."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "open_vclip", "options": {"sentences": 1}}), labels, [8])
    assert cost.trainable == {"image": 86_192_640}
    assert cost.macs_view / 1e9 == pytest.approx(151.95, abs=0.005)
    of_a_frame = 2 * 197 * 197 * 768  # scores, and values weighed by them
    assert cost.macs_view - 140.51e9 == pytest.approx(8 * 12 * 2 * of_a_frame, rel=1e-3)


@pytest.mark.slow
def test_the_cost_of_texts_counts_every_sentence():
    """The eighth sentence has as many words as the first, so that both cost the same."""
    labels = tuple(f"label {n}" for n in range(400))

    def macs(sentences):
        config = build(Run, {"method": "open_vclip", "options": {"sentences": sentences}})
        return complexity(config, labels, [1])[0].macs_text

    assert macs(8) - macs(7) == macs(1)
