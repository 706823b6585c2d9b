"""Evaluation: scores, ranks, splits, and a trained run opened again, each against a plain restatement."""

import statistics

import numpy as np
import pandas as pd
import pytest
import torch

import tiny_runs
from m2clip.config import Data, Run
from m2clip.data import video
from m2clip.data.dataset import TestVideos
from m2clip.data.sampling import segments
from m2clip.data.transforms import test_views as views_of
from m2clip.errors import UserError
from m2clip.evaluation.recognition import class_accuracy, confusion, ranks, score, top
from m2clip.evaluation.trained import TrainedRun, open_trained
from m2clip.evaluation.zero_shot import DRAWS, by_split, half_of_classes, read_bare_labels, read_labels
from m2clip.models.factory import pixels_of
from m2clip.models.prompts import make_prompts
from m2clip.models.weights_io import save_weights
from m2clip.parsing import merge, plain

CLASS_IDS = np.array([0, 1, 2, 2, 4, 0])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"), count=5)


@pytest.fixture(scope="module")
def scores():
    """Six videos, five classes, with ties everywhere."""
    return np.random.default_rng(0).integers(0, 3, (6, 5)).astype(np.float32)


def own_labels(model):
    with torch.no_grad():
        return model.labels(model.prompts) if model.options.reads_text else None


@torch.no_grad()
def plain_scores(model, manifest, clips, crops, T):
    """The mean of the views' softmax, one video, one view and one number at a time."""
    labels = own_labels(model)
    found = {"eq11": [], "vc": []}
    for row in manifest.rows("test").itertuples():
        views = {"eq11": [], "vc": []}
        for clip in range(clips):
            numbers = segments(row.frames, T, clip=clip, clips=clips)
            frames = video.read(manifest.folder / row.path, numbers, row.frames)
            for crop in views_of(frames, pixels_of(model), crops):
                for origin, logits in model.logits(model.video(crop[None]), labels).items():
                    powers = np.exp(logits[0].double().numpy())
                    views[origin].append(powers / powers.sum())
        for origin, each in views.items():
            assert len(each) == clips * crops
            found[origin].append(sum(each) / len(each))
    return {origin: np.array(rows) for origin, rows in found.items()}


@pytest.mark.parametrize(("clips", "crops", "batch"), ((1, 1, 32), (2, 3, 7), (3, 4, 64), (2, 1, 1)))
def test_scores_are_the_mean_of_softmaxes_over_views(clips, crops, batch, make_model, manifest):
    model, _ = make_model({"decoder": {"vc_dropout": 0.5}}, labels=tiny_runs.LABELS, double=False)
    model.train()
    videos = TestVideos(manifest, "test", Data(frames=4), pixels_of(model), clips=clips, crops=crops)
    labels = own_labels(model)
    found = score(model, videos, labels, batch=batch, workers=0)
    expected = plain_scores(model.eval(), manifest, clips, crops, 4)
    assert found.keys() == expected.keys() == {"eq11", "vc"}
    for origin, values in found.items():
        assert values.dtype == np.float32 and values.shape == (5, 3)
        np.testing.assert_allclose(values, expected[origin], rtol=1e-4, atol=1e-7)
        assert values.std(axis=0).max() > 1e-3  # not all the same


def test_the_model_never_sees_more_views_than_asked_for_and_scores_them_alike(make_model, manifest):
    model, _ = make_model(labels=tiny_runs.LABELS, double=False)
    videos = TestVideos(manifest, "test", Data(frames=2), pixels_of(model), clips=3, crops=4)
    labels = own_labels(model)
    seen, encode = [], model.video
    model.video = lambda views: (seen.append(len(views)), encode(views))[1]
    found = {batch: score(model, videos, labels, batch=batch, workers=0) for batch in (5, 12, 64)}
    assert seen == [5, 5, 2] * 5 + [12] * 5 + [60]
    for origin in ("eq11", "vc"):
        for batch in (5, 12):
            np.testing.assert_allclose(found[batch][origin], found[64][origin], rtol=1e-4, atol=1e-7)


def test_other_labels_are_scored_in_the_same_pass(make_model, manifest):
    model, tokenizer = make_model(labels=tiny_runs.LABELS, double=False)
    videos = TestVideos(manifest, "test", Data(frames=2), pixels_of(model), crops=3)
    labels, run = own_labels(model), TrainedRun(model, Run(), tiny_runs.LABELS, tokenizer)
    other = read_labels(run, ("a", "b c", "d", "e"), ("a video of {}",))
    together = score(model, videos, labels, batch=6, workers=0, others={"mine": other})
    assert together.keys() == {"eq11", "vc", "mine"}
    alone = score(model, videos, other, own=False, batch=6, workers=0)
    assert alone.keys() == {"eq11"}
    assert (together["mine"] == alone["eq11"]).all() and together["mine"].shape == (5, 4)
    assert (together["eq11"] == score(model, videos, labels, batch=6, workers=0)["eq11"]).all()


def test_templates_are_averaged_as_unit_features_and_one_is_taken_as_it_is(make_model):
    model, tokenizer = make_model()
    run = TrainedRun(model, Run(), (), tokenizer)
    labels, templates = ("air drumming", "tai chi"), ("a video of {}", "{}", "a photo of {} outdoors")
    for read, of_tower in ((read_labels, model.labels), (read_bare_labels, model.bare_labels)):
        each = [
            of_tower([make_prompts(labels, template, tokenizer)]).features.detach().numpy()
            for template in templates
        ]
        one = read(run, labels, templates[:1]).features
        assert (one.numpy() == each[0]).all()
        means = np.zeros_like(each[0])
        for features in each:
            for row, feature in enumerate(features):
                means[row] += feature / np.sqrt(feature @ feature) / 3
        found = read(run, labels, templates).features
        np.testing.assert_allclose(found.numpy(), means, rtol=0, atol=1e-12)
    bare = read_bare_labels(run, labels, templates[:1]).features
    assert not torch.allclose(read_labels(run, labels, templates[:1]).features, bare)


def test_half_of_the_classes_by_hand(scores):
    random = np.random.default_rng(1)
    scores, class_ids = random.random((60, 5)).astype(np.float32), random.integers(0, 5, 60)
    found = half_of_classes(scores, class_ids, "ucf101")
    assert found["classes"] == 2 and len(found["draws"]) == DRAWS == 10
    pairs = {}
    for one in range(5):
        for other in range(one + 1, 5):
            inside = [index for index in range(60) if class_ids[index] in (one, other)]
            right = [
                scores[index, class_ids[index]] == max(scores[index, one], scores[index, other])
                for index in inside
            ]
            pairs[one, other] = pytest.approx(100 * sum(right) / len(inside))
    assert all(any(draw == right for right in pairs.values()) for draw in found["draws"])
    assert len(set(found["draws"])) > 3
    assert found["top1"] == pytest.approx(statistics.mean(found["draws"]))
    assert found["top1_std"] == pytest.approx(statistics.stdev(found["draws"]))
    assert half_of_classes(scores, class_ids, "ucf101") == found
    assert half_of_classes(scores, class_ids, "hmdb51")["draws"] != found["draws"]


def test_accuracy_of_each_class():
    counts = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 1]])
    np.testing.assert_array_equal(class_accuracy(counts), [75, np.nan, 50])


def test_heads_decide_what_is_scored(make_model, manifest):
    for heads, origins in ((["cmc"], {"eq11"}), (["vc"], {"vc"}), (["contrastive", "vc"], {"eq11", "vc"})):
        model, _ = make_model({"decoder": {"heads": heads}}, labels=tiny_runs.LABELS, double=False)
        videos = TestVideos(manifest, "test", Data(frames=2), pixels_of(model))
        with torch.no_grad():
            assert score(model, videos, own_labels(model), batch=5, workers=0).keys() == origins


def test_scores_that_are_not_finite_are_no_prediction(make_model, manifest):
    model, _ = make_model(labels=tiny_runs.LABELS, double=False)
    model.vc.linear.bias.data[1] = torch.nan
    videos = TestVideos(manifest, "test", Data(frames=2), pixels_of(model))
    with torch.no_grad(), pytest.raises(UserError, match=r"vc scores of videos/0.mp4 are not finite"):
        score(model, videos, own_labels(model), batch=5, workers=0)


def test_ranks_and_top_k_are_those_of_a_plain_sort(scores):
    assert any(len(set(row)) < len(row) for row in scores.tolist())
    places = []
    for row, class_id in zip(scores.tolist(), CLASS_IDS.tolist(), strict=True):
        best_first = sorted(range(5), key=lambda other, row=row: (-row[other], other))
        places.append(best_first.index(class_id))
    assert ranks(scores, CLASS_IDS).tolist() == places and len(set(places)) > 2
    for k in (1, 2, 5, 9):
        assert top(scores, CLASS_IDS, k) == pytest.approx(100 * sum(place < k for place in places) / 6)
    hits = [int(row.argmax()) == class_id for row, class_id in zip(scores, CLASS_IDS, strict=True)]
    assert top(scores, CLASS_IDS, 1) == pytest.approx(100 * sum(hits) / 6) and 0 < sum(hits) < 6


def test_confusion_counts_true_by_predicted():
    predicted = [0, 3, 2, 1, 1, 3]
    counts = confusion(np.eye(5, dtype=np.float32)[predicted], CLASS_IDS)
    expected = [[0] * 5 for _ in range(5)]
    for true, guess in zip(CLASS_IDS.tolist(), predicted, strict=True):
        expected[true][guess] += 1
    assert counts.tolist() == expected and counts.sum() == 6 and counts[4, 1] == 1


def test_splits_against_means_by_hand():
    #              right           wrong         right           right           wrong, second
    guesses = [[0.9, 0.1, 0], [0.9, 0.1, 0], [0.1, 0.9, 0], [0.1, 0.2, 0.7], [0.3, 0.7, 0.0]]
    class_ids, splits = np.array([0, 2, 1, 2, 0]), ["test1", "test1 test2", "test2", "test10 test2", "test10"]
    found = by_split(np.array(guesses, np.float32), class_ids, pd.Series(splits))
    top1 = {"test1": 100 / 2, "test2": 200 / 3, "test10": 100 / 2}
    assert {name: part["videos"] for name, part in found["splits"].items()} == {
        "test1": 2,
        "test2": 3,
        "test10": 2,
    }
    for name, value in top1.items():
        assert found["splits"][name] == pytest.approx(
            {"top1": value, "top5": 100, "videos": found["splits"][name]["videos"]}
        )
    assert found["top1"] == pytest.approx(statistics.mean(top1.values()))
    assert found["top1_std"] == pytest.approx(statistics.stdev(top1.values())) and found["top5"] == 100
    assert found["videos"] == 5 and found["full"] == pytest.approx({"top1": 60, "top5": 100})


def test_one_split_has_no_deviation():
    found = by_split(np.eye(2, dtype=np.float32), np.array([0, 0]), pd.Series(["test1"] * 2))
    assert found["top1"] == 50 and found["top1_std"] is None and list(found["splits"]) == ["test1"]


@pytest.fixture
def trained(backbone, make_model, tmp_path):
    """A file of adapters as the train stage leaves it, and the model that it is from."""
    from m2clip.backbones import digest

    differences = {"data": {"frames": 3}, "adapters": {"visual": {"layers": [1, 3]}}}
    model, _ = make_model(differences, labels=tiny_runs.LABELS, double=False)
    content = merge({"backbone": plain(backbone)}, differences) | {"inputs": {"backbone": digest(backbone)}}
    path = tmp_path / "weights.safetensors"

    def save(content=content, labels=tiny_runs.LABELS):
        save_weights(path, model, {"config": content, "labels": labels, "seed": 7})
        return path

    save()
    return model, path, content, save


def test_an_opened_run_predicts_the_same_bits(trained, manifest):
    model, path, _, _ = trained
    run = open_trained(path, "cpu")
    assert run.labels == tiny_runs.LABELS and run.config.options.adapters.visual.layers == (1, 3)
    results = []
    for each in (model, run.model):
        videos = TestVideos(manifest, "test", run.config.data, pixels_of(each), crops=3)
        with torch.no_grad():
            results.append(score(each, videos, own_labels(each), batch=6, workers=0))
    for origin in ("eq11", "vc"):
        assert (results[0][origin] == results[1][origin]).all()


def test_another_or_no_backbone_is_one_line(trained, backbone, tmp_path):
    _, path, content, save = trained
    weights = tmp_path / "other.safetensors"
    with open(backbone.pretrained, "rb") as file:  # noqa: PTH123
        changed = bytearray(file.read())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    save(merge(content, {"backbone": {"pretrained": str(weights)}}))
    with pytest.raises(UserError) as caught:
        open_trained(path, "cpu")
    message = str(caught.value)
    assert content["inputs"]["backbone"][:12] in message and "\n" not in message
    assert str(weights) in message and "train again" in message
    weights.unlink()
    with pytest.raises(UserError, match=r"backbone.pretrained: there is no file .*other.safetensors"):
        open_trained(path, "cpu")
    with pytest.raises(UserError, match="there is no such file; train the run first"):
        open_trained(tmp_path / "none.safetensors", "cpu")


def test_labels_or_a_config_that_the_weights_do_not_fit_are_one_line(trained):
    _, path, content, save = trained
    save(labels=tiny_runs.LABELS[:2])
    with pytest.raises(UserError, match=r"does not fit the config: (cmlm|vc)\S+ is \["):
        open_trained(path, "cpu")
    save(merge(content, {"decoder": {"vc_dropouts": 0.1}}))
    with pytest.raises(UserError, match=rf"{path.name}: unknown key decoder.vc_dropouts"):
        open_trained(path, "cpu")
