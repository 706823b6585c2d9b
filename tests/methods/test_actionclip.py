"""ActionCLIP against loops over videos, frames and sentences; its size and its start."""

import math

import pytest
import torch

from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build
from methods.cases import FRAMES, differences_of
from methods.plain_text import cosine, open_clip_of
from methods.test_a5 import block_plainly
from steps import step_of

TINY = {"options": {"layers": 1, "sentences": 3}}
OVERFIT = {"train": {"lr": 3e-4, "steps": 80}}
MICROBATCH = None
STARTS_AS_CLIP = False


def moved(make_model):
    """The tiny model with its new part drawn away from zero and a temperature of 1/7; open_clip beside it."""
    model, tokenizer = make_model(differences_of("actionclip"), randomise=False)
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.over_frames.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=draw, dtype=torch.double))
        model.log_scale.fill_(math.log(7.0))
    return model, tokenizer, open_clip_of(make_model.backbone)


def videos_plainly(model, clip, videos):
    found = []
    for video in videos:
        frames = torch.stack([clip.encode_image(frame[None])[0] for frame in video])
        seen = block_plainly(model.over_frames.blocks[0], frames + model.over_frames.positions[: len(video)])
        found.append((frames + seen).sum(dim=0) / len(video))
    return found


def text_plainly(model, tokenizer, clip, sentence, label):
    words = " ".join(word.text for word in model.prompts[sentence].words[label])
    return clip.encode_text(tokenizer([words]))[0]


def test_a_score_is_the_mean_of_the_softmax_over_all_sentences(make_model):
    model, tokenizer, clip = moved(make_model)
    videos = torch.randn(2, FRAMES, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found = model.compare(model.video(videos), model.labels(model.prompts))["eq11"]
        for b, video in enumerate(videos_plainly(model, clip, videos)):
            expected = [0.0] * model.classes
            for sentence in range(3):
                exps = [
                    math.exp(7 * cosine(video, text_plainly(model, tokenizer, clip, sentence, c)))
                    for c in range(model.classes)
                ]
                expected = [e + one / sum(exps) / 3 for e, one in zip(expected, exps, strict=True)]
            assert found[b].exp().tolist() == pytest.approx(expected, abs=1e-8)


def test_the_loss_is_kl_both_ways_on_a_drawn_sentence_a_video(make_model):
    model, tokenizer, clip = moved(make_model)
    model.train()
    class_ids = [0, 3, 3]
    videos = torch.randn(3, FRAMES, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found = float(model(videos, step_of(class_ids))["contrastive"])
        drawn = step_of(class_ids).random.integers(3, size=3)
        texts = [text_plainly(model, tokenizer, clip, s, c) for s, c in zip(drawn, class_ids, strict=True)]
        logits = [[7 * cosine(v, t) for t in texts] for v in videos_plainly(model, clip, videos)]
    loss = 0.0
    for rows in (logits, [list(column) for column in zip(*logits, strict=True)]):
        for i, row in enumerate(rows):
            wanted = [math.exp(10.0 * (class_ids[i] == c)) for c in class_ids]
            norm = math.log(sum(math.exp(x) for x in row))
            for j, x in enumerate(row):
                p = wanted[j] / sum(wanted)
                loss += p * (math.log(p) - (x - norm)) / 3 / 2
    assert found == pytest.approx(loss, abs=1e-8)


def test_the_start(make_model):
    """Its towers are CLIP's; the transformer over frames adds what its small random weights give."""
    model, _ = make_model(differences_of("actionclip"), randomise=False)
    mean, _ = make_model(differences_of("actionclip", {"options": {"layers": 0}}), randomise=False)
    clip = open_clip_of(make_model.backbone)
    videos = torch.randn(2, FRAMES, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        frames = clip.encode_image(videos.flatten(0, 1)).unflatten(0, (2, FRAMES))
        seen = frames + model.over_frames.blocks(frames + model.over_frames.positions[:FRAMES])
        torch.testing.assert_close(model.video(videos).joint, seen.mean(dim=1))
        torch.testing.assert_close(mean.video(videos).joint, frames.mean(dim=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("embedding", "trained", "frames"), [(True, 168_574_465, [8]), (False, 143_277_569, [8, 32])]
)
def test_its_parameters_and_multiply_adds_at_full_size(embedding, trained, frames):
    """M2-CLIP's table prints 142 M, which only a frozen token embedding comes near, and 563 at 32 frames."""
    config = {"method": "actionclip", "options": {"token_embedding": embedding}}
    eight, *many = complexity(build(Run, config), ("two labels", "or 400"), frames)
    assert eight.trainable_total == trained
    assert eight.trainable["over_frames"] == 18_953_728 and eight.trainable["image"] == 86_192_640
    assert eight.macs_view / 1e9 == pytest.approx(140.66, abs=0.005)
    assert [cost.macs_view / 1e9 for cost in many] == [pytest.approx(563, rel=0.01)] * (len(frames) - 1)
