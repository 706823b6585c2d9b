"""`dvc repro` killed as a whole, at any moment: the next one ends with the same bits, and nothing is stale.

On a tiny world with two rows, up to its report: by `dvc repro`, and by `make repro`'s driver, whose rows are
forks of one process. At half of the moments its process group is killed, as a shell would, and what is not in
that group has to end by itself; at the others everything at once, as where a machine dies. Of many kills the
first are of a repro that has nothing but the code; the others are of one that has its data and configs.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from copy import copy as copy_object
from types import SimpleNamespace

import psutil
import pytest
import yaml

from tally import LONG
from test_pipeline import Copy, environment

pytestmark = pytest.mark.slow
KEPT = ("main", "ssv2")
COMMANDS = {"dvc": ("dvc", "repro"), "forks": ("m2clip.stages.repro",)}
MADE = ("data", "experiments/resolved", "experiments/runs", "reports")
# They tell when a run was made or how long it took; tables and figures of the pages are files of their own.
TIMED = ("provenance.json", "provenance.csv", "README.md", "index.html")
FEW = 3
SECONDS = 60  # in which what is not in the group has to end


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A copy that has data and configs; and what a `dvc repro` left alone makes of it, and how soon."""
    begun = Copy(tmp_path_factory.mktemp("begun"), KEPT)
    begun.run("dvc", "repro", "resolve")
    begun.commit()
    copy = again(begun, tmp_path_factory.mktemp("whole"))
    began = time.monotonic()
    copy.run("dvc", "repro")
    return SimpleNamespace(begun=begun, made=made(copy), seconds=time.monotonic() - began)


def again(copy, folder):
    """A copy as another is."""
    other = copy_object(copy)
    other.folder, other.environment = folder / "repo", environment(folder)
    shutil.copytree(copy.folder, other.folder, symlinks=True)
    return other


def made(copy):
    """The digest of each file that the pipeline makes, but of those that tell a time their names alone."""
    files = [path for name in MADE for path in (copy.folder / name).rglob("*") if path.is_file()]
    return {
        path.relative_to(copy.folder).as_posix(): path.name in TIMED
        or hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def tree(top):
    return [top, *top.children(recursive=True)]


def stopped(top):
    """A process and all below it, stopped, so that none starts another."""
    found = []
    while len(now := tree(top)) > len(found):
        found = now
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
    return found


def killed(copy, command, seconds, everything):
    """Whether a life of a command was killed, before it ended by itself."""
    log = copy.folder.with_name("log")
    with log.open("w") as told:
        top = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=copy.folder, env=copy.environment | {"PYTHONPATH": "src"},
            stdout=told, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        with suppress(subprocess.TimeoutExpired):
            assert top.wait(seconds) == 0, log.read_text()[-3000:]
            return False
    started = stopped(psutil.Process(top.pid)) if everything else tree(psutil.Process(top.pid))
    os.killpg(top.pid, signal.SIGKILL)
    for process in started if everything else ():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    top.wait()
    _, left = psutil.wait_procs(started, SECONDS)
    assert not left, left
    return True


def mend_lock(copy):
    """Whether a kill cut `dvc.lock`, which DVC writes anew after each stage; if so, git has the last one."""
    lock = copy.folder / "dvc.lock"
    if not lock.exists():
        return False
    with suppress(yaml.YAMLError):
        if isinstance(yaml.load(lock.read_bytes(), Loader=yaml.CSafeLoader), dict):
            return False
    if subprocess.run(["git", "restore", "dvc.lock"], cwd=copy.folder, check=False).returncode:
        lock.unlink()  # of a repository in which no lock was committed
    return True


@pytest.mark.parametrize("count", [FEW, pytest.param(30, marks=LONG)])
@pytest.mark.parametrize("kind", COMMANDS)
def test_a_repro_killed_as_a_whole_ends_with_the_same_bits(whole, tmp_path, record_property, kind, count):
    draw, done, cut = random.Random(0), 0, 0
    while done < count:
        folder = tmp_path / str(done)
        copy = Copy(folder, KEPT) if count > FEW and not done else again(whole.begun, folder)
        moments = ((draw.random() ** 2 * whole.seconds, draw.random() < 0.5) for _ in range(count - done))
        for moment, everything in moments:
            if not killed(copy, COMMANDS[kind], moment, everything):
                break
            done += 1
            record_property("tries", done)
            cut += mend_lock(copy)
            record_property("locks cut", cut)
        copy.run("dvc", "repro")
        assert made(copy) == whole.made
        assert "Data and pipelines are up to date" in copy.run("dvc", "status")
        assert not list((copy.folder / ".work/checkpoints").glob("*/*"))
        shutil.rmtree(folder)
