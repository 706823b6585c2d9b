"""`code PROFILE`: digests of the source of every stage that is not run row by row.

It writes data/<profile>/code/<stage>.txt. The stages depend on these files, so that each runs again where its
own code has changed (closure.py).
"""

import shutil
from pathlib import Path

from m2clip import closure
from m2clip.errors import guarded
from m2clip.names import arguments

STAGES = ("prepare", "sheets", "resolve", "complexity", "pictures", "report")


def main() -> None:
    """Write one file a stage."""
    folder = Path("data") / arguments("PROFILE")[0] / "code"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for stage in STAGES:
        (folder / f"{stage}.txt").write_text(closure.of_stage(stage), encoding="utf-8")


if __name__ == "__main__":
    guarded(main)
