"""What holds for every method, on the tiny CLIP; a new method is tested by existing (see cases.py)."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

import m2clip
import tiny_runs
from m2clip import shortcuts
from m2clip.config import Run
from m2clip.data.dataset import TestVideos
from m2clip.data.frame_cache import FrameCache
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.evaluation.recognition import score, top
from m2clip.evaluation.trained import open_trained
from m2clip.models.factory import build_model, pixels_of
from m2clip.models.load_clip import open_backbone
from m2clip.models.prompts import make_prompts
from m2clip.models.weights_io import load_weights, save_weights
from m2clip.parsing import build, merge, plain
from m2clip.training.optim import make_optimizer, set_learning_rate
from methods.cases import FRAMES, METHODS, differences_of, said_by
from steps import step_of

CLASS_IDS = [0, 3, 3, 1]
OTHERS = ("a", "b c", "swimming")
SHORT = {"steps": 3, "batch": 4, "lr": 1e-3, "workers": 0, "checkpoint_every": 2, "log_every": 1}


def some_videos(batch=4, frames=FRAMES):
    draw = torch.Generator().manual_seed(3)
    return torch.randn(batch, frames, 3, 32, 32, generator=draw, dtype=torch.double)


@pytest.fixture(scope="module", params=METHODS)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"), count=8)


@pytest.fixture(scope="module")
def frames(manifest, tmp_path_factory):
    """The frames of the videos, which are decoded once and not for every method anew."""
    return FrameCache(tmp_path_factory.mktemp("frames"), manifest)


def make(make_model, method, *more, double=True, randomise=True):
    """The method on the tiny CLIP, its trained weights away from where they start."""
    model, tokenizer = make_model(differences_of(method, *more), randomise=False, double=double)
    if randomise:
        draw = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for weight in model.trainable().values():
                weight.add_(0.1 * torch.randn(weight.shape, generator=draw).to(weight.dtype))
    return model, tokenizer


def config_of(backbone, method, *more):
    return tiny_runs.config_of(backbone, differences_of(method, {"train": SHORT}, *more))


def is_trained(make_model, method):
    return bool(make(make_model, method)[0].trainable())


# What comes out


def test_checkpointing_changes_no_bit_of_a_loss_and_a_gradient(make_model, method):
    """Also of a shard: what is drawn for each video is drawn again for the same rows of the batch."""
    found = []
    for switch in ({}, {"train": {"checkpointing": True}}):
        if switch and method in ("ila", "open_vclip"):
            with pytest.raises(UserError, match=f"train.checkpointing: a block of {method} cannot"):
                make(make_model, method, switch)
            return
        model, _ = make(make_model, method, switch, double=False)
        if not model.trainable():
            return
        step = step_of(CLASS_IDS, slice(2, 4))._replace(microbatch=slice(2, 4))
        torch.manual_seed(1)
        norms = [0]
        first = next(
            each for each in model.image.blocks[-1].modules() if isinstance(each, torch.nn.LayerNorm)
        )
        first.register_forward_pre_hook(lambda *_, norms=norms: norms.append(1))
        losses = model.train()(some_videos(2).float(), step)
        model.total(losses).backward()
        gradients = {
            name: weight.grad for name, weight in model.trainable().items() if weight.grad is not None
        }
        assert gradients
        found.append((losses, gradients, sum(norms)))
    (losses, gradients, once), (again, same, twice) = found
    if method in ("m2clip", "aim", "st_adapter"):
        assert twice == 2 * once > 0
    assert losses.keys() == again.keys() and gradients.keys() == same.keys()
    for name in losses:
        assert torch.equal(losses[name], again[name]), name
    for name in gradients:
        assert torch.equal(gradients[name], same[name]), name


def test_without_shortcuts_losses_and_gradients_are_the_same(make_model, method):
    """Of a second step, which has what the first kept; prompts in full are longer, which rounds otherwise."""
    found, lengths = [], []
    padded = not said_by(method, "PADDING_COUNTS", False)
    for switch in (nullcontext, shortcuts.all_off):
        with switch() if padded else nullcontext():
            model, _ = make(make_model, method)
        if not model.trainable():
            return
        with switch():
            for _ in range(2):
                model.train().zero_grad()
                torch.manual_seed(1)
                losses = model(some_videos(), step_of(CLASS_IDS))
                model.total(losses).backward()
        lengths.append(model.prompts[0].ids.shape[1])
        found.append(losses | {name: p.grad for name, p in model.trainable().items() if p.grad is not None})
    ours, plainly = found
    assert (lengths[0] < lengths[1] == 24) == padded and ours.keys() == plainly.keys()
    for name, value in ours.items():
        torch.testing.assert_close(
            value, plainly[name], rtol=1e-8, atol=1e-10, msg=lambda said, n=name: n + said
        )


def test_shapes_and_that_a_video_does_not_depend_on_its_batch(make_model, method):
    model, tokenizer = make(make_model, method)
    videos = some_videos()
    with torch.no_grad():
        video, alone = model.video(videos), model.video(videos[1:2])
        for field, of_one in zip(video, alone, strict=True):
            if field is not None:
                assert len(field) == 4
                torch.testing.assert_close(field[1:2], of_one)
        labels = model.labels(model.prompts)
        classes = len(model.prompts[0].ids)
        assert labels.features.shape[0] == classes == model.classes
        own = model.logits(video, labels if model.options.reads_text else None)
        assert own and all(logits.shape == (4, classes) for logits in own.values())
        for name, logits in model.logits(alone, labels if model.options.reads_text else None).items():
            torch.testing.assert_close(own[name][1:2], logits)
        if model.options.no_zero_shot:
            assert "\n" not in model.options.no_zero_shot
            return
        sentences = model.options.templates("a video of {}", own=False)
        others = model.labels([make_prompts(OTHERS, each, tokenizer) for each in sentences], own=False)
        found = model.logits(video, others, own=False)
        assert found and all(logits.shape == (4, 3) for logits in found.values())


def test_before_training_a_video_is_what_clip_says(make_model, method):
    if not said_by(method, "STARTS_AS_CLIP", True):
        assert said_by(method, "test_the_start", None), f"{method}: its start has no test"
        return
    model, _ = make(make_model, method, randomise=False, double=False)
    clip, _ = open_backbone(build(Run, {"backbone": plain(make_model.backbone)}).backbone)
    videos = some_videos().float()
    with torch.no_grad():
        expected = clip.encode_image(videos.flatten(0, 1)).unflatten(0, videos.shape[:2])
        torch.testing.assert_close(model.video(videos).joint, expected.mean(dim=1), rtol=0, atol=2e-6)


# What is trained


def test_gradients_reach_exactly_the_groups(make_model, method):
    model, _ = make(make_model, method)
    model.train()
    trained = model.trainable()
    in_groups = {id(p) for group in model.groups().values() if group.lr for p in group.parameters()}
    assert {id(p) for p in trained.values()} == in_groups
    if not trained:
        return
    torch.manual_seed(0)
    model.total(model(some_videos(), step_of(CLASS_IDS))).backward()
    without = said_by(method, "NO_GRADIENT", {})
    for name, parameter in model.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        excused = [part for part in without if part in name]
        assert reached == (name in trained and not excused), (
            f"{name}: gradient {reached}, excused by {excused}"
        )


def test_three_steps_move_what_is_trained_by_its_groups_rate_and_nothing_else(make_model, method, backbone):
    model, _ = make(make_model, method)
    if not model.trainable():
        return
    config = config_of(backbone, method).train
    optimizer = make_optimizer(model, config)
    set_learning_rate(optimizer, 1e-3)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for group in model.groups().values():
        for parameter in group.parameters():
            if group.lr:
                assert rates[id(parameter)] == pytest.approx(1e-3 * group.lr)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    for seed in range(3):
        torch.manual_seed(seed)
        optimizer.zero_grad()
        model.total(model(some_videos(), step_of(CLASS_IDS))).backward()
        optimizer.step()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    excused = said_by(method, "NO_GRADIENT", {})
    allowed = set(model.trainable()) | set(model.trained_buffers())
    wanted = {name for name in model.trainable() if not any(part in name for part in excused)}
    aliases = {id(p): name for name, p in model.named_parameters()}
    state = model.state_dict(keep_vars=True)
    assert {aliases.get(id(state[name]), name) for name in moved} <= allowed
    assert wanted <= {aliases.get(id(state[name]), name) for name in moved}


def test_complexity_counts_the_groups(make_model, method, backbone):
    model, _ = make(make_model, method)
    config = config_of(backbone, method)
    (cost,) = complexity(config, tuple(f"label {n}" for n in range(model.classes)), [FRAMES])
    assert cost.macs_view > 0 and (cost.macs_text > 0) and cost.macs_compare >= 0
    assert list(cost.trainable) == [name for name, group in model.groups().items() if group.lr]
    fresh, _ = build_model(config, tuple(f"label {n}" for n in range(model.classes)), 0, "meta")
    assert cost.trainable_total == sum(p.numel() for p in fresh.trainable().values())
    everything = sum(p.numel() for p in fresh.parameters())
    assert cost.frozen + cost.trainable_total == everything


# Training: processes, microbatches, an interruption


def determined(weights):
    """The weights without the keys' biases of attention, which move every score of a query alike.

    Softmax takes that away, so their gradient is rounding, and AdamW makes a whole step of its sign.
    """
    found = {}
    for name, weight in weights.items():
        if name.endswith("in_proj_bias"):
            queries, _, values = weight.chunk(3)
            found |= {f"{name}: queries": queries, f"{name}: values": values}
        else:
            found[name] = weight
    return found


LAUNCH = [sys.executable, "-m", "m2clip.training.launch", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def two_processes(backbone, manifest, make_model, tmp_path_factory):
    """What two processes ended with, for every trained method; all in one launch."""
    folder = tmp_path_factory.mktemp("two")
    trained = [method for method in METHODS if is_trained(make_model, method)]
    cases = []
    for method in trained:
        (folder / method).mkdir()
        config = plain(config_of(backbone, method))
        cases.append(
            {"folder": str(folder / method), "data": str(manifest.folder), "config": config, "updates": ()}
        )
    listed = folder / "cases.json"
    listed.write_text(json.dumps(cases))
    tests = Path(__file__).parents[1]
    paths = [str(Path(m2clip.__file__).parents[1]), str(tests)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    script = str(tests / "several_processes.py")
    subprocess.run([*LAUNCH, script, str(listed)], env=environment, check=True, timeout=120 + 30 * len(cases))
    return {method: [torch.load(folder / method / f"{rank}.pt") for rank in (0, 1)] for method in trained}


def test_two_processes_give_the_losses_and_weights_of_one(
    make_model, method, backbone, manifest, two_processes, tmp_path
):
    if method not in two_processes:
        assert not is_trained(make_model, method)
        return
    weights, trained = tiny_runs.run(config_of(backbone, method), manifest, tmp_path)
    first, second = two_processes[method]
    assert tiny_runs.same(first["weights"], second["weights"]) and first["history"] == second["history"]
    for ours, theirs in zip(first["history"], trained.history, strict=True):
        assert ours == pytest.approx(theirs, rel=2e-4, abs=2e-6)
    for name, weight in determined(weights).items():
        torch.testing.assert_close(determined(first["weights"])[name], weight, rtol=0, atol=2e-4, msg=name)


def test_two_microbatches_give_the_losses_and_weights_of_one(
    make_model, method, backbone, manifest, tmp_path
):
    alone = said_by(method, "MICROBATCH", {})
    if not is_trained(make_model, method) or alone is None:
        pytest.skip("untrained, or every loss compares the videos of a microbatch")
    (weights, trained), (others, in_two) = (
        tiny_runs.run(
            config_of(backbone, method, alone, {"train": {"accumulate": count}}),
            manifest,
            tmp_path / str(count),
        )
        for count in (1, 2)
    )
    for ours, theirs in zip(in_two.history, trained.history, strict=True):
        assert ours == pytest.approx(theirs, rel=2e-4, abs=2e-6)
    for name, weight in determined(weights).items():
        torch.testing.assert_close(determined(others)[name], weight, rtol=0, atol=2e-4, msg=name)


def test_a_resumed_training_has_the_same_bits(make_model, method, backbone, manifest, tmp_path):
    if not is_trained(make_model, method):
        return
    config = config_of(backbone, method)
    whole, trained = tiny_runs.run(config, manifest, tmp_path / "whole")
    tiny_runs.run_until(3, config, manifest, tmp_path / "cut")
    again, resumed = tiny_runs.run(config, manifest, tmp_path / "cut")
    assert resumed.resumed == 2 and tiny_runs.same(whole, again)
    assert resumed.history == trained.history


# What is saved


def test_the_file_holds_what_was_trained_and_opening_it_gives_the_same_scores(
    make_model, method, backbone, manifest, tmp_path
):
    config = config_of(backbone, method)
    model, videos = tiny_runs.open_training(config, manifest)
    if model.trainable():
        tiny_runs.run(config, manifest, tmp_path / "checkpoints", opened=(model, videos))
    path = tmp_path / "weights.safetensors"
    tiny_runs.save_trained(path, model, config, manifest.labels)
    saved = load_weights(path)
    assert set(saved.tensors) == set(model.trainable()) | set(model.trained_buffers())
    assert set(saved.about["differences"]) == set(model.backbone)
    test = TestVideos(manifest, "test", config.data, pixels_of(model))
    opened = open_trained(path, "cpu").model
    assert tiny_runs.same(
        {n: p for n, p in model.trainable().items() if n not in model.backbone},
        {n: p for n, p in opened.trainable().items() if n not in opened.backbone},
    )
    found = [score(each.eval(), test, labels_of(each), batch=8, workers=0) for each in (model, opened)]
    for name, scores in found[0].items():
        if model.backbone:
            np.testing.assert_allclose(found[1][name], scores, atol=1e-4)
        else:
            assert (found[1][name] == scores).all()


def labels_of(model):
    with torch.no_grad():
        return model.labels(model.prompts) if model.options.reads_text else None


def test_a_file_of_another_backbone_is_refused(make_model, method, backbone, tmp_path):
    model, _ = make(make_model, method, double=False)
    config = config_of(backbone, method)
    path = tmp_path / "weights.safetensors"
    about = {"config": plain(config) | {"inputs": {"backbone": "0" * 64}}, "labels": ["a"], "seed": 0}
    about["config"].pop("evaluate")
    save_weights(path, model, about)
    with pytest.raises(UserError, match="was trained on a backbone") as caught:
        open_trained(path, "cpu")
    assert "\n" not in str(caught.value)


# That it learns: an adapter, a prompt learner and a tuned tower here, all of them among the slow tests
AT_ONCE = ("m2clip", "coop", "actionclip")


@pytest.mark.parametrize(
    "method",
    [pytest.param(one, marks=() if one in AT_ONCE else pytest.mark.slow) for one in METHODS],
    indirect=True,
)
def test_it_learns_eight_videos_by_heart(make_model, method, backbone, manifest, frames, tmp_path):
    if not is_trained(make_model, method):
        return
    by_heart = {"train": {"steps": 60, "batch": 8, "lr": 5e-3, "log_every": 1, "checkpoint_every": 1000}}
    more = merge(by_heart, said_by(method, "OVERFIT", {}))
    config = config_of(backbone, method, more)
    model, videos = tiny_runs.open_training(config, manifest, cache=frames)
    _, trained = tiny_runs.run(config, manifest, tmp_path, opened=(model, videos))
    losses = [values["loss"] for values in trained.history]
    assert losses[-1] < 0.5 * losses[0]
    test = TestVideos(manifest, "test", config.data, pixels_of(model))
    *_, scores = score(model, test, labels_of(model), batch=8, workers=0).values()
    assert top(scores, np.array(test.videos.class_ids), 1) == 100
