"""Runs of `dvc exp`: their files are in the commits under refs/exps, and often nowhere else."""

import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.runs import RunKey

# Python before 3.11.4 has no filter; what is unpacked is of this repository's own commits.
SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
REF = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/.+")  # the baseline's commit, then a name
READ = (
    "params.yaml",
    "experiments",
    ":(exclude)experiments/backbone",
)  # what the content of a run is read from


def unpack(into: Path, profile: str | None) -> Iterator[tuple[Path, list[RunKey]]]:
    """Each experiment's files in a folder of its own, and the runs that it changed; none outside of git."""
    refs = _git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").decode().splitlines()
    for commit, ref in (line.split(" ", 1) for line in refs):
        match = REF.fullmatch(ref)
        keys = _changed("".join(match.groups()), commit, profile) if match else []
        archive = _git("archive", "--format=tar", commit, "--", *READ) if keys else b""
        if archive:
            folder = into / commit
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(folder, **SAFELY)
            yield folder, keys


def _changed(baseline: str, commit: str, profile: str | None) -> list[RunKey]:
    """The runs of which a file differs between two commits."""
    text = _git("diff", "--name-only", "-z", baseline, commit, "--", str(runs.ROOT)).decode()
    paths = [Path(name).relative_to(runs.ROOT).parts for name in text.split("\0") if name]
    keys = {RunKey(p[0], p[1], int(p[2])) for p in paths if len(p) > 3 and p[2].isdecimal()}
    return sorted(key for key in keys if profile in (None, key.profile))


def _git(*arguments: str) -> bytes:
    """What git says; nothing where it fails."""
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError:
        return b""
    return result.stdout if result.returncode == 0 else b""
