"""`side_by_side [JOBS]`: train and evaluate the rows that need it, several at a time, through DVC itself.

A plain `dvc repro` afterwards finds them done and renders the report; alone it gives the same bits, later.
Every run has one thread, so that its bits do not depend on how many run beside it.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from m2clip import rows, workplace
from m2clip.errors import UserError, guarded
from m2clip.runs import RunKey, declared
from m2clip.training import launch

LOGS = Path(".work/logs")
DVC = (sys.executable, "-m", "dvc")
# The stages' `python` is this one, also where the environment is not active.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def main() -> None:
    """Prepare and resolve, then run what is not up to date, `main` first."""
    alone = launch.VARIABLE in os.environ  # each row takes all devices
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1 if alone else workplace.cores()
    if subprocess.run([*DVC, "repro", "resolve"], check=False, env=ENVIRONMENT).returncode:
        sys.exit(1)
    waiting = _waiting()
    began, failed = time.monotonic(), []
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(_run, key): key for key in waiting}
        for done, future in enumerate(as_completed(running), 1):
            key, code = running[future], future.result()
            failed += [key] if code else []
            left = (time.monotonic() - began) / done * (len(waiting) - done) / 60
            said = "failed" if code else "done"
            print(f"{done} of {len(waiting)} rows: {key} {said}, about {left:.0f} min left", flush=True)
    if failed:
        named = ", ".join(f"{key} ({_log(key)})" for key in failed)
        raise UserError(f"{len(failed)} of {len(waiting)} rows failed: {named}")


def _waiting() -> list[RunKey]:
    """Declared runs that DVC holds for out of date, `main` first."""
    status = subprocess.run(
        [*DVC, "status", "--json"], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    if status.returncode:
        raise UserError(f"dvc status: {status.stderr.strip().splitlines()[-1]}")
    changed = set(json.loads(status.stdout))
    names = sorted(rows.rows(), key=lambda row: row != rows.MAIN)
    keys = declared(rows.profile().name, names, rows.seeds())
    return [key for key in keys if changed & set(_stages(key))]


def _stages(key: RunKey) -> tuple[str, str]:
    return f"train@{key.row}-{key.seed}", f"evaluate@{key.row}-{key.seed}"


def _log(key: RunKey) -> Path:
    return LOGS / f"{key.row}-{key.seed}.log"


def _run(key: RunKey) -> int:
    """Both stages of a run, each by itself, since what several have in common is done; the exit code."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with _log(key).open("w", encoding="utf-8") as log:
        for stage in _stages(key):
            command = [*DVC, "repro", "--single-item", stage]
            code = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, check=False, env=ENVIRONMENT
            ).returncode
            if code:
                return code
    return 0


if __name__ == "__main__":
    guarded(main)
