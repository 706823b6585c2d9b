"""MLflow mirrors the files: live and from them, with nothing twice, and training never fails with it.

One store, made once by two processes at the same time; each test has a profile, so an experiment, of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from m2clip import runs
from m2clip.config import Data, Run, Train
from m2clip.errors import UserError
from m2clip.parsing import plain
from m2clip.runs import RunKey
from m2clip.tracking.live import live
from m2clip.tracking.mirror import finish, sync
from m2clip.tracking.store import Store, location

CONFIG = Run(data=Data(dataset="k400"), train=Train(steps=60, lr=0.001))
METRICS = {
    "supervised": {"dataset": "k400", "top1": 81.25, "top5": 97.0, "top1_by_head": {"vc": 81.25}},
    "zero_shot": {"ucf101": {"top1": 40.5, "splits": {"test1": {"top1": 40.5, "videos": 8}}}},
}
TRAIN = """
import os, sys
from m2clip.runs import RunKey
from m2clip.tracking.live import live
import m2clip.tracking.live as module
module.SECONDS, module.SHARE = 0.0, 1e9
with live(RunKey("killed", "main", 0), {"method": "m2clip"}) as run:
    for step in (10, 20, 30):
        run.log(step, {"loss": 1 / step})
    os._exit(9)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A repository root whose empty store two processes have just opened at the same time."""
    root = tmp_path_factory.mktemp("repository")
    script = "from m2clip.tracking.store import Store; print(Store('race').experiment)"
    environment = clean(DVC_ROOT=str(root))
    starts = [
        subprocess.Popen([sys.executable, "-c", script], cwd=root, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert len({start.communicate(timeout=300)[0] for start in starts}) == 1
    assert [start.returncode for start in starts] == [0, 0]
    return root


def clean(**values):
    """The environment without what a user's shell or a DVC stage would bring."""
    dropped = ("MLFLOW_", "DVC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    source = str(Path(runs.__file__).parents[1])
    return kept | {"PYTHONPATH": source} | values


@pytest.fixture
def here(store, tmp_path, monkeypatch):
    """A working folder of its own, as `dvc exp run --temp` has, and the shared store."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_ROOT", str(store))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(key, config=CONFIG, steps=range(10, 70, 10), scale=1.0, metrics=METRICS):
    """The files of a run as the stages leave them."""
    key.folder.mkdir(parents=True, exist_ok=True)
    key.train_config.parent.mkdir(parents=True, exist_ok=True)
    key.train_config.write_text(yaml.safe_dump(plain(config)))
    key.evaluate_config.write_text(yaml.safe_dump({"evaluate": plain(config.evaluate)}))
    lines = [f"{step},1,0.001,{scale / step:.6g},{scale / step:.6g},,0.5" for step in steps]
    key.history.write_text("\n".join(["step,epoch,lr,loss,contrastive,cmc,gradient_norm", *lines]) + "\n")
    provenance = {"commit": "abc", "dirty": False, "started": "2025-01-02T03:04:05+00:00", "seconds": 60}
    key.provenance.write_text(json.dumps(provenance))
    if metrics:
        key.metrics.write_text(json.dumps(metrics))
        key.confusion.write_text("label,a,b\na,3,1\nb,0,4\n")


def stored(key):
    """The MLflow runs of a key, and the steps of the curve of the first."""
    store = Store(key.profile)
    found = store.runs(key)
    history = store.client.get_metric_history(found[0].info.run_id, "train/loss")
    return found, [point.step for point in history]


def log(run, steps, scale=1.0):
    for step in steps:
        run.log(step, {"loss": scale / step, "contrastive": scale / step, "lr": 0.001})


def test_importing_tracking_does_not_import_mlflow():
    script = "import sys, m2clip.tracking.mirror, m2clip.tracking.live; assert 'mlflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, env=clean())


def test_sync_twice_adds_nothing_and_says_so(here):
    key = RunKey("twice", "main", 0)
    write(key)
    write(RunKey("twice", "later", 0), metrics=None)
    first, second = sync("twice", {"main": ["1", "2"]}), sync("twice", {"main": ["1", "2"]})
    assert (first.new, first.completed, first.unchanged) == (1, 0, 0)
    assert (second.new, second.completed, second.unchanged) == (0, 0, 1)
    assert "later/0: not evaluated yet" in str(second)
    found, steps = stored(key)
    assert len(found) == 1 and steps == [10, 20, 30, 40, 50, 60]
    run = found[0]
    assert run.info.status == "FINISHED" and run.info.end_time - run.info.start_time == 60_000
    assert run.data.params["data.dataset"] == "k400" and run.data.params["train.lr"] == "0.001"
    assert json.loads(run.data.params["decoder.heads"]) == list(CONFIG.decoder.heads)
    assert run.data.params["evaluate.crops"] == "1"
    wanted = {"row": "main", "seed": "0", "profile": "twice", "dataset": "k400", "method": "m2clip"}
    wanted |= {"commit": "abc", "dirty": "false", "tables": "1, 2", "run_key": "twice/main/0"}
    assert wanted.items() <= run.data.tags.items()
    assert run.data.metrics["supervised/top1"] == 81.25 and "train/cmc" not in run.data.metrics
    files = {file.path for file in Store("twice").client.list_artifacts(run.info.run_id)}
    assert files == {
        "main.train.yaml",
        "main.evaluate.yaml",
        "metrics.json",
        "provenance.json",
        "confusion.csv",
    }


def test_live_then_sync_adds_nothing(here, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "brave-run")
    key = RunKey("live", "main", 0)
    with live(key, CONFIG, {"commit": "abc", "tables": "1"}) as run:
        log(run, range(10, 70, 10))
    assert stored(key)[0][0].info.status == "SCHEDULED"
    write(key)
    finish(key)
    assert sync("live").unchanged == 1
    found, steps = stored(key)
    assert len(found) == 1 and steps == [10, 20, 30, 40, 50, 60]
    assert found[0].info.status == "FINISHED" and found[0].data.tags["dvc_exp"] == "brave-run"
    assert found[0].data.metrics.keys() >= {"train/loss", "train/contrastive", "zero_shot/ucf101/top1"}
    assert found[0].data.params["adapters.text.layers"] == "1"


def test_killed_and_resumed_run_has_every_step_once(here):
    key = RunKey("killed", "main", 0)
    environment = clean(DVC_ROOT=os.environ["DVC_ROOT"])
    assert subprocess.run([sys.executable, "-c", TRAIN], check=False, env=environment).returncode == 9
    found, steps = stored(key)
    assert steps == [10, 20, 30] and found[0].info.status == "RUNNING"
    with live(key, {"method": "m2clip"}) as run:  # the checkpoint was at step 20
        log(run, [30, 40, 50, 60])
    found, steps = stored(key)
    assert len(found) == 1 and steps == [10, 20, 30, 40, 50, 60]


def test_a_stale_run_is_closed_and_lost_steps_are_added_by_sync(here):
    key = RunKey("stale", "main", 0)
    run = live(key, CONFIG).__enter__()  # killed: never leaves
    log(run, [10, 20])
    run._write()
    write(key)
    assert sync("stale").completed == 1 and sync("stale").unchanged == 1
    found, steps = stored(key)
    assert len(found) == 1 and sorted(steps) == [10, 20, 30, 40, 50, 60]
    assert found[0].info.status == "FINISHED"


def test_another_config_is_another_run_and_another_result_replaces(here):
    key = RunKey("changed", "main", 0)
    write(key)
    sync("changed")
    write(key, config=Run(train=Train(steps=60, lr=0.01)))
    assert sync("changed").new == 1 and len(stored(key)[0]) == 2
    write(key, config=Run(train=Train(steps=60, lr=0.01)), scale=2.0)  # other code, same config
    assert sync("changed").new == 1 and sync("changed").unchanged == 1
    assert len(stored(key)[0]) == 2
    with live(key, Run(train=Train(steps=60, lr=0.01))) as run:  # and once more, live, from step 30 on
        log(run, [10, 20], 2.0)
        log(run, [30, 40, 50, 60], 3.0)
    found, _ = stored(key)
    newest = next(run for run in found if run.data.params["train.lr"] == "0.01")
    curve = Store("changed").curve(newest, "train/loss")
    assert len(found) == 2 and list(curve) == [10, 20, 30, 40, 50, 60]
    assert curve[20] == pytest.approx(2 / 20) and curve[30] == pytest.approx(3 / 30)


def test_another_process_at_the_same_run_leaves_it_alone(here, capsys):
    key = RunKey("two", "main", 0)
    run = live(key, CONFIG).__enter__()
    run._store.write(run._run, tags={"process": f"{os.uname().nodename}:{os.getppid()}"})
    with live(key, CONFIG) as other:
        log(other, [10])
    assert "another process" in capsys.readouterr().err
    assert stored(key)[1] == []


def test_a_training_that_fails_is_told_so_and_its_error_passes_through(here):
    key = RunKey("fails", "main", 0)
    with pytest.raises(ZeroDivisionError), live(key, CONFIG) as run:
        run.log(10, {"loss": float("nan"), "cmlm": None})
        run.log(20, {"loss": 1 / 0})
    found, steps = stored(key)
    assert found[0].info.status == "FAILED" and steps == [10]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:////dev/null/no.db"])
def test_without_mlflow_training_goes_on_with_one_warning(here, capsys, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    key = RunKey("down", "main", 0)
    with live(key, CONFIG) as run:
        log(run, range(10, 70, 10))
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning:")]
    assert len(warnings) == 1 and "sync adds it" in warnings[0] and "down/main/0" in warnings[0]
    write(key)
    finish(key)
    assert "is not completed in MLflow" in capsys.readouterr().err
    with pytest.raises(UserError, match="MLflow store"):
        sync("down")


def test_the_store_follows_dvc_root_then_the_repository(here, monkeypatch):
    assert location() == f"sqlite:///{os.environ['DVC_ROOT']}/mlflow.db"
    monkeypatch.delenv("DVC_ROOT")
    (here / ".git").mkdir()
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert location() == f"sqlite:///{here}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert location() == "http://elsewhere"


def test_a_changed_row_is_not_taken_for_the_result_of_the_old_one(here):
    key = RunKey("moved", "main", 0)
    write(key)
    key.provenance.write_text(json.dumps({"config_sha": runs.digest({"other": 1})}))
    assert "has changed since" in str(sync("moved"))


def test_flatten_keeps_numbers_only():
    assert runs.flatten(METRICS) == {
        "supervised/top1": 81.25,
        "supervised/top5": 97.0,
        "supervised/top1_by_head/vc": 81.25,
        "zero_shot/ucf101/top1": 40.5,
        "zero_shot/ucf101/splits/test1/top1": 40.5,
        "zero_shot/ucf101/splits/test1/videos": 8.0,
    }


def test_digest_is_the_same_for_a_config_and_its_yaml():
    assert runs.digest(CONFIG) == runs.digest(yaml.safe_load(yaml.safe_dump(plain(CONFIG))))
    assert runs.digest({"lr": 1, "heads": ("vc",)}) == runs.digest({"heads": ["vc"], "lr": 1.0})
    assert runs.digest({"lr": 1}) != runs.digest({"lr": 2})


def test_missing_files_are_none_and_broken_ones_are_named(here):
    key = RunKey("files", "main", 3)
    readers = (runs.read_history, runs.read_metrics, runs.read_provenance, runs.read_confusion)
    assert all(read(key) is None for read in (*readers, runs.read_predictions))
    assert runs.read_config(key.train_config) is None and runs.found() == []
    write(key)
    assert runs.found("files") == runs.declared("files", ["main"], [3]) == [key]
    assert runs.read_history(key)[0].values["gradient_norm"] == 0.5
    key.metrics.write_text("{")
    with pytest.raises(UserError, match=r"metrics\.json: not valid JSON"):
        runs.read_metrics(key)
    key.history.write_text("step,loss\nten,1\n")
    with pytest.raises(UserError, match="line 2"):
        runs.read_history(key)
