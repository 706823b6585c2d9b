"""Where a stage runs: the root that outlives temporary folders, and where a run's files come from."""

import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any


def root() -> Path:
    """DVC's root, also while a stage runs in the temporary folder of an experiment; else this folder."""
    return Path(os.environ.get("DVC_ROOT") or ".").resolve()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def provenance(device: str, started: datetime.datetime) -> dict[str, Any]:
    """Where the files of a run come from: code, command, machine, versions and times."""
    now = datetime.datetime.now(datetime.UTC)
    packages = ("torch", "torchvision", "open_clip_torch", "numpy", "decord", "dvc", "mlflow")
    return {
        "commit": commit(),
        "dirty": bool(
            _git("status", "--porcelain", "--untracked-files=no", "--", "src", "experiments/backbone")
        ),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME"),
        "command": " ".join(["python -m", *_command()]),
        "machine": {"system": platform.platform(terse=True), "processor": processor(), "cores": cores()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "device": device,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((now - started).total_seconds(), 1),
    }


def commit() -> str | None:
    """The commit that is checked out, or None outside of git."""
    return _git("rev-parse", "HEAD")


def _command() -> list[str]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return [spec.name if spec else Path(sys.argv[0]).name, *sys.argv[1:]]


def _git(*arguments: str) -> str | None:
    result = subprocess.run(["git", *arguments], cwd=root(), capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def processor() -> str:
    """What the machine calls its processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
