"""Killed at any moment: a training goes on with the same bits, a saving leaves what was last saved."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import deaths
import pytest
import torch

import m2clip
import test_distributed
import tiny_runs
from m2clip.parsing import plain

STEPS = {"train": {"steps": 12, "checkpoint_every": 2}, "decoder": {"vc_dropout": 0.5}}
SEVERAL = str(Path(__file__).parents[1] / "several_processes.py")
PATHS = [str(Path(m2clip.__file__).parents[1]), *(str(path) for path in Path(__file__).parents[:2])]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def config(backbone, tmp_path_factory):
    return tiny_runs.config_of(backbone, STEPS)


@pytest.fixture(scope="module")
def whole(config, manifest, tmp_path_factory):
    return tiny_runs.run(config, manifest, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def do(tmp_path, manifest, config):
    """What the script tells, of a process that inherits nothing from pytest."""
    (tmp_path / "config.json").write_text(json.dumps(plain(config)))

    def run(*words):
        told = subprocess.run(
            [sys.executable, deaths.__file__, tmp_path, manifest.folder, tmp_path / "config.json", *words],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)},
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(told.stdout)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("count", [200])
def test_a_training_killed_at_random_ends_with_the_same_bits(do, whole, tmp_path, record_property, count):
    told = do("kill", str(count))
    record_property("tries", told["kills"])
    ends = list(tmp_path.glob("*/end.pt"))
    assert len(ends) == told["trainings"] and told["kills"] >= count
    for path in ends:
        end = torch.load(path)
        assert tiny_runs.same(end["weights"], whole[0])
        assert end["history"] == whole[1].history and end["dropped"] == whole[1].dropped


@pytest.mark.slow
def test_a_training_that_forgets_one_thing_is_noticed(do, whole, tmp_path, record_property):
    """The control: the comparison above can fail."""
    do("forget")
    record_property("tries", len(deaths.FORGOTTEN))
    for name in deaths.FORGOTTEN:
        end = torch.load(tmp_path / name / "end.pt")
        same = tiny_runs.same(end["weights"], whole[0]) and end["history"] == whole[1].history
        assert not same, name


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [0, 1])
def test_where_one_of_two_processes_is_killed_both_end_or_begin_again(
    config, manifest, tmp_path, record_property, restarts
):
    """Begun again, they end with the bits of two that were left alone; else one line says who was killed."""
    told, same = {}, {"data": str(manifest.folder), "config": plain(config), "updates": ()}
    for name, more in {"killed": {"killed": 5}, **({"whole": {}} if restarts else {})}.items():
        listed = tmp_path / name / "cases.json"
        listed.parent.mkdir()
        listed.write_text(json.dumps([same | {"folder": str(listed.parent)} | more]))
        told[name] = subprocess.run(
            [*test_distributed.TORCHRUN, "--max-restarts", str(restarts), SEVERAL, str(listed)],
            env=test_distributed.environment(), capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
    said = told["killed"].stderr
    assert "Traceback" not in said, said
    if not restarts:
        assert told["killed"].returncode == 1
        assert said.splitlines()[-1] == "error: process 1 was ended by signal 9"
        return
    assert [each.returncode for each in told.values()] == [0, 0] and "resumed at step" in said, said
    for rank in (0, 1):
        again, whole = (torch.load(tmp_path / name / f"{rank}.pt") for name in told)
        assert tiny_runs.same(whole["weights"], again["weights"]) and whole["history"] == again["history"]
        assert whole["resumed"] == 0 and again["resumed"] in (4, 6)


@pytest.mark.parametrize("count", [10, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_saving_killed_at_random_leaves_the_last_finished_checkpoint(do, record_property, count):
    record_property("tries", count)
    told = do("save", str(count))
    assert told.pop("finished") > 0
    assert told == {"kills": count, "lost": [], "left": ["10000000.pt"]}


TRAIN = """
import json, sys
from pathlib import Path
import tiny_runs
from m2clip.config import Run
from m2clip.data import manifest
from m2clip.errors import guarded
from m2clip.parsing import build
config = build(Run, json.loads(Path(sys.argv[2]).read_text()))
data = manifest.read(Path(sys.argv[1]))
log = lambda step, values: print(step, flush=True)
guarded(lambda: tiny_runs.run(config, data, Path(sys.argv[3]), log=log))
"""


def at_step_3(config, manifest, folder, workers):
    """A long training in a session of its own, three steps of which are done; it saves nothing by itself."""
    content = plain(config)
    content["train"] |= {"steps": 100_000, "checkpoint_every": 100_000, "workers": workers}
    (folder / "config.json").write_text(json.dumps(content))
    training = subprocess.Popen(
        [sys.executable, "-c", TRAIN, manifest.folder, folder / "config.json", folder / "checkpoints"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while training.stdout.readline() != "3\n":
        assert training.poll() is None
    return training


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGTERM, 2),
        pytest.param(signal.SIGTERM, 0, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 0, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_training_with_a_checkpoint_of_its_last_step(
    config, manifest, tmp_path, number, workers
):
    """The signal goes to the workers that decode, too, as Ctrl-C does."""
    training = at_step_3(config, manifest, tmp_path, workers)
    os.killpg(training.pid, number)
    steps, said = training.communicate(timeout=60)
    assert training.returncode == 130 and "Traceback" not in said, said
    assert said.rstrip().endswith("stopped; run the same command again to go on")
    (saved,) = (tmp_path / "checkpoints").iterdir()
    assert int(saved.stem) == int(steps.split()[-1] if steps else 3)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_one_line(config, manifest, tmp_path):
    training = at_step_3(config, manifest, tmp_path, workers=1)
    children = Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text().split()
    time.sleep(0.1)
    for child in children:
        if b"python" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGKILL)
    _, said = training.communicate(timeout=120)
    line = said.strip().splitlines()[-1]
    assert training.returncode == 1 and "Traceback" not in said, said
    assert line.startswith("error: a process that decodes hung or died (") and "videos/" in line
