"""MLflow mirrors the files: live and from them, with nothing twice, and training never waits for it.

One store, made once by two processes at the same time; each test has a profile, so an experiment, of its own.
"""

import contextlib
import json
import os
import queue
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from m2clip import runs
from m2clip.config import Data, Run, Train
from m2clip.errors import UserError
from m2clip.parsing import plain
from m2clip.runs import RunKey
from m2clip.tracking import content, models, page
from m2clip.tracking import live as live_module
from m2clip.tracking import store as store_module
from m2clip.tracking.address import location, without_password
from m2clip.tracking.live import finish, live
from m2clip.tracking.mirror import sync
from m2clip.tracking.store import PROCESS, Store, alive, now, run_id
from m2clip.tracking.writer import LiveWriter

ROOT = Path(__file__).resolve().parents[1]
CONFIG = Run(data=Data(dataset="k400"), train=Train(steps=60, lr=0.001))
OTHER = Run(data=Data(dataset="k400"), train=Train(steps=60, lr=0.01))
METRICS = {
    "supervised": {
        "dataset": "k400", "top1": 81.2345678, "top5": 97.0, "videos": 8, "clips": 1,
        "top1_by_head": {"vc": 81.25},
    },
    "zero_shot": {
        "ucf101": {"top1": 40.5, "half": {"top1": 60.5, "classes": 5, "draws": [1.0]},
                   "splits": {"test1": {"top1": 40.5, "videos": 8}}},
    },
}  # fmt: skip
TRAIN = """
import time
from m2clip.runs import RunKey
from m2clip.tracking.live import live
with live(RunKey("killed", "main", 0), {"method": "m2clip"}) as run:
    for step in (10, 20, 30):
        run.log(step, {"loss": 1 / step})
    time.sleep(1000)
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


@pytest.fixture
def patient(monkeypatch):
    """No deadline for the process that writes, however busy the machine."""
    monkeypatch.setattr(live_module, "SECONDS", 300.0)
    monkeypatch.setattr(live_module, "START_SECONDS", 300.0)


def write(key, config=CONFIG, steps=range(10, 70, 10), scale=1.0, metrics=METRICS):
    """The files of a run as the stages leave them."""
    for file in (key.train_config, key.history, key.metrics, key.provenance, key.confusion):
        file.parent.mkdir(parents=True, exist_ok=True)
    train = {name: value for name, value in plain(config).items() if name != "evaluate"}
    key.train_config.write_text(
        yaml.safe_dump(train | {"inputs": {"videos": "a" * 64, "backbone": "b" * 64}})
    )
    inputs = {"k400": "a" * 64, "ucf101": "c" * 64}
    key.evaluate_config.write_text(yaml.safe_dump(plain(config.evaluate) | {"inputs": inputs}))
    lines = [f"{step},1,0.001,{scale / step:.6g},{scale / step:.6g},,0.5" for step in steps]
    key.history.write_text("\n".join(["step,epoch,lr,loss,contrastive,cmc,gradient_norm", *lines]) + "\n")
    provenance = {"commit": "abc", "dirty": False, "started": "2025-01-02T03:04:05+00:00", "seconds": 60}
    provenance["command"] = f"python -m m2clip.stages.train {key.profile} {key.row} {key.seed}"
    key.provenance.write_text(json.dumps(provenance))
    if metrics:
        key.metrics.write_text(json.dumps(metrics))
        key.confusion.write_text("label,a,b\na,3,1\nb,0,4\n")


def stored(key):
    """The MLflow runs of a key, and the steps of the curve of the first."""
    store = Store(key.profile)
    found = store.runs(key)
    history = store.client.get_metric_history(found[0].info.run_id, "train/loss") if found else []
    return found, [point.step for point in history]


def log(run, steps, scale=1.0):
    for step in steps:
        run.log(step, {"loss": scale / step, "contrastive": scale / step, "lr": 0.001})


def writer(key, lines, config=None, close="SCHEDULED", scale=1.0):
    """What the process beside a training does with these steps, in this process; what it said."""
    inbox, said = queue.SimpleQueue(), []
    for step in lines:
        inbox.put({"step": step, "time": now(), "values": {"loss": scale / step, "epoch": 1.0, "lr": 0.001}})
    inbox.put({"close": close})
    if key.train_config.exists():
        config = yaml.safe_load(key.train_config.read_text())
    started = {"config": config, "tags": {}}
    LiveWriter(key, started, said.append).follow(inbox)
    return said


def until(true):
    """Wait for what another process is about to do."""
    limit = time.monotonic() + 300
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.2)


def test_importing_tracking_does_not_import_mlflow():
    script = """
import sys, m2clip.tracking.live, m2clip.tracking.mirror, m2clip.tracking.page
assert not {'mlflow', 'torch'} & set(sys.modules)"""
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
    wanted = {"row": "main", "seed": "0", "profile": "twice", "dataset": "k400", "method": "m2clip"}
    wanted |= {"dirty": "false", "table.1": "true", "table.2": "true", "run_key": "twice/main/0"}
    wanted |= {"mlflow.source.name": "m2clip.stages.train", "mlflow.source.git.commit": "abc"}
    assert wanted.items() <= run.data.tags.items()
    files = {file.path for file in Store("twice").client.list_artifacts(run.info.run_id)}
    assert files == {
        "main.train.yaml",
        "main.evaluate.yaml",
        "metrics.json",
        "provenance.json",
        "confusion.csv",
    }
    assert sync("twice", {"main": ["2"]}).completed == 1
    assert "table.1" not in stored(key)[0][0].data.tags and "table.2" in stored(key)[0][0].data.tags
    assert sync("twice").unchanged == 1  # not told which tables there are, it leaves them


def test_what_is_measured_is_a_metric_and_what_is_set_a_parameter(here):
    key = RunKey("content", "main", 0)
    write(key)
    sync("content")
    (run,), _ = stored(key)
    assert {name for name in run.data.metrics if not name.startswith("train/")} == {
        "supervised/top1", "supervised/top5", "supervised/top1_by_head_vc",
        "zero_shot/ucf101/top1", "zero_shot/ucf101/half_top1",
    }  # fmt: skip
    assert run.data.metrics["supervised/top1"] == 81.235
    assert run.data.metrics.keys() >= {"train/loss", "train/contrastive", "train/lr"}
    assert not {"train/cmc", "train/epoch"} & run.data.metrics.keys()
    wanted = {"supervised.videos": "8", "supervised.clips": "1", "zero_shot.ucf101.half.classes": "5"}
    wanted |= {"data.dataset": "k400", "train.lr": "0.001", "evaluate.crops": "1"}
    assert wanted.items() <= run.data.params.items()
    assert not [name for name in run.data.params if name.startswith("inputs")]
    read = {
        (each.dataset.name, each.dataset.digest, each.tags[0].value) for each in run.inputs.dataset_inputs
    }
    assert ("k400", "a" * 12, "training") in read and ("ucf101", "c" * 12, "zero-shot") in read


def test_runs_are_called_by_how_they_differ(monkeypatch):
    monkeypatch.chdir(ROOT)
    key = RunKey("embedded", "main", 1)
    train = runs.read_config(key.train_config)
    assert content.name(key, train) == "main/1" and "differs" not in content.base_tags(key, train)
    train["train"]["lr"] = 0.0123
    assert content.name(key, train) == "main: train.lr=0.0123/1"
    assert content.base_tags(key, train)["differs"] == "train.lr=0.0123"
    assert content.name(RunKey("embedded", "te", 1), train) == "te/1"
    train["train"]["lr"] = 0.005
    monkeypatch.setattr(runs, "read_config", lambda path: {"crops": 3})
    assert content.name(key, train) == "main: evaluate.crops=3/1"
    assert content.name(RunKey("nowhere", "main", 1), train) == "main/1"


def test_experiments_that_are_in_git_alone_are_rebuilt_too(here):
    def git(*words):
        ask = ["git", "-c", "user.name=A", "-c", "user.email=a@b", *words]
        return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()

    key = RunKey("exps", "main", 0)
    (here / "params.yaml").write_text("profile: exps\n")
    write(key)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    base = git("rev-parse", "HEAD")
    write(key, config=OTHER, scale=2.0)
    told = json.loads(key.provenance.read_text())
    key.provenance.write_text(json.dumps(told | {"dvc_experiment": "brave-run"}))
    git("commit", "-qam", "two")
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/brave-run", "HEAD")
    git("update-ref", "refs/exps/exec/EXEC_HEAD", base)
    git("reset", "-q", "--hard", base)
    assert sync("exps").new == 2 and sync("exps").unchanged == 2
    found, _ = stored(key)
    assert {run.data.params["train.lr"]: run.data.tags.get("dvc_exp") for run in found} == {
        "0.001": None,
        "0.01": "brave-run",
    }
    (curve,) = [
        Store("exps").curve(run, "train/loss") for run in found if run.data.params["train.lr"] == "0.01"
    ]
    assert curve[10] == 2 / 10


def test_a_store_whose_making_was_ended_halfway_is_made_again(here, monkeypatch):
    """As when a training does not wait for it any longer; half of its tables cannot be added to."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/new.db")

    def ended(uri, own):
        with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
            database.execute("CREATE TABLE experiments (x)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store_module, "_client", ended)
        Store("halfway")
    assert Store("halfway").experiment and (here / "new.db").exists()


def test_a_store_of_an_older_layout_is_made_again(here):
    key = RunKey("older", "main", 0)
    write(key)
    sync("older")
    store = Store("older")
    (old,) = store.runs(key)
    store.client.delete_tag(old.info.run_id, "mlflow.m2clip.layout")
    assert sync("older").new == 1 and sync("older").unchanged == 1
    (new,) = store.runs(key)
    assert new.info.run_id != old.info.run_id


def test_live_then_sync_adds_nothing(here, monkeypatch, patient, capfd):
    monkeypatch.setenv("DVC_EXP_NAME", "brave-run")
    key = RunKey("live", "main", 0)
    write(key, metrics=None)
    config = yaml.safe_load(key.train_config.read_text())
    with live(key, config, {"commit": "abc", "command": "python -m m2clip.stages.train live main 0"}) as run:
        log(run, range(10, 70, 10))
    (found,), steps = stored(key)
    assert found.info.status == "SCHEDULED" and steps == [10, 20, 30, 40, 50, 60]
    assert found.data.tags["mlflow.source.name"] == "m2clip.stages.train"
    write(key)
    finish(key)
    assert sync("live").unchanged == 1
    found, steps = stored(key)
    assert len(found) == 1 and steps == [10, 20, 30, 40, 50, 60]
    assert found[0].info.status == "FINISHED" and found[0].data.tags["dvc_exp"] == "brave-run"
    assert found[0].data.metrics.keys() >= {"train/loss", "train/contrastive", "zero_shot/ucf101/top1"}
    assert capfd.readouterr() == ("", "")


def test_killed_and_resumed_run_has_every_step_once(here):
    key = RunKey("killed", "main", 0)
    training = subprocess.Popen([sys.executable, "-c", TRAIN], env=clean(DVC_ROOT=os.environ["DVC_ROOT"]))
    until(lambda: stored(key)[1] == [10, 20, 30])
    training.kill()
    training.wait()
    (found,), _ = stored(key)
    until(lambda: not alive(found.data.tags[PROCESS]))
    assert found.info.status == "RUNNING"
    assert writer(key, [30, 40, 50, 60], {"method": "m2clip"}) == []  # the checkpoint was at step 20
    found, steps = stored(key)
    assert len(found) == 1 and steps == [10, 20, 30, 40, 50, 60]


def test_a_stale_run_is_closed_and_lost_steps_are_added_by_sync(here):
    key = RunKey("stale", "main", 0)
    write(key)
    writer(key, [10, 20], close="RUNNING")  # killed
    assert sync("stale").completed == 1 and sync("stale").unchanged == 1
    found, steps = stored(key)
    assert len(found) == 1 and sorted(steps) == [10, 20, 30, 40, 50, 60]
    assert found[0].info.status == "FINISHED"


def test_another_config_is_another_run_and_another_result_replaces(here):
    key = RunKey("changed", "main", 0)
    write(key)
    sync("changed")
    write(key, config=OTHER)
    assert sync("changed").new == 1 and len(stored(key)[0]) == 2
    write(key, config=OTHER, scale=2.0)  # other code, same config
    assert sync("changed").new == 1 and sync("changed").unchanged == 1
    assert len(stored(key)[0]) == 2
    writer(key, [10, 20], close="RUNNING", scale=2.0)  # and once more, live, from step 30 on
    writer(key, [30, 40, 50, 60], scale=3.0)
    found, _ = stored(key)
    newest = next(run for run in found if run.data.params["train.lr"] == "0.01")
    curve = Store("changed").curve(newest, "train/loss")
    assert len(found) == 2 and list(curve) == [10, 20, 30, 40, 50, 60]
    assert curve[20] == pytest.approx(2 / 20) and curve[30] == pytest.approx(3 / 30)


def test_another_process_at_the_same_run_leaves_it_alone(here):
    key = RunKey("two", "main", 0)
    write(key)
    writer(key, [10], close="RUNNING")
    store = Store("two")
    store.write(store.runs(key)[0], tags={PROCESS: f"{os.uname().nodename}:{os.getppid()}"})
    said = writer(key, [20])
    assert said and all("another process" in line for line in said)
    assert stored(key)[1] == [10]
    assert sync("two").unchanged == 1  # it is being trained


def test_a_training_that_fails_is_told_so_and_its_error_passes_through(here, patient):
    key = RunKey("fails", "main", 0)
    with pytest.raises(ZeroDivisionError), live(key, CONFIG) as run:
        run.log(10, {"loss": float("nan"), "cmlm": None})
        run.log(20, {"loss": 1 / 0})
    found, steps = stored(key)
    assert found[0].info.status == "FAILED" and steps == [10]


@contextlib.contextmanager
def silent(folder):
    """A server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def nobody(folder):
    yield "http://127.0.0.1:9"


@contextlib.contextmanager
def held(folder):
    """A store that another process holds and does not give back."""
    with FileLock(folder / "held.db.lock"):
        yield f"sqlite:///{folder}/held.db"


@contextlib.contextmanager
def locked(folder):
    """A database inside a transaction that does not end."""
    with contextlib.closing(sqlite3.connect(folder / "locked.db")) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("BEGIN EXCLUSIVE")
        yield f"sqlite:///{folder}/locked.db"


@contextlib.contextmanager
def folder_instead(folder):
    yield f"sqlite:///{folder}"


@contextlib.contextmanager
def files_instead(folder):
    yield str(folder)


@contextlib.contextmanager
def no_database(folder):
    (folder / "text.db").write_text("no database at all, but long enough to be taken for one\n" * 50)
    yield f"sqlite:///{folder}/text.db"


BROKEN = {
    silent: "timed out", nobody: "refused", held: "could not be acquired", locked: "locked",
    folder_instead: "is a folder", files_instead: "cannot be a store", no_database: "not a database",
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.__name__)
def test_without_mlflow_training_goes_on_with_one_warning(here, capfd, monkeypatch, broken):
    """The store stays broken until after the training has ended, so a training that waited would hang."""
    key = RunKey(f"broken-{broken.__name__}".replace("_", "-"), "main", 0)
    write(key)
    monkeypatch.setattr(live_module, "SECONDS", 0.5)
    with broken(here) as address, monkeypatch.context() as elsewhere:
        elsewhere.setenv("MLFLOW_TRACKING_URI", address)
        with live(key, yaml.safe_load(key.train_config.read_text())) as run:
            log(run, range(10, 70, 10))
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"warning: {key} is not all in MLflow (") and "`make ui` adds" in line
    assert sync(key.profile).new == 1 and sync(key.profile).unchanged == 1
    assert len(stored(key)[0]) == 1 and stored(key)[1] == [10, 20, 30, 40, 50, 60]


def test_an_evaluation_that_cannot_be_told_goes_on_with_one_warning(here, capfd, monkeypatch):
    key = RunKey("untold", "main", 0)
    write(key)
    monkeypatch.setattr(live_module, "SECONDS", 0.5)
    with silent(here) as address, monkeypatch.context() as elsewhere:
        elsewhere.setenv("MLFLOW_TRACKING_URI", address)
        finish(key)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"warning: {key} is not all in MLflow (") and sync("untold").new == 1


@pytest.mark.parametrize(("broken", "why"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_sync_says_in_one_line_why_a_store_cannot_be_used(here, monkeypatch, broken, why):
    monkeypatch.setattr("m2clip.tracking.address.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("m2clip.tracking.store.LOCK_SECONDS", 0.5)
    write(RunKey("line", "main", 0))
    with broken(here) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(UserError, match=rf"MLflow store .*{why}") as caught:
            sync("line")
    assert len(str(caught.value).splitlines()) == 1


def test_a_pipe_that_nobody_reads_holds_up_nothing(here, monkeypatch, capfd):
    """The process stands still from the start; a pipe takes 64 kB, these are 2 MB."""
    key = RunKey("still", "main", 0)
    monkeypatch.setattr(live_module, "SECONDS", 0.1)
    monkeypatch.setattr(live_module, "START_SECONDS", 0.1)
    with live(key, CONFIG) as run:
        run._writer._process.send_signal(19)  # SIGSTOP
        log(run, range(10, 200_000, 10))
    assert "did not answer" in capfd.readouterr().err


def test_a_password_is_not_printed():
    assert without_password("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    assert without_password("sqlite:///a.db") == "sqlite:///a.db"


def test_the_saved_view_and_its_link(here):
    write(RunKey("view", "main", 0))
    sync("view")
    store = Store("view")
    tags = store.client.get_experiment(store.experiment).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    view = json.loads(tags["mlflow.sharedViewState.rows"])
    for column in ("tags.`row`", "tags.`seed`", "tags.`dataset`", "metrics.`supervised/top1`"):
        assert column in view["selectedColumns"] and column in view["columnOrder"]
    assert "metrics.`zero_shot/ucf101/top1`" in view["selectedColumns"]
    assert page.link("http://127.0.0.1:5000", "7") == (
        "http://127.0.0.1:5000/#/experiments/7/runs?viewStateShareKey=rows&workflowType=machine_learning"
    )


def test_a_port_in_use_is_said_before_anything_starts(here):
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(UserError, match="in use"):
        page.serve(server.getsockname()[1], Store("view"))


def test_weights_become_a_model_once_and_new_ones_another(here):
    key = RunKey("models", "main", 0)
    write(key)
    assert sync("models").new == 1
    store = Store("models")
    assert not store.client.search_logged_models([store.experiment])
    key.weights.parent.mkdir(parents=True)
    key.weights.write_bytes(b"weights")
    assert sync("models").completed == 1 and sync("models").unchanged == 1
    (model,) = store.client.search_logged_models([store.experiment])
    (run,) = store.runs(key)
    assert model.source_run_id == run.info.run_id and str(model.status) == "READY"
    assert [each.model_id for each in run.outputs.model_outputs] == [model.model_id]
    folder = Path(model.artifact_location.removeprefix("file://"))
    assert (folder / "data" / "data" / models.WEIGHTS).read_bytes() == b"weights"
    assert (folder / "code" / "m2clip" / "tracking" / "served.py").exists()
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle")]
    key.weights.write_bytes(b"others")
    assert sync("models").completed == 1 and len(store.client.search_logged_models([store.experiment])) == 2


def test_run_id_names_the_run_or_says_why_there_is_none(here, monkeypatch):
    key = RunKey("ids", "main", 0)
    write(key)
    assert "make ui" in run_id(key, None)
    sync("ids")
    (run,) = Store("ids").runs(key)
    assert run_id(key, run.data.tags["config_sha"]) == run.info.run_id
    assert "make ui" in run_id(key, "another")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert "refused" in run_id(key, None)


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
        "supervised/top1": 81.2345678,
        "supervised/top5": 97.0,
        "supervised/videos": 8.0,
        "supervised/clips": 1.0,
        "supervised/top1_by_head/vc": 81.25,
        "zero_shot/ucf101/top1": 40.5,
        "zero_shot/ucf101/half/top1": 60.5,
        "zero_shot/ucf101/half/classes": 5.0,
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
