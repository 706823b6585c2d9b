"""A loss or gradient that is no finite number stops a training before the update; nothing such is saved."""

import math

import pytest
import torch

import tiny_runs
from m2clip.errors import UserError
from m2clip.methods.m2clip import M2CLIP
from m2clip.models.weights_io import save_weights

HEADS = ("contrastive", "cmc", "cmlm", "vc")
INJECTED = [
    (step, HEADS[step % 4], (math.nan, math.inf, -math.inf)[step % 3], ("loss", "gradient")[step // 4 % 2])
    for step in range(50)
]
FEW = (0, 5, 11)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"))


def injected(monkeypatch, step, head, bad, where):
    """The weights before each step, and a training in which one step has `bad` in a head."""
    original, seen = M2CLIP.losses, []

    def losses(model, *arguments):
        seen.append(tiny_runs.weights_of(model))
        values = original(model, *arguments)
        if len(seen) == step + 1 and where == "loss":
            values[head] = values[head] * bad
        if len(seen) == step + 1 and where == "gradient":
            values[head].register_hook(lambda gradient: gradient * bad)
        return values

    monkeypatch.setattr(M2CLIP, "losses", losses)
    return seen


@pytest.mark.parametrize(
    ("step", "head", "bad", "where"),
    [
        pytest.param(*each, marks=() if number in FEW else pytest.mark.slow)
        for number, each in enumerate(INJECTED)
    ],
)
def test_a_step_that_is_not_finite_is_not_taken(
    backbone, manifest, tmp_path, monkeypatch, step, head, bad, where
):
    config = tiny_runs.config_of(backbone, {"train": {"steps": 51, "checkpoint_every": 1000}})
    seen = injected(monkeypatch, step, head, bad, where)
    model, videos = tiny_runs.open_training(config, manifest)
    with pytest.raises(UserError) as caught:
        tiny_runs.train(model, videos, config, 0, tmp_path)
    message = str(caught.value)
    assert tiny_runs.same(tiny_runs.weights_of(model), seen[step]) and len(seen) == step + 1
    assert message.startswith(f"step {step + 1}: ") and (where == "gradient" or f", of {head} on " in message)
    assert ("lower train.lr" in message) == (step > 0) and ("backbone.temperature" in message) == (step == 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_never_saved(backbone, manifest, make_model, tmp_path, bad):
    """Neither as a checkpoint, which would be gone on with for ever, nor as the weights of a run."""
    config = tiny_runs.config_of(backbone, {"train": {"steps": 4, "checkpoint_every": 2}})
    model, videos = tiny_runs.open_training(config, manifest)

    def spoil(step, values):
        if step == 2:
            with torch.no_grad():
                next(iter(model.trainable().values())).fill_(bad)

    with pytest.raises(UserError, match=r"^step 2: .* no finite numbers; lower train.lr$"):
        tiny_runs.train(model, videos, config, 0, tmp_path / "checkpoints", spoil)
    about = {"config": {}, "labels": ["a"], "seed": 0}
    with pytest.raises(UserError, match=r"is not written: .* no finite numbers"):
        save_weights(tmp_path / "weights.safetensors", model, about)
    assert not list(tmp_path.glob("*.safetensors")) and not list((tmp_path / "checkpoints").glob("*"))
