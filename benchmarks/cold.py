"""Time what a newcomer types, in a fresh clone of this commit: a line each in results/cold.csv.

    python benchmarks/cold.py FOLDER [setup] [repro] [again] [test]

FOLDER is made and kept, so that a later call can go on in it.
"""

import csv
import resource
import subprocess
import sys
import time
from pathlib import Path

from m2clip import experiment, paths, profiles, provenance

RESULTS = Path("benchmarks/results/cold.csv").resolve()
COMMANDS = {"setup": "setup", "repro": "repro", "again": "repro", "test": "test"}


def timed(target: str, folder: Path) -> dict[str, object]:
    """Run `make TARGET` in the clone; wall and processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(["make", target], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "command": f"make {target}",
        "wall_seconds": round(time.monotonic() - began),
        "cpu_seconds": round(cpu),
    }


def main() -> None:
    """Clone, run, append."""
    folder, asked = Path(sys.argv[1]), sys.argv[2:] or list(COMMANDS)
    if not folder.exists():
        subprocess.run(["git", "clone", "--quiet", ".", str(folder)], check=True)
    for what in asked:
        line = {"what": what} | timed(COMMANDS[what], folder) | {
            "profile": profiles.read().name,
            "rows": len(experiment.rows()),
            "processor": provenance.processor(),
            "cores": paths.cores(),
            "commit": (provenance.commit() or "")[:12],
            "note": "",  # by hand: what else ran meanwhile
        }  # fmt: skip
        new = not RESULTS.exists()
        with RESULTS.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(line), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(line)


if __name__ == "__main__":
    main()
