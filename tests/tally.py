"""A plugin of pytest's that counts what tests tried and what survived: `pytest -p tally`, on RELIABILITY.

Of each test function a line: its file and what that is about, its name in words, how much was tried (its
cases, or what it recorded as `tries`), how much survived, and the seconds. Written as JSON at the end.
"""

import json
import os
from pathlib import Path

import pytest

VARIABLE = "RELIABILITY"
lines = {}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" and not (report.when == "setup" and report.failed):
        return
    name = item.originalname.removeprefix("test_").replace("_", " ")
    about = " ".join((item.module.__doc__ or "").split("\n\n")[0].split())
    line = {"file": item.path.name, "about": about, "name": name}
    line = lines.setdefault((item.path.name, name), line | {"tried": 0, "survived": 0, "seconds": 0.0})
    if report.skipped:
        return
    tries = int(dict(item.user_properties).get("tries", 1))
    line["tried"] += tries
    line["survived"] += tries if report.passed else 0
    line["seconds"] += report.duration


def pytest_sessionfinish(session):
    if path := os.environ.get(VARIABLE):
        counted = [line | {"seconds": round(line["seconds"], 1)} for line in lines.values() if line["tried"]]
        Path(path).write_text(json.dumps(counted, indent=1), encoding="utf-8")
