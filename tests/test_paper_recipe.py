"""The profile `paper` fits what it is run on: GPUs, their memory, and datasets that are not there."""

import os
import re
import threading
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest
import yaml

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.report import published
from m2clip.runs import RunKey
from m2clip.stages import pipelines, repro

# In bf16, by benchmarks/memory.py: GB of a frame with adapters at one site, as with ST-Adapter at both, and
# with TED-Adapters at both; a GPU has 80.
FRAME, FRAME_OF_BOTH, MOST = 0.41 / 8, 0.53 / 8, 60
SSV2 = "  ssv2: {format: ssv2, splits: [train, validation], names: []}"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The real declarations, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    (tmp_path / "dvc.yaml").write_text((made.ROOT / "dvc.yaml").read_text())
    return tmp_path


def trained():
    profile = profiles.read("paper")
    configs = {row: experiment.resolve(row, profile) for row in experiment.rows()}
    return {row: config for row, config in configs.items() if config.train.steps}


def test_every_row_fits_a_gpu_by_the_estimate_and_eight_gpus_can_share_it():
    for row, config in trained().items():
        of_part, rest = divmod(config.train.batch, config.train.accumulate)
        two_at_both = config.method == "m2clip" and config.options.adapters.visual.site == "both"
        one = FRAME_OF_BOTH if two_at_both else FRAME
        assert of_part * config.data.frames * one < MOST and config.train.precision == "bf16", row
        for gpus in (1, 2, 4, 8):
            assert not rest and of_part % gpus == 0, (row, gpus)


def test_parts_of_a_batch_hide_no_number_of_the_paper():
    profile = profiles.read("paper")
    for row, name, frames in (("frames-32", "table1_k400", "32"), ("ssv2-32", "table2_ssv2", "32")):
        config = experiment.resolve(row, profile)
        assert config.train.accumulate > 1
        assert published.read(name).line(row, config, profile).cells["frames"] == frames


def test_decoding_processes_are_no_more_than_the_guide_says():
    most = re.search(r"8 GPUs at most (\d+)", (made.ROOT / "docs/paper.md").read_text())
    assert profiles.read("paper").train["workers"] <= int(most[1])


def test_every_command_of_the_guide_is_of_the_profile_paper():
    lines = (made.ROOT / "docs/paper.md").read_text().splitlines()
    run = [line for line in lines if re.search(r"(dvc repro|make repro|dvc exp run)", line)]
    named = re.compile(r"PROFILE=paper|pipelines/paper/dvc.yaml|profile=paper")
    assert len(run) > 6
    assert all(named.search(line) for line in run), run


AGAIN = {"released-flip", "released-scale", "released-text-lr"}  # what the profile does anyway


def trained_rows(profile="paper"):
    """The rows that are stages of the profile's pipeline, as it is written."""
    pipelines.write(profiles.read(profile))
    return yaml.safe_load(Path(f"pipelines/{profile}/rows.yaml").read_text())["rows"]


def test_a_row_that_the_profile_makes_equal_to_main_is_not_trained_again(root):
    assert trained_rows() == [row for row in experiment.rows() if row not in AGAIN]
    made.edit("experiments/profiles/paper.yaml", lambda content: content["data"].update(flip=False))
    assert trained_rows() == [row for row in experiment.rows() if row not in AGAIN - {"released-flip"}]
    made.edit("params.yaml", lambda content: content["data"].update(flip=True))
    assert "released-flip" in trained_rows(), "an explored main takes the place of none"
    Path(profiles.read("standard").backbone["pretrained"]).touch()
    assert trained_rows("standard") == list(experiment.rows())


def test_rows_of_a_dataset_that_is_left_out_are_no_stages(root):
    path = root / "experiments/profiles/paper.yaml"
    text = path.read_text()
    assert SSV2 in text
    path.write_text(text.replace(SSV2, "  ssv2: null"))
    there = [name for name, row in experiment.declared().items() if row.dataset != "ssv2"]
    assert trained_rows() == [row for row in there if row not in AGAIN]
    made.edit("params.yaml", lambda content: content["data"].update(dataset="ssv2"))
    with pytest.raises(UserError, match=r"paper.yaml: leaves ssv2 out, which `main` is trained on"):
        pipelines.write(profiles.read("paper"))


def driver(monkeypatch, folder, *gpus, named=None):
    """A machine with so many GPUs, by a driver's tool that says so, and CUDA_VISIBLE_DEVICES."""
    tool = folder / "bin" / "nvidia-smi"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text("#!/bin/sh\n" + ("".join(f"echo {gpu}\n" for gpu in gpus) or "echo failed\nexit 9\n"))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)


@pytest.mark.parametrize(
    "gpus, named, found",
    (
        (("GPU-a", "GPU-b"), None, ("GPU-a", "GPU-b")),
        (("GPU-a", "GPU-b"), "1, 0", ("1", "0")),
        (("GPU-a", "GPU-b"), "", ()),
        (("GPU-a", "GPU-b"), "1,-1,0", ("1",)),
        ((), None, ()),
    ),
)
def test_gpus_are_those_that_cuda_would_see(root, monkeypatch, gpus, named, found):
    driver(monkeypatch, root, *gpus, named=named)
    assert repro._gpus() == found


@pytest.fixture
def runs(monkeypatch):
    """`repro` as it is called, with DVC's part taken down: each run's GPU, and how many shared it."""
    seen = SimpleNamespace(of_run={}, most={}, at_once=0, expected=0)
    now, lock, full = [], threading.Lock(), threading.Event()
    monkeypatch.setattr(repro.pipelines, "write", lambda base, asked: None)
    eight = [RunKey("paper", f"row{i}", 0) for i in range(8)]
    monkeypatch.setattr(repro, "_changed", lambda profile: {"train@row0-0"})
    monkeypatch.setattr(repro, "_waiting", lambda base, names, changed: eight)
    monkeypatch.setattr(repro.warm, "POSSIBLE", False)  # nothing is trained; tests/test_warm.py has its forks

    def dvc(command, *, env, **_):
        if not any("train@" in word for word in command):
            return CompletedProcess(command, 0)  # what resolves and renders
        gpu = env.get("CUDA_VISIBLE_DEVICES")
        with lock:
            now.append(gpu)
            seen.of_run[command[-1]] = gpu
            seen.most[gpu] = max(seen.most.get(gpu, 0), now.count(gpu))
            seen.at_once = max(seen.at_once, len(now))
            full.set() if len(now) == seen.expected else None
        full.wait(5)  # so many run at once, however slow the machine
        threading.Event().wait(0.05)
        with lock:
            now.remove(gpu)
        return CompletedProcess(command, 0)

    def start(expected, *arguments):
        seen.expected = expected
        monkeypatch.setattr("sys.argv", ["repro", *arguments])
        monkeypatch.setattr(repro, "ENVIRONMENT", dict(os.environ))
        plain = repro._gpus()
        monkeypatch.setattr(repro, "_gpus", lambda: plain)
        monkeypatch.setattr(repro.subprocess, "run", dvc)
        repro.main()
        return seen

    return start


def test_each_run_has_a_gpu_of_its_own(root, monkeypatch, runs):
    driver(monkeypatch, root, "GPU-a", "GPU-b")
    monkeypatch.setattr(repro.paths, "cores", lambda: 6)
    monkeypatch.delenv("M2CLIP_LAUNCH", raising=False)
    seen = runs(2, "paper")
    assert seen.most == {"GPU-a": 1, "GPU-b": 1} and seen.at_once == 2 and len(seen.of_run) == 8
    assert (root / ".work/logs/paper/row0-0.log").exists(), "another profile's run of a row has its own"


@pytest.mark.parametrize(
    "gpus, launch, arguments, most",
    (
        ((), None, (), {None: 6}),
        (("GPU-a",), None, ("3",), {"GPU-a": 3}),
        (("GPU-a", "GPU-b"), "torchrun", (), {None: 1}),
    ),
)
def test_without_gpus_as_many_as_cores_and_one_that_takes_all(
    root, monkeypatch, runs, gpus, launch, arguments, most
):
    driver(monkeypatch, root, *gpus)
    monkeypatch.setattr(repro.paths, "cores", lambda: 6)
    monkeypatch.delenv("M2CLIP_LAUNCH", raising=False)
    if launch:
        monkeypatch.setenv("M2CLIP_LAUNCH", launch)
    assert runs(sum(most.values()), "paper", *arguments).most == most
    assert "torch" not in vars(repro) and Path("params.yaml").exists()
