"""`prepare PROFILE DATASET`: videos and annotations -> manifest; generated profiles make the videos first."""

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from m2clip import rows, workplace
from m2clip.data import annotations, standin
from m2clip.data.preparing import prepare
from m2clip.data.standin.sets import LABELS, generate
from m2clip.errors import UserError, guarded


def main() -> None:
    """Write data/<profile>/<dataset>/: videos, annotations.csv, labels.txt, manifest.parquet, invalid.csv."""
    name, dataset = sys.argv[1:]
    profile = rows.profile(name)
    if dataset not in profile.standin:
        raise UserError(f"experiments/profiles/{name}.yaml: standin.{dataset}: there is no such key")
    # DVC removes a stage's outs before it runs again: what a killed run has done is kept outside of them.
    kept = workplace.root() / ".work" / "standin" / name / f"{dataset}-{_digest(profile.standin[dataset])}"
    work, jobs = Path(os.path.relpath(kept)), workplace.cores()
    generate(dataset, work, profile.standin[dataset], jobs)
    (work / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS[dataset]), encoding="utf-8")
    prepared = prepare(annotations.read("plain", work), work, jobs, profile.prepare.max_invalid)
    folder = Path("data") / name / dataset
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work, folder)
    print(f"stand-in {dataset}: {len(prepared.table)} videos, {len(prepared.labels)} labels")


def _digest(counts: Mapping[str, int]) -> str:
    """Of the world's code and the number of videos, so that nothing of another world is gone on with."""
    digest = hashlib.sha256(repr(sorted(counts.items())).encode())
    for path in sorted(Path(standin.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    guarded(main)
