"""The page that `make ui` opens: a saved view of the runs of one profile, and the server that shows it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any

from m2clip.errors import UserError
from m2clip.tracking.address import location
from m2clip.tracking.store import Store

VIEW = "rows"  # key of the saved view
HOST = "127.0.0.1"
READY_SECONDS = 180.0  # that the server may take to start
METRICS = ("supervised/top1", "zero_shot/ucf101/top1", "zero_shot/hmdb51/top1")
NOTE = "A run is one row and one seed. `tags.\"table.table1\" = 'true'` filters a table; see docs/tracking.md"


def prepare(store: Store) -> None:
    """Set the experiment's kind, note and saved view; the same again changes nothing."""
    tags = {
        "mlflow.experimentKind": "custom_model_development",  # not the page for language models
        "mlflow.note.content": NOTE,
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view()),
    }
    stored = store.client.get_experiment(store.experiment).tags
    for tag, value in tags.items():
        if stored.get(tag) != value:
            store.client.set_experiment_tag(store.experiment, tag, value)


def view() -> dict[str, Any]:
    """The runs table as it opens: row, seed, dataset, accuracies; then where a run comes from."""
    widths = {"attributes.`Run Name`": 200}
    widths |= {"tags.`row`": 170, "tags.`seed`": 60, "tags.`dataset`": 80}
    widths |= {f"metrics.`{name}`": 155 for name in METRICS}
    widths |= {"runDateAndNestInfo": 130, "duration": 80}
    widths |= {"attributes.`Source`": 150, "attributes.`Models`": 130, "attributes.`Dataset`": 240}
    return {
        "selectedColumns": [column for column in widths if "`" in column],
        "columnOrder": list(widths),
        "columnWidths": widths,
        "runsHiddenMode": "FIRST_20_RUNS",
    }


def link(server: str, experiment: str) -> str:
    """The address of the saved view."""
    return f"{server}/#/experiments/{experiment}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"


def serve(port: int, store: Store) -> None:
    """Show the store on this machine alone until Ctrl-C; a server that holds the store needs no other.

    Raises:
        UserError: when the port is taken or the server does not start.
    """
    uri = location()
    prepare(store)
    if uri.startswith(("http://", "https://")):
        print(f"MLflow: {link(uri.rstrip('/'), store.experiment)}")
        return
    _check_free(port)
    server = f"http://{HOST}:{port}"
    print("MLflow's server starts; it takes half a minute", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level=warning"]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command += ["--host", HOST, "--port", str(port)]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _wait(process, server)
        print(f"\nMLflow: {link(server, store.experiment)}\nCtrl-C ends it", flush=True)
        process.wait()
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server has workers
        process.wait()


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(f"port {port}: {error.strerror}; name another, `--serve PORT`") from None


def _wait(process: "subprocess.Popen[bytes]", server: str) -> None:
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise UserError(f"MLflow's server ended with code {process.returncode}")
        try:
            urllib.request.urlopen(f"{server}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise UserError(f"MLflow's server did not answer within {READY_SECONDS:.0f} s")
