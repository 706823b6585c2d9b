"""A fork of the process that has imported everything is as a process of its own would be."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import made_up_runs as made
from m2clip.stages import warm

MODULE = """
import json, os, random, sys, time, __main__
what = sys.argv[1]
if what == "tell":
    told = {"arguments": sys.argv[1:], "module": __main__.__spec__.name, "name": __name__,
            "in": sys.stdin.read(), "variable": os.environ.get("VARIABLE"),
            "imported": "colorsys" in sys.modules,
            "path": sys.path[0], "drawn": random.random()}
    print(json.dumps(told))
elif what == "fail":
    sys.exit("error: told on stderr")
elif what == "sleep":
    try:
        print(os.getpid(), flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        sys.exit(130)
"""


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Calls of `python -m` in a folder with the module `served` and its twin `other`, which is not served."""
    monkeypatch.chdir(tmp_path)
    # A shell has its background jobs ignore SIGINT, and pytest may be one: what it starts is not to.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("served", "other"):
        (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(made.ROOT / "src"))
    with warm.python(["served"], ["colorsys"]) as folder:

        def start(*words, **more):
            environment = {
                **os.environ,
                "VARIABLE": "told",
                "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            }
            pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            return subprocess.Popen(
                [folder / "python", "-m", *words], text=True, env=environment, **pipes, **more
            )

        yield start
    signal.signal(signal.SIGINT, before)


def told(process, text=""):
    out, error = process.communicate(text, timeout=120)
    assert not error, error
    return json.loads(out)


def gone(pid):
    """Whether a process ends within some seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_fork_has_arguments_environment_streams_and_name_of_a_process_of_its_own(python, tmp_path):
    fork = told(python("served", "tell", "a b", "ü"), "from stdin")
    alone = told(python("other", "tell", "a b", "ü"), "from stdin")
    assert fork["imported"] and not alone["imported"]
    assert fork["module"] == "served" and alone["module"] == "other"
    for name in ("arguments", "name", "in", "variable", "path"):
        assert fork[name] == alone[name], name
    assert fork["arguments"] == ["tell", "a b", "ü"] and fork["variable"] == "told"
    assert fork["drawn"] != told(python("served", "tell"))["drawn"]  # forks do not draw the same


def test_many_forks_run_at_once_and_each_has_its_own_exit_code(python):
    sleeping = python("served", "sleep")
    failed = python("served", "fail")
    assert failed.communicate(timeout=120) == ("", "error: told on stderr\n") and failed.returncode == 1
    assert sleeping.poll() is None
    sleeping.stdout.readline()
    sleeping.send_signal(signal.SIGINT)
    out, _ = sleeping.communicate(timeout=120)
    assert out == "stopped\n" and sleeping.returncode == 130
    assert python("served", "nothing").wait(20) == 0


def test_a_signal_that_who_asked_ignores_does_not_reach_the_fork(python):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    sleeping = python("served", "sleep", preexec_fn=ignore)
    sleeping.stdout.readline()
    sleeping.send_signal(signal.SIGHUP)  # ends the fork of one who does not ignore it
    sleeping.send_signal(signal.SIGINT)
    assert sleeping.communicate(timeout=120)[0] == "stopped\n" and sleeping.returncode == 130


def test_where_who_asked_is_killed_the_fork_ends_and_others_go_on(python):
    sleeping = python("served", "sleep")
    pid = int(sleeping.stdout.readline())
    sleeping.kill()
    assert gone(pid)
    assert told(python("served", "tell"))["imported"]


def test_a_fork_that_a_signal_ended_says_so(python):
    sleeping = python("served", "sleep")
    os.kill(int(sleeping.stdout.readline()), signal.SIGKILL)
    assert sleeping.wait(20) == warm.KILLED + signal.SIGKILL


def test_elsewhere_and_after_the_end_the_real_python_runs(python, tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below/served.py").write_text(MODULE)
    assert not told(python("served", "tell", cwd=tmp_path / "below"))["imported"]
    with warm.python(["served"], ["colorsys"]) as folder:
        for name in ("client.py", "python"):
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    alone = subprocess.run(
        [sys.executable, "-IS", tmp_path / "client.py", "-m", "served", "tell"],
        capture_output=True, check=True, input=b"",
    )  # fmt: skip
    assert not json.loads(alone.stdout)["imported"]
