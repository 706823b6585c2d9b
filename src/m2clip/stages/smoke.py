"""`smoke [FOLDER]`: the whole pipeline on the smoke profile with four rows, in a copy; nothing here changes.

It tells in a few minutes whether everything works on a machine. Its numbers mean nothing.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from m2clip import paths
from m2clip.errors import UserError, guarded
from m2clip.files import read_mapping
from m2clip.stages.repro import DVC, ENVIRONMENT

KEPT = ("main", "ssv2", "clip", "clip-ssv2")
RESULTS = ("experiments/runs", "experiments/resolved", "dvc.lock", "pipelines/complexity/dvc.lock", "reports")
PIPELINES, SHARED = "pipelines/", "pipelines/complexity/"  # those of other profiles are not copied


def main() -> None:
    """Copy, reproduce, and say where the report is."""
    began = time.monotonic()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else paths.root() / ".work" / "smoke"
    shutil.rmtree(folder, ignore_errors=True)
    copy(Path.cwd(), folder)
    settings = ENVIRONMENT | {"DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "site")}
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):  # its runs stay in it
        settings.pop(name, None)
    for command in (("git", "init", "-q"), (*DVC, "repro")):
        if code := subprocess.run(command, cwd=folder, env=settings, check=False).returncode:
            raise UserError(f"{folder}: `{' '.join(command[-2:])}` ended with {code}")
    minutes, page = (time.monotonic() - began) / 60, folder / "reports" / "smoke" / "README.md"
    print(
        f"It works, in {minutes:.1f} minutes: {os.path.relpath(page)}. Its numbers mean nothing, since each"
    )
    print("row was trained for a few steps. Next: make repro")


def copy(repository: Path, folder: Path, kept: Sequence[str] = KEPT) -> None:
    """The files of a repository without its results, with the smoke profile and these rows alone."""
    command = ("git", "ls-files", "-co", "--exclude-standard")
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise UserError(f"{repository}: not a git repository, whose files could be copied")
    for name in listed.stdout.splitlines():
        of_another = name.startswith(PIPELINES) and not name.startswith(SHARED)
        if (repository / name).is_file() and not name.startswith(RESULTS) and not of_another:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository / name, folder / name, follow_symlinks=False)
    _edit(folder / "params.yaml", {"profile": "smoke", "tables": ["main"]})
    _edit(folder / "rows.yaml", {"rows": list(kept)})
    for path in (folder / "experiments/rows").glob("*.yaml"):
        declared = read_mapping(path)
        entries = {name: entry for name, entry in declared.items() if name in kept}
        path.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
    path = folder / "experiments/tables.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    table = content["tables"]["main"]
    table["rows"] = [row for row in table["rows"] if row in kept]
    _edit(path, {"tables": {"main": table}})
    path = folder / "experiments/claims.yaml"
    claims = yaml.safe_load(path.read_text(encoding="utf-8"))["claims"]
    stated = {
        name: claim for name, claim in claims.items() if {claim["better"], *claim["worse"]} <= set(kept)
    }
    _edit(path, {"claims": stated})
    path = folder / "experiments/audit.yaml"
    switches = yaml.safe_load(path.read_text(encoding="utf-8"))["switches"]
    _edit(path, {"switches": [switch for switch in switches if switch.get("row", "main") in kept]})


def _edit(path: Path, changes: dict[str, Any]) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    guarded(main)
