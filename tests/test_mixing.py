"""What native recipes need and nothing turns on yet: mixing, smoothing, SGD, a floor, averaging."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny_runs
from m2clip.config import Train
from m2clip.data.dataset import TestVideos
from m2clip.errors import UserError
from m2clip.models.factory import pixels_of
from m2clip.options.m2clip import Options
from m2clip.training import optim
from m2clip.training.average import WeightAverage, ends_epoch
from m2clip.training.mixing import check_cells, mix, mixes

CLASSES = 5


def some_videos(count=8):
    return torch.rand(count, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def mixed(config, count=8, rows=None, positions=None, seed=0, step=3):
    videos, ids = some_videos(count), torch.arange(count) % CLASSES
    rows = torch.arange(count) if rows is None else rows
    places = rows if positions is None else positions
    return mix(videos[rows], ids[rows], places, CLASSES, config, seed, step)


def test_nothing_is_mixed_unless_asked_for():
    assert not mixes(Train())
    assert all(mixes(Train(**{key: 0.1})) for key in ("mixup", "cutmix", "smoothing"))


def test_smoothing_leaves_videos_and_spreads_its_share_over_all_classes():
    videos, targets = mixed(Train(smoothing=0.1))
    assert torch.equal(videos, some_videos())
    expected = np.full((8, CLASSES), 0.1 / CLASSES)
    expected[np.arange(8), np.arange(8) % CLASSES] += 0.9
    np.testing.assert_allclose(targets.numpy(), expected, atol=1e-7)


def test_mixup_is_one_weight_a_cell_with_the_mirror_image():
    config = Train(mixup=0.8, cell=4)
    videos, targets = mixed(config)
    before, weights = some_videos(), []
    for first in (0, 4):
        for place in range(4):
            own, other = first + place, first + 3 - place
            weight = targets[own, own % CLASSES].item()
            weights.append(weight)
            assert targets[own, other % CLASSES].item() == pytest.approx(1 - weight, abs=1e-6)
            expected = weight * before[own] + (1 - weight) * before[other]
            torch.testing.assert_close(videos[own], expected)
    assert weights[:4] == pytest.approx([weights[0]] * 4) and weights[4:] == pytest.approx([weights[4]] * 4)
    assert weights[0] != pytest.approx(weights[4])


def test_cutmix_is_one_box_for_all_frames_and_its_area_is_the_weight():
    videos, targets = mixed(Train(cutmix=1.0))
    before = some_videos()
    for own in range(8):
        other = 7 - own
        taken = (videos[own] != before[own]).any(dim=1)
        assert torch.equal(taken[0], taken[1])
        assert torch.equal(videos[own][:, :, taken[0]], before[other][:, :, taken[0]])
        rows, columns = taken[0].any(1).sum().item(), taken[0].any(0).sum().item()
        assert taken[0].sum().item() == rows * columns
        if own % CLASSES != other % CLASSES:
            assert targets[own, own % CLASSES].item() == pytest.approx(1 - rows * columns / 256, abs=1e-6)
    torch.testing.assert_close(targets.sum(1), torch.ones(8))


def test_with_both_each_cell_draws_one_of_the_two():
    kinds = set()
    for step in range(20):
        videos, _ = mixed(Train(mixup=0.8, cutmix=1.0), step=step)
        kinds.add(bool((videos == some_videos()).float().mean() > 0.01))
    assert kinds == {True, False}


def test_shards_of_whole_cells_are_mixed_as_the_whole_also_where_a_video_is_missing():
    config = Train(mixup=0.8, cutmix=1.0, smoothing=0.1, cell=4)
    there = torch.tensor([0, 1, 3, 4, 5, 6, 7])  # the third could not be read
    whole = mixed(config, rows=there)
    halves = [mixed(config, rows=there[:3]), mixed(config, rows=there[3:])]
    for at in (0, 1):
        assert torch.equal(torch.cat([half[at] for half in halves]), whole[at])
    again = mixed(config, rows=there)
    assert torch.equal(again[0], whole[0])
    assert not torch.equal(mixed(config, rows=there, seed=1)[0], whole[0])


def test_a_shard_that_is_no_whole_number_of_cells_is_one_line():
    check_cells(Train(batch=16, mixup=0.8), 2)
    check_cells(Train(batch=12, smoothing=0.1), 2)
    with pytest.raises(UserError, match=r"train\.cell: the 4 videos .* set it to a divisor of 4"):
        check_cells(Train(batch=16, accumulate=2, mixup=0.8), 2)


def test_a_method_that_takes_class_ids_alone_refuses_mixing(backbone):
    with pytest.raises(UserError, match=r"train\.mixup: .*m2clip takes no smoothed or mixed labels"):
        tiny_runs.config_of(backbone, {"train": {"mixup": 0.8}})


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"), count=8)


def probe(backbone, **train):
    train = {"steps": 4, "batch": 8, "cell": 2, "log_every": 1, "checkpoint_every": 2, **train}
    return tiny_runs.config_of(backbone, {"method": "clip_linear", "data": {"frames": 2}, "train": train})


MIXING = {"mixup": 0.8, "cutmix": 1.0, "smoothing": 0.1}


def test_a_mixed_training_is_the_same_in_one_two_and_four_microbatches(backbone, manifest, tmp_path):
    ends = [
        tiny_runs.run(probe(backbone, accumulate=count, **MIXING), manifest, tmp_path / str(count))
        for count in (1, 2, 4)
    ]
    plainly, _ = tiny_runs.run(probe(backbone), manifest, tmp_path / "plain")
    for weights, trained in ends[1:]:
        for ours, theirs in zip(trained.history, ends[0][1].history, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)
        for name, weight in weights.items():
            torch.testing.assert_close(weight, ends[0][0][name], rtol=0, atol=1e-5)
            assert not torch.allclose(weight, plainly[name], atol=1e-3)


def test_the_rate_ends_at_its_floor():
    config = Train(steps=50, warmup=0.0, lr=0.1, floor=0.2)
    for step in range(50):
        wave = (1 + math.cos(math.pi * step / 50)) / 2
        expected = 0.1 * (0.2 + 0.8 * wave)
        assert optim.learning_rate(step, config) == pytest.approx(expected, rel=1e-12)


def test_sgd_and_betas_are_what_they_say(make_model):
    model, _ = make_model({"method": "clip_linear"}, double=False)
    sgd = optim.make_optimizer(model, Train(optimizer="sgd", momentum=0.8, weight_decay=0.1))
    assert type(sgd) is torch.optim.SGD and {g["momentum"] for g in sgd.param_groups} == {0.8}
    optim.set_learning_rate(sgd, 0.5)
    weight = model.vc.linear.weight
    before, weight.grad = weight.detach().clone(), torch.ones_like(weight)
    sgd.step()
    torch.testing.assert_close(weight.detach(), before - 0.5 * (1 + 0.1 * before))
    adam = optim.make_optimizer(model, Train(betas=(0.8, 0.95)))
    assert {group["betas"] for group in adam.param_groups} == {(0.8, 0.95)}
    spared = {group["weight_decay"] for group in optim.make_optimizer(model, Train(decay="all")).param_groups}
    assert spared == {0.01}


def test_the_mean_is_that_of_the_weights_after_each_epoch():
    assert [step for step in range(10) if ends_epoch(step, 4, 10, 0.0, 10)] == [2, 4, 7, 9]
    assert [step for step in range(10) if ends_epoch(step, 4, 10, 0.5, 10)] == [4, 7, 9]
    assert [step for step in range(7) if ends_epoch(step, 4, 10, 0.0, 7)] == [2, 4, 6]
    weight, average = torch.nn.Parameter(torch.zeros(2)), WeightAverage()
    average.copy_to({"w": weight})
    assert not weight.any()
    for value in (1.0, 2.0, 6.0):
        weight.data.fill_(value)
        average.add({"w": weight})
    average.copy_to({"w": weight})
    assert weight.tolist() == [3.0, 3.0]


def test_an_averaged_training_ends_with_the_mean_also_when_it_was_interrupted(backbone, manifest, tmp_path):
    config = probe(backbone, average=0.0)
    whole, _ = tiny_runs.run(config, manifest, tmp_path / "whole")
    model, videos = tiny_runs.open_training(config, manifest)
    seen, ends = [], []  # eight videos in batches of eight: every step ends an epoch

    def log(step, values):
        seen.append(tiny_runs.weights_of(model))

    tiny_runs.run(config, manifest, tmp_path / "logged", log=log, opened=(model, videos))
    for name, mean in whole.items():
        expected = sum(each[name].double() for each in seen) / 4
        torch.testing.assert_close(mean.double(), expected, rtol=0, atol=1e-6)
        ends.append(not torch.allclose(mean, seen[-1][name], atol=1e-5))
    assert any(ends)
    tiny_runs.run_until(3, config, manifest, tmp_path / "cut")
    again, resumed = tiny_runs.run(config, manifest, tmp_path / "cut")
    assert resumed.resumed == 2 and tiny_runs.same(again, whole)


def test_a_method_has_the_last_word_on_its_weights(backbone, manifest, tmp_path):
    config = probe(backbone)
    plainly, _ = tiny_runs.run(config, manifest, tmp_path / "plain")
    model, videos = tiny_runs.open_training(config, manifest)

    def finish():
        with torch.no_grad():
            model.vc.linear.weight.mul_(0.5)

    model.finish = finish
    halved, _ = tiny_runs.run(config, manifest, tmp_path / "half", opened=(model, videos))
    assert torch.equal(halved["vc.linear.weight"], 0.5 * plainly["vc.linear.weight"])
    assert torch.equal(halved["vc.linear.bias"], plainly["vc.linear.bias"])


def test_testing_may_see_other_frames_than_training(backbone, manifest):
    config = tiny_runs.config_of(backbone, {"evaluate": {"frames": 6}})
    assert config.data.frames == 4 and config.evaluate.frames == 6
    model, _ = tiny_runs.open_training(config, manifest)
    views = TestVideos(
        manifest, "test", replace(config.data, frames=config.evaluate.frames), pixels_of(model)
    )
    assert views[0].video.shape[:2] == (1, 6)
    with pytest.raises(UserError, match=r"evaluate\.frames: 0 must be above 0"):
        tiny_runs.config_of(backbone, {"evaluate": {"frames": 0}})


def test_a_method_may_refuse_other_frames_and_templates(backbone, monkeypatch):
    monkeypatch.setattr(Options, "one_length", True)
    monkeypatch.setattr(Options, "learned_words", True)
    tiny_runs.config_of(backbone, {"evaluate": {"frames": 4}})
    with pytest.raises(UserError, match=r"evaluate\.frames: the weights of the method m2clip are for the 4 "):
        tiny_runs.config_of(backbone, {"evaluate": {"frames": 6}})
    with pytest.raises(UserError, match=r"evaluate\.templates: the method m2clip learns the words"):
        tiny_runs.config_of(backbone, {"evaluate": {"templates": ["a photo of {}"]}})
