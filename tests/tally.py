"""A plugin of pytest's that counts what tests tried and what survived: `pytest -p tally`, on RELIABILITY.

Of each test function a line: its file and what that is about, its name in words, how many inputs it had that
differ, how many tries it made of them, how many survived, and the seconds with all that was prepared for it.
A test records its `tries`, and its `inputs` where it tried one more than once; else each case is one of both.
Of a test that fails no try survived. Written as JSON at the end.
"""

import json
import os
from pathlib import Path

import pytest

VARIABLE = "RELIABILITY"
LONG = (  # the marks of a form of a test that takes more than some minutes
    pytest.mark.slow,
    pytest.mark.skipif(VARIABLE not in os.environ, reason="long: `make reliability` tries it"),
)
lines = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Of a test with a long and a short form, the long one: both begin with the same inputs."""
    longest = {}
    for item in items:
        longest[_form(item)] = max(longest.get(_form(item), 0), _count(item))
    dropped = [item for item in items if _count(item) < longest[_form(item)]]
    items[:] = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)


def _count(item):
    """How much this form of a test tries, 0 where it has one form."""
    return item.callspec.params.get("count", 0) if hasattr(item, "callspec") else 0


def _form(item):
    """What the forms of a test have in common."""
    given = item.callspec.params.items() if hasattr(item, "callspec") else ()
    return item.path, item.originalname, *(repr(pair) for pair in given if pair[0] != "count")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    name = item.originalname.removeprefix("test_").replace("_", " ")
    about = " ".join((item.module.__doc__ or "").split("\n\n")[0].split())
    line = {"file": item.path.name, "about": about, "name": name, "inputs": 0, "tried": 0, "survived": 0}
    line = lines.setdefault((item.path.name, name), line | {"seconds": 0.0})
    line["seconds"] += report.duration
    if report.skipped or (report.when != "call" and report.passed):
        return
    told = dict(item.user_properties)
    tries = int(told.get("tries", 1))
    line["survived"] = max(
        0, line["survived"] + (tries if report.passed else -tries * (report.when == "teardown"))
    )
    if report.when != "teardown":
        line["inputs"] += int(told.get("inputs", tries))
        line["tried"] += tries


def pytest_sessionfinish(session):
    if path := os.environ.get(VARIABLE):
        counted = [line | {"seconds": round(line["seconds"], 1)} for line in lines.values() if line["tried"]]
        Path(path).write_text(json.dumps(counted, indent=1), encoding="utf-8")
