"""A training of many steps: its memory does not grow, its steps do not slow down, its curve is complete."""

import csv
import json
import statistics
import subprocess
import sys

import long_training
import pytest
import test_deaths

import tiny_runs
from conftest import TINY, save_clip
from m2clip.parsing import plain
from m2clip.tracking.store import Store
from tally import LONG
from test_tracking import clean

EVERY, MANY = 10, 50_000
TRAIN = {"lr": 1e-4, "batch": 2, "log_every": EVERY, "checkpoint_every": 100}
BYTES = 16 << 20  # that a process may have grown by, of which the curve itself takes a part
SLOWER = 1.2  # the last steps by the first, both measured by other work of the same moment


@pytest.mark.slow
@pytest.mark.parametrize("count", [2_000, pytest.param(MANY, marks=LONG)])
def test_steps_of_one_training_whose_memory_and_speed_stay_and_whose_curve_is_complete(
    tmp_path, monkeypatch, record_property, count
):
    record_property("tries", count)
    tiny_runs.prepare_videos(tmp_path / "data")
    towers = {tower: TINY[tower] | {"layers": 1} for tower in ("vision_cfg", "text_cfg")}
    backbone = save_clip(tmp_path, "tiniest", TINY | towers)
    config = tiny_runs.config_of(backbone, {"data": {"frames": 2}, "train": TRAIN | {"steps": count}})
    (tmp_path / "config.json").write_text(json.dumps(plain(config)))
    subprocess.run(
        [sys.executable, long_training.__file__, tmp_path, str(count)],
        env=clean(DVC_ROOT=str(tmp_path))
        | {"PYTHONPATH": ":".join(test_deaths.PATHS), "OMP_NUM_THREADS": "1"},
        check=True,
    )
    with (tmp_path / "history.csv").open() as file:
        steps = [int(line["step"]) for line in csv.DictReader(file)]
    assert steps == list(range(EVERY, count + 1, EVERY))
    told = json.loads((tmp_path / "told.json").read_text())
    fifth = long_training.INTERVALS // 5
    for name in ("bytes", "beside"):
        assert max(each[name] for each in told[fifth:]) < told[fifth][name] + BYTES, [e[name] for e in told]
    assert len({each["files"] for each in told[fifth:]}) == 1
    slowness = [each["seconds"] / each["same_work"] for each in told]
    first, last = (statistics.median(some) for some in (slowness[1:fifth], slowness[-fifth:]))
    assert last < SLOWER * first, slowness
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = Store(long_training.KEY.profile)
    (run,) = store.runs()
    points = store.client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted(point.step for point in points) == steps
