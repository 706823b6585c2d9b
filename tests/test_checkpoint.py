"""A killed training goes on with the same bits, whatever it left; and what a finished one leaves."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import m2clip
import tiny_runs
from m2clip import shortcuts
from m2clip.parsing import plain
from m2clip.stages.train import _decides
from m2clip.training.checkpoint import (
    checkpoint_folder,
    load_state,
    save_state,
)

DROPOUT = {"decoder": {"vc_dropout": 0.5}}
DEATHS = {  # of one training after another, each life going on where the one before was ended
    "an update": ({}, [["update", 1], ["update", 4], ["update", 1], ["update", 3]]),
    "an update, with dropout": (DROPOUT, [["update", 3], ["update", 2]]),
    "writing a checkpoint": ({}, [["writing", 1], ["writing", 2], ["writing", 1]]),
    "before the new one is there": (DROPOUT, [["renaming", 1], ["renaming", 2]]),
    "before the old one is gone": ({}, [["removing", 1], ["removing", 1]]),
    "any moment": (DROPOUT, [["milliseconds", 1], ["milliseconds", 50], ["milliseconds", 130]]),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def configs(backbone):
    return {bool(differences): tiny_runs.config_of(backbone, differences) for differences in ({}, DROPOUT)}


@pytest.fixture(scope="module")
def whole(configs, manifest, tmp_path_factory):
    """Trainings that nothing stopped, without and with dropout."""
    folder = tmp_path_factory.mktemp("whole")
    return {key: tiny_runs.run(config, manifest, folder / str(key)) for key, config in configs.items()}


@pytest.fixture(scope="module")
def killed(configs, manifest, tmp_path_factory):
    """What SIGKILL left of each case: how its lives ended, and its folder."""
    folder = tmp_path_factory.mktemp("killed")
    cases = {}
    for number, (name, (differences, deaths)) in enumerate(DEATHS.items()):
        place = folder / str(number)
        place.mkdir()
        config = plain(configs[bool(differences)])
        cases[name] = {"folder": str(place), "data": str(manifest.folder), "config": config, "deaths": deaths}
    (folder / "cases.json").write_text(json.dumps(cases))
    paths = [str(Path(m2clip.__file__).parents[1]), str(Path(__file__).parent)]
    told = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_training.py")), str(folder / "cases.json")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    ended = json.loads(told.stdout)
    return {name: (ended[name], Path(case["folder"])) for name, case in cases.items()}


@pytest.mark.parametrize("name", DEATHS)
def test_a_killed_training_goes_on_with_the_same_bits(name, killed, whole):
    ended, folder = killed[name]
    differences, deaths = DEATHS[name]
    assert ended[-1] == 0
    if name != "any moment":  # which may come after the end
        assert ended[:-1] == [signal.SIGKILL] * len(deaths)
    weights, trained = whole[bool(differences)]
    end = torch.load(folder / "end.pt")
    assert tiny_runs.same(end["weights"], weights)
    assert end["history"] == trained.history and end["dropped"] == trained.dropped


def test_a_resumed_training_logs_every_step_once(configs, manifest, whole, tmp_path, capfd):
    tiny_runs.run_until(5, configs[False], manifest, tmp_path)
    log = []
    tiny_runs.run(
        configs[False], manifest, tmp_path, log=lambda step, values: log.append({"step": step, **values})
    )
    assert log == whole[False][1].history and "resumed at step 4" in capfd.readouterr().err


def flip(path):
    """One bit of one of its numbers, which no reader of tensors notices by itself."""
    content = bytearray(path.read_bytes())
    tensors = torch.load(path, weights_only=True)["optimizer"]["state"]
    number = max((state["exp_avg"] for state in tensors.values()), key=torch.numel).flatten()[7]
    place = content.index(number.numpy().tobytes())
    content[place] ^= 16
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "text": lambda path: path.write_text("no checkpoint"),
    "flipped": flip,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("older", (True, False))
def test_a_damaged_checkpoint_is_not_gone_on_with(
    damage, older, configs, manifest, whole, tmp_path, capfd, monkeypatch
):
    if older:
        monkeypatch.setattr(Path, "unlink", lambda path, **more: None)
    tiny_runs.run_until(5, configs[False], manifest, tmp_path)
    monkeypatch.undo()
    assert sorted(path.stem for path in tmp_path.iterdir()) == (["00000002"] if older else []) + ["00000004"]
    DAMAGES[damage](tmp_path / "00000004.pt")
    capfd.readouterr()
    tiny_runs.run_until(3, configs[False], manifest, tmp_path)
    assert ("resumed at step 2" in capfd.readouterr().err) == older
    weights, trained = tiny_runs.run(configs[False], manifest, tmp_path)
    assert "resumed at step 2" in capfd.readouterr().err  # what was saved beside the damaged one is not lost
    assert tiny_runs.same(weights, whole[False][0]) and trained == whole[False][1]


def test_only_the_newest_checkpoint_is_kept(tmp_path):
    assert load_state(tmp_path / "none") is None
    for step in (2, 10, 9):
        save_state(tmp_path, step, {"a": torch.tensor(step)})
    (tmp_path / ".00000011.pt.part").write_bytes(b"half")
    (tmp_path / "notes.pt").write_bytes(b"mine")
    step, state = load_state(tmp_path)
    assert (step, state) == (9, {"a": torch.tensor(9)})


def test_what_decides_the_bits_decides_the_folder(tmp_path, monkeypatch):
    content = {"train": {"lr": 0.1}, "inputs": {"videos": "abc", "code": "c"}}

    def folder(config=content, seed=0, device="cpu"):
        return checkpoint_folder(tmp_path, _decides(config, seed, device))

    here = folder()
    assert here == folder() and tmp_path in here.parents
    changed = {
        folder({**content, "train": {"lr": 0.2}}),
        folder({**content, "inputs": {"videos": "abd", "code": "c"}}),
        folder({**content, "inputs": {"videos": "abc", "code": "d"}}),
        folder(seed=1),
        folder(device="cuda"),
    }
    assert len(changed) == 5 and here not in changed
    with shortcuts.all_off():  # prompts are longer then, which rounds otherwise
        assert folder() not in {here, *changed}
    assert folder() == here
    monkeypatch.setattr("m2clip.stages.train.version", lambda package: "0")
    assert folder() != here
