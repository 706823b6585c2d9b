"""Where a run's files come from: commit, command, machine, versions and times."""

import contextlib
import datetime
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from m2clip import shortcuts
from m2clip.paths import cores, root

DECIDING = ("src", "experiments/backbone", "experiments/profiles", "experiments/rows")
PACKAGES = ("torch", "torchvision", "open_clip_torch", "numpy", "decord", "av", "dvc", "mlflow")
CPUINFO = Path("/proc/cpuinfo")  # of Linux


def source() -> dict[str, Any]:
    """Where what a stage is about to do comes from; to be called before it does it."""
    return {
        "commit": commit(),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", *DECIDING)),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME"),
        "command": " ".join(["python -m", *_command()]),
        "machine": {"system": platform.platform(terse=True), "processor": processor(), "cores": cores()},
        "versions": {"python": platform.python_version()} | _versions(),
        "started": _now().isoformat(timespec="seconds"),
    } | ({"shortcuts": "off"} if shortcuts.off() else {})


def _versions() -> dict[str, str]:
    """Of the packages that decide results; decord has no wheel for every machine."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def write_provenance(path: Path, device: str, source: dict[str, Any], about: dict[str, Any]) -> None:
    """Write where a run's files come from: `source`, `about`, and the seconds since it was asked for."""
    seconds = (_now() - datetime.datetime.fromisoformat(source["started"])).total_seconds()
    content = source | {"device": device, "seconds": round(seconds, 1)} | about
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


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
    """What the machine calls its processor; on Linux with family and model, since several share a name."""
    if not CPUINFO.exists():
        return platform.processor() or platform.machine()
    lines = [line.partition(":") for line in CPUINFO.read_text(encoding="utf-8").splitlines()]
    told = {key.strip(): value.strip() for key, _, value in reversed(lines)}  # of the first core
    name = told.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in told and "model" in told:
        return f"{name} (family {told['cpu family']}, model {told['model']})"
    return name


def same_processor(one: str, other: str) -> bool:
    """Whether two names may be of one model; a name without its family is of any processor of that name."""
    short, long = sorted((one, other), key=len)
    return short == long or long.startswith(f"{short} (family ")
