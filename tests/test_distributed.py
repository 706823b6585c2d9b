"""Two processes train as one would, whatever was dropped; parts as a whole; and how a stage is launched."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributed import run

import m2clip
import tiny_runs
from m2clip.data.dataset import TestVideos
from m2clip.data.loading import train_batches
from m2clip.errors import UserError
from m2clip.evaluation.recognition import score
from m2clip.models.factory import pixels_of
from m2clip.models.heads import contrastive_loss
from m2clip.models.method import similarity
from m2clip.parsing import plain
from m2clip.training import launch, loopback

SHORT = {"steps": 5}
CASES = {  # differences of the config, videos that are broken, and the updates after which it is begun again
    "all heads": ({"decoder": {"vc_dropout": 0.5}}, (), ()),
    "resumed": ({"decoder": {"vc_dropout": 0.5}}, (), (5, 1)),
    "in parts": ({"train": {**SHORT, "batch": 8, "accumulate": 2}, "decoder": {"vc_dropout": 0.5}}, (), ()),
    "shares that differ": ({"train": {**SHORT, "batch": 8}, "decoder": {"vc_dropout": 0.5}}, (1, 2, 4), ()),
    "a share that is empty": ({"train": {**SHORT, "batch": 2}}, (3,), ()),
    "no text": ({"train": SHORT, "decoder": {"heads": ["vc"]}}, (), ()),
    "nothing to share": ({"train": {**SHORT, "batch": 3}}, (), ()),
    "no video": ({"train": SHORT}, tuple(range(9)), ()),
    "not finite": ({"train": {"lr": 1e30}}, (), ()),
}
FAILED = {
    "nothing to share": "train.batch: 3 cannot be shared by 2 processes",
    "no video": "no video of a batch can be used",
    "not finite": "step 2: loss is nan",
}
TRAINED = [name for name in CASES if name not in FAILED]
TORCHRUN = [sys.executable, "-m", "m2clip.training.launch", "--standalone", "--nproc-per-node", "2"]


def environment():
    paths = [str(Path(m2clip.__file__).parents[1]), str(Path(__file__).parent)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def cases(backbone, tmp_path_factory):
    """Each case's config and manifest, the same for one process and for several."""
    folder, cases = tmp_path_factory.mktemp("cases"), {}
    whole = tiny_runs.prepare_videos(folder / "data")
    for number, (name, (differences, broken, _)) in enumerate(CASES.items()):
        config = tiny_runs.config_of(backbone, differences)
        (folder / str(number)).mkdir()
        manifest = tiny_runs.prepare_videos(folder / str(number) / "data") if broken else whole
        for index in broken:
            (manifest.folder / f"videos/{index}.mp4").write_bytes(b"not a video")
        cases[name] = (config, manifest, folder / str(number))
    return cases


@pytest.fixture(scope="module")
def ended(cases, tmp_path_factory):
    """What two processes ended each case with."""
    told = [
        {
            "folder": str(folder),
            "data": str(manifest.folder),
            "config": plain(config),
            "updates": CASES[name][2],
        }
        for name, (config, manifest, folder) in cases.items()
    ]
    listed = tmp_path_factory.mktemp("told") / "cases.json"
    listed.write_text(json.dumps(told))
    script = str(Path(__file__).with_name("several_processes.py"))
    subprocess.run([*TORCHRUN, script, str(listed)], env=environment(), check=True, timeout=200)
    found = {
        name: [torch.load(folder / f"{rank}.pt") for rank in (0, 1)] for name, (_, _, folder) in cases.items()
    }
    return found | {"listening": json.loads(listed.with_name("listening.json").read_text())}


@pytest.mark.parametrize("name", TRAINED)
def test_two_processes_give_what_one_gives(name, ended, cases, tmp_path):
    config, manifest, _ = cases[name]
    weights, trained = tiny_runs.run(config, manifest, tmp_path)
    first, second = ended[name]
    assert len(first["history"]) == len(trained.history) == config.train.steps
    for ours, theirs in zip(first["history"], trained.history, strict=True):
        assert ours == pytest.approx(
            theirs, rel=2e-5, abs=2e-6
        )  # losses of all heads, and the gradient's norm
    for key, weight in weights.items():
        torch.testing.assert_close(first["weights"][key], weight, rtol=0, atol=1e-4, msg=key)
    assert tiny_runs.same(first["weights"], second["weights"])
    assert first["history"] == second["history"]
    assert first["dropped"] == second["dropped"] == trained.dropped
    assert set(trained.dropped) == {f"videos/{index}.mp4" for index in CASES[name][1]}


def parts_of(backbone, accumulate, heads, **train):
    """A config whose batches of 8 are computed in parts."""
    differences = {
        "train": {**SHORT, "batch": 8, "accumulate": accumulate, **train},
        "decoder": {"heads": heads, "vc_dropout": 0.5 if "vc" in heads else 0.0},
    }
    return tiny_runs.config_of(backbone, differences)


def test_parts_have_the_gradients_of_the_whole(backbone, cases, tmp_path):
    manifest, heads = cases["shares that differ"][1], ["cmc", "cmlm", "vc"]
    ends = [
        tiny_runs.run(parts_of(backbone, accumulate, heads), manifest, tmp_path / str(accumulate))
        for accumulate in (1, 4)
    ]
    (weights, trained), (others, in_parts) = ends
    for ours, theirs in zip(in_parts.history, trained.history, strict=True):
        assert ours == pytest.approx(theirs, rel=2e-5)
    for key, weight in weights.items():
        torch.testing.assert_close(others[key], weight, rtol=0, atol=1e-4, msg=key)


def test_contrastive_compares_within_a_part(backbone, cases, tmp_path):
    config, manifest = parts_of(backbone, 2, ["contrastive"], steps=1), cases["all heads"][1]
    model, videos = tiny_runs.open_training(config, manifest)
    model.train()
    (batch,) = train_batches(videos, start=0, steps=1, batch=8, workers=0)
    with torch.no_grad():
        features, labels = model.video(batch.videos).joint, model.labels(model.prompts).features
    halves = []
    for rows in (slice(0, 4), slice(4, 8)):
        ids = batch.class_ids[rows]
        halves.append(contrastive_loss(similarity(features[rows], labels[ids], model.temperature), ids))
    _, trained = tiny_runs.run(config, manifest, tmp_path)
    assert trained.history[0]["contrastive"] == pytest.approx(sum(halves).item() / 2, rel=1e-5)


def test_metrics_are_those_of_one_process(ended, cases, tmp_path):
    config, manifest, _ = cases["all heads"]
    alone, _ = tiny_runs.open_training(config, manifest)
    tiny_runs.run(config, manifest, tmp_path, opened=(alone, tiny_runs.open_training(config, manifest)[1]))
    both, _ = tiny_runs.open_training(config, manifest)
    for name, parameter in both.trainable().items():
        parameter.data.copy_(ended["all heads"][0]["weights"][name])
    scores = []
    for model in (alone, both):
        videos = TestVideos(manifest, "test", config.data, pixels_of(model))
        with torch.no_grad():
            scores.append(score(model, videos, model.labels(model.prompts), batch=4, workers=0))
    for head in ("eq11", "vc"):
        np.testing.assert_allclose(scores[0][head], scores[1][head], atol=1e-4)
        assert (scores[0][head].argmax(1) == scores[1][head].argmax(1)).all()


def test_a_resumed_training_of_two_has_the_same_bits_and_only_the_first_has_files(ended):
    for whole, resumed in zip(ended["all heads"], ended["resumed"], strict=True):
        assert tiny_runs.same(whole["weights"], resumed["weights"])
        assert whole["history"] == resumed["history"]
        assert (whole["resumed"], resumed["resumed"]) == (0, 4)
    first, second = ended["resumed"]
    assert first["logged"] == first["history"] and not second["logged"]
    assert first["files"] == ["00000006.pt"] and not second["files"]


@pytest.mark.skipif(sys.platform != "linux", reason="gloo is told of the loopback device on Linux alone")
def test_processes_of_one_machine_listen_on_loopback_alone(ended):
    """Those of torchrun itself would be open on all interfaces, gloo's on the machine's address."""
    assert ended["listening"] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--standalone", "--nproc-per-node", "8"], loopback.NAME),
        (["--nproc-per-node", "8"], loopback.NAME),
        (["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "a:29500"], "c10d"),
        (["--nnodes", "1:4", "--rdzv-backend", "c10d", "--rdzv-endpoint", "a:29500"], "c10d"),
        (["--master-port", "29501"], "static"),
    ],
)
def test_several_machines_and_a_meeting_point_of_ones_own_are_left_to_torchrun(words, name):
    arguments = run.parse_args([*words, "train.py"])
    before = copy.copy(arguments)
    assert loopback.choose(arguments) == (name == loopback.NAME)
    assert arguments.rdzv_backend == name and arguments.nproc_per_node == before.nproc_per_node
    assert name == loopback.NAME or arguments == before


@pytest.mark.parametrize("name", FAILED)
def test_what_stops_a_training_stops_both_with_the_same_line(name, ended):
    first, second = ended[name]
    assert first == second and FAILED[name] in first["error"] and "\n" not in first["error"]


def test_the_first_process_that_fails_is_heard_and_no_other(tmp_path):
    script = tmp_path / "fails.py"
    script.write_text(
        "import os, torch.distributed as dist\n"
        "from m2clip.errors import UserError, guarded\n"
        "from m2clip.training.launch import report_first_error\n"
        "def main():\n"
        "    dist.init_process_group('gloo')\n"
        "    if os.environ['RANK'] == '1':\n"
        "        raise UserError('train.lr: too high')\n"
        "    dist.barrier()\n"
        "guarded(report_first_error(main))\n"
    )
    told = subprocess.run(
        [*TORCHRUN, str(script)], env=environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert told.returncode == 1 and not told.stdout
    assert told.stderr == "error: train.lr: too high\n"


def test_a_stage_becomes_what_the_variable_says(monkeypatch):
    became = []
    monkeypatch.setattr(os, "execvpe", lambda *arguments: became.append(arguments))
    monkeypatch.setattr(sys, "argv", ["train.py", "smoke", "main", "0"])
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.delenv(launch.VARIABLE, raising=False)
    launch.relaunch("m2clip.stages.train")
    assert not became
    monkeypatch.setenv(launch.VARIABLE, "srun torchrun --nnodes 2")
    launch.relaunch("m2clip.stages.train")
    ((file, command, variables),) = became
    ours = ["srun", sys.executable, "-m", "m2clip.training.launch", "--nnodes", "2"]
    assert file == "srun" and command == [*ours, "-m", "m2clip.stages.train", "smoke", "main", "0"]
    assert launch.VARIABLE not in variables
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    launch.relaunch("m2clip.stages.train")
    assert len(became) == 1
    monkeypatch.undo()
    monkeypatch.setenv(launch.VARIABLE, "no-such-command")
    with pytest.raises(UserError, match="M2CLIP_LAUNCH: no-such-command: No such file"):
        launch.relaunch("m2clip.stages.train")
