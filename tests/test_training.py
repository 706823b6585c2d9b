"""Training: schedule, groups, what is logged, what is trained, and what stops it."""

import csv
import math

import pytest
import torch

import tiny_runs
from m2clip.config import Train
from m2clip.data.dataset import TestVideos
from m2clip.data.loading import train_batches
from m2clip.errors import UserError
from m2clip.evaluation.recognition import score
from m2clip.methods.m2clip import M2CLIP
from m2clip.models.factory import pixels_of
from m2clip.models.method import Video, similarity
from m2clip.schedule import resolve_schedule
from m2clip.seeds import generator
from m2clip.training import optim
from m2clip.training.loop import write_history
from steps import step_of


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def config(backbone):
    return tiny_runs.config_of(backbone)


@pytest.fixture(scope="module")
def whole(config, manifest, tmp_path_factory):
    """A training from its start to its end: weights, what it told, and its log."""
    log = []
    weights, trained = tiny_runs.run(
        config,
        manifest,
        tmp_path_factory.mktemp("whole"),
        log=lambda step, values: log.append((step, values)),
    )
    return weights, trained, log


@pytest.mark.parametrize("steps", (1, 7, 100))
@pytest.mark.parametrize("warmup", (0.0, 0.1, 0.5))
def test_learning_rate_is_a_cosine_to_zero_times_a_linear_warm_up(steps, warmup):
    config = Train(steps=steps, warmup=warmup, lr=0.02)
    rates = [optim.learning_rate(step, config) for step in range(steps)]
    for step, rate in enumerate(rates):
        done = (step + 1) / (warmup * steps) if warmup else math.inf
        wave = (math.cos(math.pi * step / steps) + 1) / 2
        assert rate == pytest.approx(0.02 * min(done, 1) * wave, rel=1e-12)
    assert min(rates) > 0
    if not warmup:
        assert rates[0] == 0.02 and rates == sorted(rates, reverse=True)
    if steps == 100:
        assert rates[-1] == pytest.approx(0.02 * math.sin(math.pi / 200) ** 2)
        assert rates.index(max(rates)) <= max(0, warmup * steps - 1)
    if (steps, warmup) == (100, 0.1):
        assert rates[0] == pytest.approx(0.002) and rates[9] == max(rates)


def test_parameter_groups(make_model):
    model, _ = make_model({"adapters": {"text": {"lr": 0.25}}}, randomise=False)
    optimizer = optim.make_optimizer(model, Train(lr=0.01, weight_decay=0.3))
    optim.set_learning_rate(optimizer, 0.004)
    found = {
        id(p): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    trainable = model.trainable()
    assert len(found) == len(trainable) == sum(len(group["params"]) for group in optimizer.param_groups)
    for name, parameter in trainable.items():
        is_text = name.startswith(("text.", "cmlm.adapter."))  # released: what is named textad_, no head
        is_bias_or_norm = name.endswith(".bias") or name == "cmlm.head.2.weight"
        assert found[id(parameter)] == (0.001 if is_text else 0.004, 0.0 if is_bias_or_norm else 0.3), name
    kinds = {name.split(".")[0] for name in trainable}
    assert kinds == {"image", "text", "cmlm", "vc"} and "cmlm.head.2.weight" in trainable
    assert found[id(trainable["cmlm.adapter.up.weight"])][0] == 0.001
    assert found[id(trainable["cmlm.head.3.weight"])][0] == 0.004


def test_the_same_seed_gives_the_same_bits(whole, config, manifest, tmp_path):
    weights, trained = tiny_runs.run(config, manifest, tmp_path)
    assert tiny_runs.same(weights, whole[0]) and trained == whole[1]
    other, _ = tiny_runs.run(config, manifest, tmp_path / "other", seed=1)
    assert not any(torch.equal(other[name], weights[name]) for name in weights)


def test_workers_and_global_randomness_change_no_bit(backbone, manifest, tmp_path):
    results = []
    for workers in (0, 2):
        config = tiny_runs.config_of(
            backbone, {"train": {"steps": 3, "workers": workers}, "decoder": {"vc_dropout": 0.5}}
        )
        torch.manual_seed(workers)
        results.append(tiny_runs.run(config, manifest, tmp_path / str(workers)))
    assert tiny_runs.same(results[0][0], results[1][0]) and results[0][1] == results[1][1]


def test_frozen_weights_never_move_and_all_others_do(whole, config, manifest, tmp_path):
    model, videos = tiny_runs.open_training(config, manifest)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert tiny_runs.same(tiny_runs.weights_of(model), {name: before[name] for name in whole[0]})
    tiny_runs.train(model, videos, config, 0, tmp_path)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == set(model.trainable()) == set(whole[0])
    assert len(before) > 2 * len(moved)


def test_each_head_is_logged_by_itself(whole, config, manifest):
    _, trained, log = whole
    assert [step for step, _ in log] == [values["step"] for values in trained.history] == list(range(1, 9))
    assert [{"step": step, **values} for step, values in log] == trained.history
    model, videos = tiny_runs.open_training(config, manifest)
    model.train()
    batch = next(train_batches(videos, start=0, steps=1, batch=4, workers=0))
    expected = model(batch.videos, step_of(batch.class_ids, random=generator(0, "mask", 0)))
    first = trained.history[0]
    for head in ("contrastive", "cmc", "cmlm", "vc"):
        assert first[head] == expected[head].item()
    for values in trained.history:
        parts = values["contrastive"] / 2 + values["cmc"] / 2 + values["cmlm"] / 10 + values["vc"]
        assert values["loss"] == pytest.approx(parts, rel=1e-6)
        assert values["lr"] == optim.learning_rate(int(values["step"]) - 1, config.train)
        assert values["epoch"] == pytest.approx(values["step"] * 4 / 9)


def test_history_has_the_logged_steps_and_nothing_of_heads_that_are_not_trained(backbone, manifest, tmp_path):
    differences = {"decoder": {"heads": ["cmc"]}, "train": {"steps": 5, "log_every": 2}}
    _, trained = tiny_runs.run(tiny_runs.config_of(backbone, differences), manifest, tmp_path)
    write_history(tmp_path / "history.csv", trained.history)
    lines = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert [line["step"] for line in lines] == ["2", "4", "5"]
    assert list(lines[0]) == ["step", "epoch", "lr", "loss", "cmc", "gradient_norm"]
    for line in lines:
        assert all(line.values())
        assert float(line["cmc"]) == pytest.approx(2 * float(line["loss"]), rel=1e-4)


def test_losses_go_down(backbone, manifest, tmp_path):
    config = tiny_runs.config_of(backbone, {"train": {"steps": 24, "batch": 6, "log_every": 4}})
    _, trained = tiny_runs.run(config, manifest, tmp_path)
    for head, share in (("loss", 0.4), ("contrastive", 0.4), ("cmc", 0.4), ("cmlm", 0.8), ("vc", 0.4)):
        values = [entry[head] for entry in trained.history]
        assert values[-1] < share * values[0], (head, values)


@pytest.mark.parametrize(("what", "bad"), (("loss", math.nan), ("gradient_norm", math.inf)))
def test_what_is_not_finite_stops_before_the_update(what, bad, backbone, manifest, tmp_path, monkeypatch):
    config = tiny_runs.config_of(backbone, {"train": {"steps": 4}})
    original, seen = M2CLIP.losses, []

    def losses(model, *arguments):
        seen.append(tiny_runs.weights_of(model))
        values = original(model, *arguments)
        if len(seen) == 3 and what == "loss":
            values["cmc"] = values["cmc"] * bad
        if len(seen) == 3 and what == "gradient_norm":
            values["vc"].register_hook(lambda gradient: gradient * bad)
        return values

    monkeypatch.setattr(M2CLIP, "losses", losses)
    model, videos = tiny_runs.open_training(config, manifest)
    with pytest.raises(UserError) as caught:
        tiny_runs.train(model, videos, config, 0, tmp_path)
    message, paths = str(caught.value), [videos.order.at(place)[1] for place in range(8, 12)]
    assert message.startswith(f"step 3: {what} is ") and "\n" not in message
    assert ", ".join(videos.videos.paths[index] for index in paths) + "; lower train.lr" in message
    assert tiny_runs.same(tiny_runs.weights_of(model), seen[2]) and len(seen) == 3
    monkeypatch.undo()
    whole, resumed = (
        tiny_runs.run(config, manifest, tmp_path / "a"),
        tiny_runs.run(config, manifest, tmp_path),
    )
    assert tiny_runs.same(whole[0], resumed[0])  # the checkpoint of step 2 is as it was


def test_a_broken_video_is_dropped_counted_and_told_also_by_a_resumed_run(config, tmp_path, capfd):
    manifest = tiny_runs.prepare_videos(tmp_path / "videos")
    _, videos = tiny_runs.open_training(config, manifest)
    steps = [{videos.order.at(place)[1] for place in range(4 * step, 4 * step + 4)} for step in range(4)]
    broken = min((steps[0] | steps[1]) - steps[2])
    path = videos.videos.paths[broken]
    (manifest.folder / path).write_bytes(b"not a video")
    capfd.readouterr()
    tiny_runs.run_until(3, config, manifest, tmp_path / "checkpoints")
    assert capfd.readouterr().err.count(f"dropped from training: {path}: changed") == 1
    short = tiny_runs.config_of(config.backbone, {"train": {"steps": 3}})
    _, trained = tiny_runs.run(short, manifest, tmp_path / "checkpoints")
    assert "resumed at step 2" in capfd.readouterr().err
    assert trained.dropped == (path,)
    _, anew = tiny_runs.run(config, manifest, tmp_path / "anew")
    assert anew.dropped == (path,) and len(anew.history) == 8


def test_nothing_to_train_is_said_in_one_line(backbone, manifest, tmp_path):
    nothing = {
        "adapters": {"visual": {"layers": "none"}, "text": {"layers": 0}},
        "decoder": {"heads": ["cmc"]},
    }
    with pytest.raises(UserError, match=r"nothing to train.*train.steps") as caught:
        tiny_runs.run(tiny_runs.config_of(backbone, nothing), manifest, tmp_path)
    assert "\n" not in str(caught.value)


def test_bf16_is_close_and_updates_keep_32_bits(whole, backbone, manifest, tmp_path):
    config = tiny_runs.config_of(backbone, {"train": {"precision": "bf16"}})
    model, videos = tiny_runs.open_training(config, manifest)
    seen = []
    model.image.blocks[0].block.mlp.register_forward_hook(lambda *told: seen.append(told[-1].dtype))
    weights, trained = tiny_runs.run(config, manifest, tmp_path, opened=(model, videos))
    assert set(seen) == {torch.bfloat16}
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    for ours, theirs in zip(trained.history[:3], whole[1].history, strict=False):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.03) and ours["loss"] != theirs["loss"]
    seen.clear()
    test = TestVideos(manifest, "test", config.data, pixels_of(model))
    with torch.no_grad():
        labels = model.labels(model.prompts)
    scores = score(model, test, labels, batch=4, workers=0, bf16=True)
    assert set(seen) == {torch.bfloat16} and {values.dtype.name for values in scores.values()} == {"float32"}


def test_logits_are_never_in_bf16(make_model):
    model, _ = make_model(double=False)
    video, text = torch.randn(2, 6, 32).unbind()
    with torch.autocast("cpu", torch.bfloat16):
        found = similarity(video, text, model.temperature)
    assert torch.equal(found, similarity(video, text, model.temperature)) and found.dtype == torch.float32
    last, seen = {"vc": model.vc.linear, "cmlm": model.cmlm.head[3]}, {}
    for head, layer in last.items():
        layer.register_forward_hook(lambda _, given, out, head=head: seen.update({head: (*given, out)}))
    joint, frames = video.bfloat16(), torch.randn(6, 4, 32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = {"vc": model.vc(joint), "cmlm": model.cmlm(torch.randn(6, 5, 32), frames)}
        assert torch.equal(model.classify(Video(frames, joint, joint))["vc"], logits["vc"])
    for head, layer in last.items():
        features, found = seen[head]
        assert found.dtype == logits[head].dtype == torch.float32, head
        assert torch.equal(found, logits[head]) and torch.equal(found, layer(features)), head


def test_learning_rate_is_linear_in_the_batch():
    for batch in (64, 256, 512):
        recipe = resolve_schedule(Train(batch=batch, lr=0.001, lr_batch=256), 1000)
        assert recipe.lr == pytest.approx(0.001 * batch / 256)
    assert resolve_schedule(Train(lr=0.001), 1000) == Train(lr=0.001)


def test_epochs_are_steps_of_the_training_videos():
    recipe = resolve_schedule(Train(batch=8, epochs=12, warmup_epochs=2), 100)
    assert recipe.steps == 150 and recipe.warmup * recipe.steps == pytest.approx(25)
    assert resolve_schedule(recipe, 7) == recipe
    rates = [optim.learning_rate(step, recipe) for step in range(recipe.steps)]
    assert rates[0] == pytest.approx(recipe.lr / 25) and max(rates) == max(rates[20:25])
    assert resolve_schedule(Train(batch=8, epochs=0.5), 9).steps == 1
    with pytest.raises(UserError, match=r"train\.warmup_epochs: 2 of 100 videos take all 10 steps"):
        resolve_schedule(Train(batch=8, steps=10, warmup_epochs=2), 100)


def test_a_training_as_long_as_its_epochs(backbone, manifest, tmp_path):
    config = tiny_runs.config_of(backbone, {"train": {"epochs": 1.5, "lr": 1e-3, "lr_batch": 2}})
    _, trained = tiny_runs.run(config, manifest, tmp_path)
    assert [values["step"] for values in trained.history] == [1, 2, 3, 4]
    assert trained.history[0]["lr"] == pytest.approx(2e-3)
