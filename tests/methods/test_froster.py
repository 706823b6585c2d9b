"""FROSTER: its losses in loops, with towers, projectors and temperature away from their start; its size."""

import math

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build
from methods.cases import differences_of
from methods.plain_text import cosine, open_clip_of
from methods.three_frames import moved_tower, tower_in_loops
from steps import step_of

TINY = {"options": {"sentences": 2}}
OVERFIT = {"train": {"lr": 1e-3}}
STARTS_AS_CLIP = False

CLASS_IDS = [0, 3]
SCALE = 7.0  # 1 / tau


def moved(make_model, **options):
    """The tiny model away from CLIP; weights of its image tower, and an open_clip with its text tower."""
    model, tokenizer = make_model(differences_of("froster", {"options": options}), randomise=False)
    _, weights = moved_tower(model, make_model.backbone)
    read = open_backbone(make_model.backbone)[0].double()
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        model.log_scale.fill_(math.log(SCALE))
        for weight in model.projectors.parameters():
            weight.copy_(torch.randn(weight.shape, generator=draw, dtype=torch.double))
        for ours, theirs in (
            (model.text.text_projection, read.text_projection),
            (model.text.ln_final.weight, read.ln_final.weight),
            (model.text.blocks[1].block.mlp.c_fc.weight, read.transformer.resblocks[1].mlp.c_fc.weight),
        ):
            change = 0.2 * torch.randn(ours.shape, generator=draw, dtype=torch.double)
            ours.add_(change)
            theirs.add_(change)
    return model, tokenizer, weights, read


def some_videos(frames=3):
    draw = torch.Generator().manual_seed(5)
    return torch.randn(2, frames, 3, 32, 32, generator=draw, dtype=torch.double)


def texts_plainly(prompts, tokenizer, clip):
    """Of each label the mean over sentences of its unit features."""
    found = []
    for words in zip(*(each.words for each in prompts), strict=True):
        read = [clip.encode_text(tokenizer([" ".join(w.text for w in sentence)]))[0] for sentence in words]
        found.append(sum(each / each.norm() for each in read) / len(read))
    return found


def scores_plainly(video, texts):
    return np.mean([[SCALE * cosine(torch.from_numpy(v), w) for w in texts] for v in video], axis=0)


def projected(model, tower, feature):
    """Component by component: f + 0.1 W_2 GELU(W_1 f), of unit f."""
    unit = (feature / np.linalg.norm(feature)).tolist()
    into, out = (getattr(model.projectors[tower], name).weight.tolist() for name in ("into", "out"))
    hidden = [sum(w * f for w, f in zip(row, unit, strict=True)) for row in into]
    hidden = [0.5 * h * (1 + math.erf(h / math.sqrt(2))) for h in hidden]
    added = [sum(w * h for w, h in zip(row, hidden, strict=True)) for row in out]
    return torch.tensor([f + 0.1 * a for f, a in zip(unit, added, strict=True)], dtype=torch.double)


def test_a_score_is_the_mean_of_the_frames_scores_with_all_sentences_and_the_bare_label(make_model):
    model, tokenizer, weights, read = moved(make_model)
    videos = some_videos()
    with torch.no_grad():
        video, labels = model.video(videos), model.labels(model.prompts)
        assert len(model.prompts) == 3 and video.teacher is None and labels.teacher is None
        found = model.compare(video, labels)["eq11"].numpy()
        texts = texts_plainly(model.prompts, tokenizer, read)
        for b in range(2):
            frames = tower_in_loops(videos[b].numpy(), weights)
            np.testing.assert_allclose(found[b], scores_plainly(frames, texts), rtol=0, atol=1e-6)


def test_the_losses_are_cross_entropy_and_distances_to_the_teacher_behind_projectors(make_model):
    model, tokenizer, weights, read = moved(make_model, distillation=3.0)
    videos, frozen = some_videos(), open_clip_of(make_model.backbone)
    model.train()
    torch.manual_seed(7)
    losses = {name: loss.item() for name, loss in model(videos, step_of(CLASS_IDS)).items()}
    torch.manual_seed(7)
    read_in = (model.prompts[int(torch.randint(2, ()))], model.prompts[2])
    with torch.no_grad():
        texts, taught = (texts_plainly(read_in, tokenizer, clip) for clip in (read, frozen))
        entropy, of_frames = 0.0, []
        for video, class_id in zip(videos, CLASS_IDS, strict=True):
            frames = tower_in_loops(video.numpy(), weights)
            logits = scores_plainly(frames, texts)
            entropy += (math.log(np.exp(logits).sum()) - logits[class_id]) / 2
            for t, frame in enumerate(frames):
                teacher = frozen.encode_image(video[t][None])[0]
                of_frames.append(1 - cosine(projected(model, "image", frame), teacher))
        of_labels = [
            1 - cosine(projected(model, "text", w.numpy()), teacher)
            for w, teacher in zip(texts, taught, strict=True)
        ]
    assert losses["contrastive"] == pytest.approx(entropy, abs=1e-6)
    assert losses["video"] == pytest.approx(sum(of_frames) / 6, abs=1e-8)
    assert losses["text"] == pytest.approx(sum(of_labels) / model.classes, abs=1e-8)
    total = model.total({name: torch.tensor(loss) for name, loss in losses.items()})
    assert float(total) == pytest.approx(losses["contrastive"] + 3 * (losses["video"] + losses["text"]))


def test_the_sentence_is_drawn_anew_at_each_step(make_model):
    model, *_ = moved(make_model)
    model.train()
    seen = set()
    for seed in range(8):
        torch.manual_seed(seed)
        seen.add(round(model(some_videos(), step_of(CLASS_IDS))["text"].item(), 6))
    assert len(seen) == 2


def test_the_teacher_stays_clip_and_is_not_saved(make_model, backbone):
    model, *_ = moved(make_model)
    assert not any("teacher" in name for name in model.trainable())
    clip = plain.frozen_weights(backbone)
    np.testing.assert_array_equal(model.teacher["image"].visual.proj.numpy(), clip["visual.proj"])
    np.testing.assert_array_equal(model.teacher["text"].text_projection.numpy(), clip["text_projection"])


def test_without_distillation_there_is_neither_teacher_nor_projector(make_model):
    model, _ = make_model(differences_of("froster", {"options": {"distillation": 0}}), randomise=False)
    assert list(model.train()(some_videos(), step_of(CLASS_IDS))) == ["contrastive"]
    assert not any(name.startswith(("teacher", "projectors")) for name, _ in model.named_parameters())


def test_the_start(make_model):
    """Of a still video a frame that no end reaches is the teacher's, and projectors change no feature."""
    model, _ = make_model(differences_of("froster"), randomise=False)
    still = some_videos(1).expand(-1, 7, -1, -1, -1)
    found = model.train().video(still)
    torch.testing.assert_close(found.frames[:, 3], found.teacher[:, 3], rtol=0, atol=1e-8)
    assert float((found.frames - found.teacher)[:, 0].norm()) > 0.01
    losses = model(still, step_of(CLASS_IDS))
    assert float(losses["text"]) == pytest.approx(0, abs=1e-12)
    near = 1 - torch.nn.functional.cosine_similarity(found.frames, found.teacher, dim=-1).mean()
    assert float(losses["video"]) == pytest.approx(float(near), abs=1e-12)


def test_it_says_which_numbers_fit():
    sentences = build(Run, {"method": "froster"}).options.templates("a video of {}", own=True)
    assert len(sentences) == 29 and sentences[-1] == "{}"
    with pytest.raises(UserError, match=r"^residual: 0\.0 must be above 0"):
        build(Run, {"method": "froster", "options": {"residual": 0.0}})
    with pytest.raises(UserError, match=r"^distillation: -1\.0 must be 0 or more"):
        build(Run, {"method": "froster", "options": {"distillation": -1.0}})


def test_parameters_and_multiply_adds_at_full_size_of_which_the_paper_prints_none():
    """All of CLIP, and two layers of 512 x 512 for each tower; a view costs what Open-VCLIP's does."""
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "froster", "options": {"sentences": 1}}), labels, [8])
    assert cost.trainable == {
        "image": 86_192_640, "text": 63_428_096, "temperature": 1, "projectors": 1_048_576,
    }  # fmt: skip
    assert cost.trainable_total == 150_669_313 and cost.frozen == 149_620_736
    assert cost.macs_view / 1e9 == pytest.approx(151.95, abs=0.005)
