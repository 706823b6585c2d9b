"""Checkpoints of strangers: opened right, or refused in one line. Nothing in them is executed."""

import copy
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml

import tiny_runs
from m2clip.errors import UserError
from m2clip.evaluation.checkpoint import open_checkpoint, write_checkpoint
from m2clip.models.weights_io import load_weights

GONE = object()
WRONG = {"gone": GONE, "null": None, "number": 7, "text": "x", "list": [], "nested": [[]], "true": True}
PLACES = (
    "config",
    "config.inputs",
    "config.inputs.backbone",
    "config.backbone",
    "config.method",
    "config.data",
    "config.train",
    "config.options",
    "labels",
    "seed",
    "differences",
)
# What a stranger may leave out, since it has a default; and a seed decides nothing but the training's draws.
HARMLESS = {f"config.{key} gone" for key in ("method", "data", "train", "options")} | {"seed number"}
HARMLESS |= {"differences list"}
VALUES = {
    "a million frames": ("config.data.frames", 10**6, "frames"),
    "a billion parameters": ("config.options.adapters.text.width", 10**9, "unknown key"),
    "a bottleneck beyond all": ("config.options.adapters.visual.reduction", 1e-9, "unknown key"),
    "no temperature": ("config.backbone.temperature", 0, "above 0"),
    "a seed beyond all": ("seed", 10**30, "seed"),
    "a seed below 0": ("seed", -1, "seed"),
    "a label of two lines": ("labels", ["a\nb", "c", "d"], "a line break"),
    "a label with an escape": ("labels", ["\x1b[31m", "c", "d"], "a control character"),
    "a label twice": ("labels", ["a", "a", "b"], "comes twice"),
    "too many labels": ("labels", [str(number) for number in range(100_001)], "labels"),
    "more labels": ("labels", ["a", "b", "c", "d"], "these are not the labels"),
    "an endless file of sentences": ("config.data.sentences", "/dev/zero", "no regular file"),
    "sentences that are no mapping": ("config.data.sentences", "/etc/passwd", "sentences"),
    "a model config elsewhere": ("config.backbone.config", "/etc/passwd", "backbone"),
    "endless weights": ("config.backbone.pretrained", "/dev/zero", "neither at"),
    "a model that is a path": ("config.backbone.name", "../../x", "backbone"),
    "a method that is a path": ("config.method", "../../x", "no method"),
}


@pytest.fixture(scope="module")
def whole(backbone, make_model, tmp_path_factory):
    """A checkpoint with its backbone in it."""
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny_runs.save_run(folder / "run.safetensors", make_model, backbone, {})
    write_checkpoint(folder / "whole", load_weights(folder / "run.safetensors"), "card")
    return folder / "whole"


@pytest.fixture
def mine(whole, tmp_path):
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(whole, tmp_path / "mine"))


def rewritten(folder, change=lambda about: None, spoil=lambda tensors: None):
    """The checkpoint with other content in its header and its config.yaml, or with other tensors."""
    saved = load_weights(folder / "weights.safetensors")
    about, tensors = copy.deepcopy(saved.about), dict(saved.tensors)
    change(about), spoil(tensors)
    header = {"m2clip": json.dumps(about)}
    safetensors.torch.save_file(tensors, folder / "weights.safetensors", metadata=header)
    if "config" in about:
        (folder / "config.yaml").write_text(yaml.safe_dump(about["config"], sort_keys=False))


def put(place, value):
    """A change that puts a value where a dotted key says, or takes the key out."""

    def change(about):
        *path, last = place.split(".")
        for key in path:
            about = about[key]
        if value is GONE:
            del about[last]
        else:
            about[last] = value

    return change


def refusal(folder):
    with pytest.raises(UserError) as caught:
        open_checkpoint(folder, "cpu")
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and len(message) < 900, message
    return message


def test_the_whole_one_is_opened(whole):
    assert open_checkpoint(whole, "cpu").labels == tiny_runs.LABELS


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("place", PLACES)
def test_a_header_of_the_wrong_form_is_one_line(mine, place, what):
    rewritten(mine, put(place, WRONG[what]))
    if f"{place} {what}" in HARMLESS:
        open_checkpoint(mine, "cpu")
    else:
        refusal(mine)


@pytest.mark.parametrize(("place", "value", "said"), VALUES.values(), ids=VALUES)
def test_a_value_that_cannot_be_is_one_line(mine, place, value, said):
    rewritten(mine, put(place, value))
    assert said in refusal(mine)


TENSORS = {
    "no number": (lambda t: first(t).fill_(float("nan")), "no finite numbers"),
    "without end": (lambda t: first(t)[..., :1].fill_(float("inf")), "no finite numbers"),
    "whole numbers": (lambda t: t.update({name(t): first(t).long()}), "is of torch.int64"),
    "complex": (lambda t: t.update({name(t): first(t).to(torch.complex64)}), "is of torch.complex64"),
    "missing": (lambda t: t.pop(name(t)), "is not in the file"),
    "too many": (lambda t: t.update(more=torch.zeros(2)), "more is not in the model"),
    "of another shape": (lambda t: t.update({name(t): torch.zeros(2, 7)}), "is [2, 7], the model has"),
}


def name(tensors):
    return sorted(tensors)[0]


def first(tensors):
    return tensors[name(tensors)]


@pytest.mark.parametrize(("spoil", "said"), TENSORS.values(), ids=TENSORS)
def test_tensors_that_cannot_be_are_one_line(mine, spoil, said):
    rewritten(mine, spoil=spoil)
    assert said in refusal(mine)


def replaced(make):
    def do(path):
        path.unlink()
        make(path)

    return do


FILES = ("weights.safetensors", "config.yaml", "labels.txt", "tiny.json", "tiny.safetensors")
SPOILT = {
    "a pipe": replaced(os.mkfifo),
    "endless": replaced(lambda path: path.symlink_to("/dev/zero")),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 2),
    "missing": replaced(lambda path: None),
    "a folder": replaced(Path.mkdir),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_none_is_one_line(mine, file, how):
    SPOILT[how](mine / file)
    refusal(mine)


HEADERS = {
    "deep": "[" * 100_000,
    "a key twice": '{"seed": 1, "seed": 2}',
    "a list": "[1]",
    "half": '{"config": ',
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_is_no_header_is_one_line(mine, header):
    tensors = load_weights(mine / "weights.safetensors").tensors
    told = {"m2clip": HEADERS[header]}
    safetensors.torch.save_file(tensors, mine / "weights.safetensors", metadata=told)
    assert "not the weights of a run" in refusal(mine)


class Command:
    """What a pickle does when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", [pickle.dump, torch.save], ids=["pickle", "torch"])
@pytest.mark.parametrize("file", ["weights.safetensors", "tiny.safetensors"])
def test_nothing_is_unpickled(mine, tmp_path, file, how):
    with (mine / file).open("wb") as opened:
        how(Command(tmp_path / "executed"), opened)
    refusal(mine)
    assert not (tmp_path / "executed").exists()


def test_a_model_config_is_not_larger_than_its_weights(mine):
    """Before memory is taken for it: these would be 150 GB."""
    from m2clip.backbones import digest
    from m2clip.config import Backbone

    config = json.loads((mine / "tiny.json").read_text())
    config["text_cfg"]["vocab_size"] = 10**9
    (mine / "tiny.json").write_text(json.dumps(config))
    here = Backbone(name="tiny", config=str(mine / "tiny.json"), pretrained=str(mine / "tiny.safetensors"))
    rewritten(mine, put("config.inputs.backbone", digest(here)))
    assert "bytes cannot hold its" in refusal(mine)


def test_weights_of_a_backbone_that_are_no_numbers_are_one_line(mine):
    from m2clip.backbones import digest
    from m2clip.config import Backbone

    tensors = safetensors.torch.load_file(mine / "tiny.safetensors")
    tensors["visual.proj"][0, 0] = float("nan")
    safetensors.torch.save_file(tensors, mine / "tiny.safetensors")
    here = Backbone(name="tiny", config=str(mine / "tiny.json"), pretrained=str(mine / "tiny.safetensors"))
    rewritten(mine, put("config.inputs.backbone", digest(here)))
    assert "visual.proj has values that are no finite numbers" in refusal(mine)
