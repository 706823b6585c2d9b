"""Eight processes write to one store at the same time: nothing is missing and nothing is there twice.

The store is empty at first: a file of sqlite, MLflow's own server, PostgreSQL. Slow: `pytest -m slow`.
"""

import contextlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

import m2clip
import tiny_runs
import video_files
from m2clip.runs import RunKey
from m2clip.tracking.mirror import sync
from m2clip.tracking.store import Store
from test_tracking import CONFIG, write

pytestmark = pytest.mark.slow
WRITER = """
import sys, time, yaml
from m2clip.runs import RunKey
from m2clip.tracking import live
live.SECONDS = live.START_SECONDS = 600.0
key = RunKey("many", sys.argv[1], 0)
with live.live(key, yaml.safe_load(key.train_config.read_text())) as run:
    for step in range(10, 70, 10):
        run.log(step, {"loss": 1 / step, "contrastive": 1 / step, "lr": 0.001})
        time.sleep(float(sys.argv[2]))
live.finish(key)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A repository of its own."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_"))]:
        monkeypatch.delenv(name)
    paths = [str(Path(m2clip.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # six processes that write no run
    monkeypatch.chdir(tmp_path)
    return tmp_path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def answers(url, process):
    """Wait until a server answers."""
    for _ in range(600):
        assert process.poll() is None
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.5)
    raise AssertionError(f"{url} does not answer")


@contextlib.contextmanager
def running(*command, end=signal.SIGTERM):
    """A program that is ended, with all that it started, at the end."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, end)
        process.wait()


@contextlib.contextmanager
def sqlite(folder):
    yield f"sqlite:///{folder}/mlflow.db"


@contextlib.contextmanager
def serving(folder, port, end=signal.SIGTERM):
    """MLflow's own server at a port of loopback; its database stays in the folder."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder)]
    with running(*command, end=end) as process:
        answers(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"


def server(folder):
    return serving(folder, free_port())


@contextlib.contextmanager
def postgresql(folder):
    """Debian's, which does not run as root."""
    pytest.importorskip("psycopg2")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("no PostgreSQL (Debian: apt-get install postgresql)")
    port, place = free_port(), Path(tempfile.mkdtemp())
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    user = "postgres" if as_user else pwd.getpwuid(os.geteuid()).pw_name
    try:
        if as_user:
            shutil.chown(place, "postgres")
        initdb = [*as_user, str(found[-1].with_name("initdb")), "-D", str(place / "db"), "-A", "trust"]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/")
        options = ["-c", "listen_addresses=127.0.0.1", "-k", str(place), "-p", str(port)]
        # SIGINT ends it without waiting for those that are connected.
        with running(*as_user, str(found[-1]), "-D", str(place / "db"), *options, end=signal.SIGINT):
            create = [str(found[-1].with_name("createdb")), "-h", "127.0.0.1", "-p", str(port)]
            for _ in range(120):
                if not subprocess.run(
                    [*create, "-U", user, "m2"], check=False, capture_output=True
                ).returncode:
                    break
                time.sleep(0.5)
            yield f"postgresql+psycopg2://{user}@127.0.0.1:{port}/m2"
    finally:
        shutil.rmtree(place)


def start(keys, pause=0.5):
    """A process a key, which waits so many seconds after each log step."""
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, key.row, str(pause)], stderr=subprocess.PIPE, text=True
        )
        for key in keys
    ]


def complete(opened, keys):
    """Assert that a store has one run of each key, and all of it once."""
    assert sorted(run.data.tags["run_key"] for run in opened.runs()) == sorted(map(str, keys))
    for run in opened.runs():
        points = opened.client.get_metric_history(run.info.run_id, "train/loss")
        assert sorted(point.step for point in points) == [10, 20, 30, 40, 50, 60]
        assert run.info.status == "FINISHED" and run.data.metrics["supervised/top1"] == 81.235
        assert {each.path for each in opened.client.list_artifacts(run.info.run_id)} >= {"metrics.json"}


@pytest.mark.parametrize("store", [sqlite, server, postgresql], ids=lambda each: each.__name__)
def test_eight_writers_at_once(here, monkeypatch, store):
    keys = [RunKey("many", f"row-{number}", 0) for number in range(8)]
    for key in keys:
        write(key)
    with store(here) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        writers = start(keys)
        assert [writer.communicate(timeout=1200)[1] for writer in writers] == [""] * 8
        opened = Store("many")
        complete(opened, keys)
        assert sync("many").unchanged == 8
        for run in opened.runs()[:4]:
            opened.discard(run)
        assert (sync("many").new, sync("many").unchanged) == (4, 8)


def rows(folder):
    """How much a server's database holds of runs and their curves."""
    with contextlib.closing(sqlite3.connect(folder / "server.db", timeout=60)) as database:
        return sum(
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("runs", "metrics")
        )


def test_a_server_is_killed_and_comes_back_while_eight_write(here, monkeypatch, record_property):
    """A writer says one line at most of its training and one of its evaluation, both of which end as ever."""
    keys, port, draw = (
        [RunKey("many", f"row-{number}", 0) for number in range(8)],
        free_port(),
        random.Random(0),
    )
    for key in keys:
        write(key)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    writers, written = [], 0
    for kills in range(1, 4):
        with serving(here, port, end=signal.SIGKILL):
            writers = writers or start(keys, pause=20)
            while rows(here) == written:
                assert any(writer.poll() is None for writer in writers), f"all have ended before kill {kills}"
                time.sleep(0.02)
            time.sleep(draw.random())
            written = rows(here)
        record_property("tries", kills)
    with serving(here, port):
        said = [writer.communicate(timeout=1200)[1].splitlines() for writer in writers]
        assert [writer.returncode for writer in writers] == [0] * 8
        assert all(
            len(lines) <= 2 and all("is not all in MLflow (" in line for line in lines) for lines in said
        )
        assert any(said)
        sync("many")
        complete(Store("many"), keys)
        assert sync("many").unchanged == 8


def test_two_rebuild_one_store_at_once(here):
    for number in range(4):
        write(RunKey("many", f"row-{number}", 0))
    program = "from m2clip.tracking.mirror import sync; print(sync('many'))"
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    for each in both:
        each.communicate(timeout=600)
    assert [each.returncode for each in both] == [0, 0]
    assert len(Store("many").runs()) == 4 and sync("many").unchanged == 4


def test_the_page_is_served_on_loopback_alone(here):
    write(RunKey("many", "main", 0), CONFIG)
    sync("many")
    port = free_port()
    program = f"from m2clip.tracking import page, store; page.serve({port}, store.Store('many'))"
    with running(sys.executable, "-c", program) as process:
        answers(f"http://127.0.0.1:{port}/health", process)
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        lines += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
        listening = {cells[1] for cells in lines if cells[3] == "0A" and cells[1].endswith(f":{port:04X}")}
        assert listening == {f"0100007F:{port:04X}"}
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.2)
    raise AssertionError("the server is still there")


def test_a_model_is_registered_and_served(here, make_model, backbone):
    key = RunKey("many", "main", 0)
    write(key, tiny_runs.config_of(backbone))
    key.weights.parent.mkdir(parents=True)
    tiny_runs.save_run(key.weights, make_model, backbone, {})
    sync("many")
    video_files.write(here / "video.mp4", 12)
    Path(backbone.pretrained).rename(here / "gone.safetensors")  # the model has its own copy
    store = Store("many")
    (model,) = store.client.search_logged_models([store.experiment])
    store.client.create_registered_model("m2clip")
    store.client.create_model_version("m2clip", model.model_uri, run_id=model.source_run_id)
    port = free_port()
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{here}/mlflow.db"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/m2clip/1"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    try:
        with running(*command) as process:
            answers(f"http://127.0.0.1:{port}/ping", process)
            asked = {"dataframe_split": {"columns": ["video"], "data": [["video.mp4"], ["nowhere.mp4"]]}}
            asked["params"] = {"top": 2, "labels": ["to run", "to swim", "to fly"]}
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations",
                json.dumps(asked).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=300) as reply:
                lines = json.load(reply)["predictions"]
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]
        Path(here / "gone.safetensors").rename(backbone.pretrained)
    assert [line["video"] for line in lines] == ["video.mp4", "video.mp4", "nowhere.mp4"]
    assert {line["label"] for line in lines[:2]} < {"to run", "to swim", "to fly"}
    assert lines[2]["error"] == "missing" and lines[2]["label"] == ""
