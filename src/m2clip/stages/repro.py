"""`repro [PROFILE [JOBS]] [--rows ROW...] [--tables NAME...]`: `dvc repro`, several rows at a time.

What `make repro` runs. DVC tells which rows are out of date. Those of them that are asked for, by their names
or by tables that show them, are trained and evaluated in parallel, each by a `dvc repro` of its two stages.
If all rows were asked for, a plain `dvc repro` at the end finds them done and renders the report. (Run alone
it gives the same bits, later.) If not, it would train the others too: then the stages that render are run
instead, each alone, and the report shows of the other rows what the repository has.

Every run has one thread, so that its bits do not depend on how many run beside it. Without JOBS there are as
many at a time as GPUs, each with one of its own, and where there is none, as many as cores. More JOBS than
GPUs share them: right for the small runs of the generated profiles, too much for those of the paper.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from itertools import cycle, islice, takewhile
from pathlib import Path
from queue import SimpleQueue

import psutil

from m2clip import experiment, paths, profiles, runs
from m2clip.errors import UserError, guarded
from m2clip.profiles import Profile
from m2clip.report import declared
from m2clip.report.figures import temporal_difference
from m2clip.runs import RunKey
from m2clip.stages import kept_lock, pipelines, warm
from m2clip.stages.time_left import time_left
from m2clip.training import launch

LOGS = Path(".work/logs")
VISIBLE = "CUDA_VISIBLE_DEVICES"
TRIES, LOCKED = 50, "Unable to acquire lock"
DVC = (sys.executable, "-m", "dvc")
# The stages' `python` is this one, also where the environment is not active.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def main() -> None:
    """Bring a profile's runs and its report up to date, `main` first."""
    arguments = _arguments()
    base = profiles.read(arguments.profile)
    names = _chosen(base, arguments.rows, arguments.tables)
    pipelines.write(base, names)
    changed = _changed(base.name)
    if _without_other_rows(names, base, changed):
        before = _resolved(base.name)
        _repro(pipelines.stage(base.name, "resolve"))
        if _resolved(base.name) != before:
            changed = _changed(base.name)
        _run_all(_waiting(base, names, changed), arguments.jobs)
        _render(base, names, changed)
    else:
        print("Data and pipelines are up to date.")
    print(_afterwards(base.name))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="repro", description="Train, evaluate and render what needs it.")
    add = parser.add_argument
    add("profile", metavar="PROFILE", nargs="?", help="default: the one that params.yaml names")
    add("jobs", metavar="JOBS", nargs="?", type=_count, help="runs at a time; default: GPUs, else cores")
    alone = "these rows alone, and the report with what is there"
    add("--rows", metavar="ROW", nargs="+", default=(), help=alone)
    shown = "rows of these tables or groups of tables: paper, methods, audit, all; default: paper"
    add("--tables", metavar="TABLE", nargs="+", default=(), help=shown)
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1; rows go after --rows")
    return int(text)


def _chosen(base: Profile, asked: Sequence[str], tables: Sequence[str]) -> list[str]:
    """The rows that are asked for, and those of the tables; with neither, the paper's own; `main` first.

    Raises:
        UserError: one is not declared, is on a dataset that the profile does without, or is `main` there;
            or there is no such table.
    """
    known, source = pipelines.rows_of(base), f"experiments/profiles/{base.name}.yaml"
    for row in asked:
        if (dataset := experiment.resolve(row, base).data.dataset) in base.left_out:
            raise UserError(f"{source}: leaves {dataset} out, which row {row} is trained on")
        if row not in known:
            raise UserError(f"{source}: makes row {row} the same as `{experiment.MAIN}`; run that")
    shown = () if asked and not tables else declared.rows_of(tables or (declared.PAPER,), experiment.rows())
    wanted = [row for row in dict.fromkeys((*asked, *shown)) if row in known]
    return sorted(wanted, key=lambda row: row != experiment.MAIN)


def _without_other_rows(names: Sequence[str], base: Profile, changed: set[str]) -> set[str]:
    """`changed` without the stages of rows that are not in `names`."""
    others = runs.declared(base.name, set(pipelines.rows_of(base)) - set(names), profiles.seeds(base))
    return changed - {stage for key in others for stage in _stages(key)}


def _repro(*arguments: str) -> None:
    if subprocess.run([*DVC, "repro", *arguments], check=False, env=ENVIRONMENT).returncode:
        sys.exit(1)


def _changed(profile: str) -> set[str]:
    """The profile's stages that are out of date, as `dvc status` has them."""
    at = pipelines.folder(profile)
    command = [*DVC, "status", "--json", str(at / pipelines.DVC_YAML), str(pipelines.COMPLEXITY)]
    status = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if status.returncode == 0:
        kept_lock.keep(at / "dvc.lock")
        return set(json.loads(status.stdout))
    for lock in (at / "dvc.lock", pipelines.COMPLEXITY.with_suffix(".lock")):
        if str(lock) in status.stderr:
            raise UserError(f"{lock}: is broken (a kill, a full disk?); `{kept_lock.remedy(lock)}` mends it")
    raise UserError(f"dvc status: {status.stderr.strip().splitlines()[-1]}")


def _resolved(profile: str) -> dict[str, bytes]:
    """The bytes of the resolved configs, by the name of their file."""
    return {path.name: path.read_bytes() for path in (runs.RESOLVED / profile).glob("*.yaml")}


def _waiting(base: Profile, names: Sequence[str], changed: set[str]) -> list[RunKey]:
    """Runs of the rows that are out of date: `main`, then those that took longest when they were last run.

    A long run that begins last would leave the other cores idle. Without earlier runs it is the rows' order.
    """
    keys = runs.declared(base.name, names, profiles.seeds(base))
    waiting = [key for key in keys if changed & set(_stages(key))]
    return sorted(waiting, key=lambda key: (key.row != experiment.MAIN, -_took(key)))


def _took(key: RunKey) -> float:
    """Seconds of a run's training and evaluation as they were recorded, 0 where none are."""
    parts = (runs.read_provenance(key), runs.read_evaluation(key))
    return sum(float(part.get("seconds", 0)) for part in parts if part)


def _run_all(waiting: Sequence[RunKey], asked: int | None) -> None:
    """Train and evaluate runs in parallel.

    Args:
        waiting: the runs, in the order in which they are begun.
        asked: how many at a time; None: as many as GPUs, else cores.

    Raises:
        UserError: naming those that failed, when the others are done.
    """
    if not waiting:
        return
    alone = launch.VARIABLE in os.environ  # each row takes all devices
    gpus = () if alone else _gpus()
    jobs = asked or (1 if alone else len(gpus) or paths.cores())
    logs = LOGS / waiting[0].profile
    print(f"To train and evaluate: {len(waiting)}, {jobs} at a time; logs in {logs}", flush=True)
    began, failed = time.monotonic(), []
    recorded, measured = {key: _took(key) for key in waiting}, dict[RunKey, float]()
    settings = _settings(gpus, jobs)
    # Not with GPUs: a training takes long there, and no fork is to find what CUDA did before it.
    forks = warm.python() if warm.POSSIBLE and not (alone or gpus) else nullcontext()
    with forks as folder, ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(_run, key, settings, folder): key for key in waiting}
        try:
            for done, future in enumerate(as_completed(running), 1):
                key = running[future]
                code, seconds = future.result()
                failed += [key] if code else []
                measured |= {} if code else {key: seconds}
                kept_lock.keep(pipelines.folder(key.profile) / "dvc.lock")
                elapsed = time.monotonic() - began
                left = time_left(recorded, measured, min(jobs, len(waiting)), elapsed) / 60
                said = "failed" if code else "done"
                print(f"{done} of {len(waiting)} rows: {key} {said}, about {left:.0f} min left", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # those that run end after their step
            raise
    if failed:
        named = ", ".join(f"{key} ({_log(key)})" for key in failed)
        raise UserError(f"{len(failed)} of {len(waiting)} rows failed: {named}")


def _render(base: Profile, asked: Sequence[str], changed: set[str]) -> None:
    """Run the stages after training and evaluation, and no row that was not asked for.

    Args:
        base: whose report is rendered.
        asked: the rows that were asked for.
        changed: stages that were out of date before. Pictures are drawn of `main`, where it is trained.
    """
    at = pipelines.folder(base.name)
    if set(asked) >= set(pipelines.rows_of(base)):
        _repro(str(at / pipelines.DVC_YAML))
        return
    main_run = RunKey(base.name, experiment.MAIN, profiles.seeds(base)[0])
    is_there = experiment.MAIN in (pipelines.listed(base.name) or ()) and _stages(main_run)[0] not in changed
    drawn = ["pictures"] if experiment.MAIN in asked or is_there else []
    if not drawn:  # `report` depends on the folder: as it was, or empty, which says that no run is drawn
        temporal_difference.folder(base.name).mkdir(parents=True, exist_ok=True)
    own = [*(f"sheets@{dataset}" for dataset in profiles.DATASETS), *drawn, "report"]
    own = [pipelines.stage(base.name, name) for name in own]
    # `complexity` is of no profile and reads the list of its code that the root's pipeline writes.
    _repro("--single-item", "code", f"{pipelines.COMPLEXITY}:complexity", *own)


def _afterwards(profile: str) -> str:
    """Where the report is, and what to type next."""
    at = pipelines.folder(profile)
    own = at == Path()
    target, named = ("", "") if own else (f" {at / pipelines.DVC_YAML}", f" --profile {profile}")
    tracked = "" if own else f"git add {at} && "
    flag = "--allow-missing -S adapters.text.layers=4"
    return "\n".join(
        (
            f"The report is reports/{profile}/README.md, or reports/{profile}/index.html in a browser. Next:",
            f"  m2clip trace main{named}  # where its numbers come from",
            f"  {tracked}dvc exp run{target} {flag}  # change one thing of `main`",
            "  make ui  # all runs in MLflow",
        )
    )


def _stages(key: RunKey) -> tuple[str, str]:
    train, evaluate = (f"{stage}@{key.row}-{key.seed}" for stage in ("train", "evaluate"))
    return pipelines.stage(key.profile, train), pipelines.stage(key.profile, evaluate)


def _gpus() -> tuple[str, ...]:
    """The GPUs that a run may use, as CUDA_VISIBLE_DEVICES names them.

    The driver is asked, not torch, which takes seconds to load.
    """
    named = os.environ.get(VISIBLE)
    if named is None:
        tool = shutil.which("nvidia-smi")
        if tool is None:
            return ()
        command = [tool, "--query-gpu=uuid", "--format=csv,noheader"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        named = "" if asked.returncode else ",".join(asked.stdout.split())
    # CUDA reads the list up to the first that is none, such as -1.
    return tuple(takewhile(lambda gpu: gpu not in ("", "-1"), (gpu.strip() for gpu in named.split(","))))


def _settings(gpus: tuple[str, ...], jobs: int) -> SimpleQueue[dict[str, str]]:
    """For each of `jobs` parallel runs the environment variables that it adds: its GPU, if there are any."""
    settings: SimpleQueue[dict[str, str]] = SimpleQueue()
    for one in islice(cycle([{VISIBLE: gpu} for gpu in gpus] or [{}]), jobs):
        settings.put(one)
    return settings


def _log(key: RunKey) -> Path:
    return LOGS / key.profile / f"{key.row}-{key.seed}.log"


def _run(key: RunKey, settings: SimpleQueue[dict[str, str]], forks: Path | None) -> tuple[int, float]:
    """Run both stages of a run, without the stages before them, which are up to date.

    DVC waits only three seconds for the lock that other rows hold while they begin and end, so it is tried up
    to TRIES times; stages that are done stay done. forks: folder of warm.py's `python`, if one is used.

    Returns:
        The exit code, and how many seconds it took.
    """
    command, log = [*DVC, "repro", "--single-item", *_stages(key)], _log(key)
    environment = ENVIRONMENT
    if forks:
        command[0] = str(forks / "python")
        environment = ENVIRONMENT | {"PATH": f"{forks}{os.pathsep}{ENVIRONMENT['PATH']}"}
    log.parent.mkdir(parents=True, exist_ok=True)
    mine, began = settings.get(), time.monotonic()
    try:
        for _ in range(TRIES):
            with log.open("w", encoding="utf-8") as file:
                code = subprocess.run(
                    command, stdout=file, stderr=subprocess.STDOUT, check=False, env=environment | mine
                ).returncode
            if code == 0 or LOCKED not in log.read_text(encoding="utf-8"):
                break
            time.sleep(1)
    finally:
        settings.put(mine)
    return code, time.monotonic() - began


def end_all(*_: object) -> None:
    """Handle SIGTERM as Ctrl-C: end all child processes, to which a terminal would send Ctrl-C itself."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_all)
    guarded(main)
