"""The file that a training leaves: only what was trained, whole or as it was, and every misfit named."""

import json
import resource
from contextlib import contextmanager

import pytest
import safetensors
import safetensors.torch
import torch

from m2clip.errors import UserError
from m2clip.models.weights_io import fill, load_weights, save_weights
from m2clip.training.checkpoint import save_state

ABOUT = {"config": {"inputs": {"backbone": "ab"}, "train": {"lr": 0.1}}, "labels": ["a", "è"], "seed": 3}


@pytest.fixture
def saved(make_model, tmp_path):
    model, _ = make_model(double=False)
    path = tmp_path / "made" / "weights.safetensors"
    save_weights(path, model, ABOUT)
    return model, path


@contextmanager
def full_disk(bytes_left):
    """No file of this process may grow beyond that, which fails as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_only_what_was_trained_is_saved_and_comes_back(saved, make_model):
    model, path = saved
    content = load_weights(path)
    tensors = content.tensors
    assert content.about == ABOUT | {"differences": []}
    assert {name for name, p in model.named_parameters() if p.requires_grad} == set(tensors)
    assert not any(".block." in name or name.startswith("image.visual") for name in tensors)
    assert path.stat().st_size < 4 * sum(p.numel() for p in model.trainable().values()) + 20_000
    other, _ = make_model(randomise=False, double=False)
    fill(other, content, path)
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def renamed(tensors):
    tensors["vc.linear.weights"] = tensors.pop("vc.linear.weight")


def dropped(tensors):
    del tensors["vc.linear.bias"]


def reshaped(tensors):
    tensors["vc.linear.weight"] = tensors["vc.linear.weight"].T.contiguous()


@pytest.mark.parametrize(
    ("change", "told"),
    (
        (dropped, "vc.linear.bias is not in the file"),
        (renamed, "vc.linear.weight is not in the file"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "more is not in the model"),
        (reshaped, "vc.linear.weight is [32, 5], the model has [5, 32]"),
    ),
)
def test_a_file_that_does_not_fit_is_one_line(saved, change, told):
    model, path = saved
    content = load_weights(path)
    change(content.tensors)
    with pytest.raises(UserError) as caught:
        fill(model, content, path)
    assert str(caught.value) == f"{path}: does not fit the config: {told}"


@pytest.mark.parametrize("content", (b"", b"text", b"\x08" + bytes(30)))
def test_another_file_is_one_line(content, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not the weights of a run") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_foreign_file_or_a_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no such file; train the run first"):
        load_weights(tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="not the weights of a run"):
        load_weights(tmp_path)
    for header in (None, {"format": "pt"}, {"m2clip": "{"}, {"m2clip": json.dumps({"config": {}})}):
        safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "clip.safetensors", metadata=header)
        with pytest.raises(UserError, match=r"clip.safetensors: not the weights of a run") as caught:
            load_weights(tmp_path / "clip.safetensors")
        assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_file_before_whole(saved):
    model, path = saved
    before = path.read_bytes()
    with full_disk(len(before) // 2), pytest.raises(UserError, match="cannot be written") as caught:
        save_weights(path, model, ABOUT | {"seed": 4})
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_full_disk_leaves_the_checkpoint_before_whole(tmp_path):
    save_state(tmp_path, 2, {"weights": torch.arange(50_000)})
    before = (tmp_path / "00000002.pt").read_bytes()
    for step in (2, 4):
        with full_disk(len(before) // 2), pytest.raises(UserError, match="cannot be written"):
            save_state(tmp_path, step, {"weights": torch.zeros(50_000, dtype=torch.long)})
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("00000002.pt", before)]


def test_where_nothing_can_be_written_is_one_line_and_changes_nothing(saved, monkeypatch):
    model, path = saved
    before = path.read_bytes()

    def read_only(*arguments, **more):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(safetensors.torch, "save_file", read_only)
    with pytest.raises(UserError, match=r"weights.safetensors: cannot be written, .*Read-only file system"):
        save_weights(path, model, ABOUT)
    assert path.read_bytes() == before
