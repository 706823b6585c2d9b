"""What was done to this repository on purpose, and what of it survived: runs the tests that do it and counts.

    python benchmarks/reliability.py             results/reliability.json, then the page
    python benchmarks/reliability.py FILE...     these tests alone; what is known of the others stays
    python benchmarks/reliability.py --page      reports/reliability.md of what is there

One test at a time, on the CPU; some start processes of their own. `--short` is what `make test` runs of them.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from m2clip import paths, provenance
from m2clip.errors import guarded
from m2clip.files import read_json

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "reliability.json"
FUZZ = HERE / "results" / "fuzz.json"  # of fuzz.py, which is run by hand
PAGE = Path("reports/reliability.md")
TESTS = Path("tests")
FILES = (
    *sorted(path.relative_to(TESTS).as_posix() for path in (TESTS / "reliability").glob("test_*.py")),
    "test_decoding.py",
    "test_bad_files.py",
    "test_checkpoint.py",
    "test_many_writers.py",
)


def run(short: bool, files: list[str]) -> int:
    """Run the tests of these files and write what they counted; pytest's exit code."""
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": provenance.commit(),
        "processor": provenance.processor(),
        "cores": paths.cores(),
        "form": "short" if short else "long",
    }
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted.json"
        chosen = "not slow" if short else "slow or not slow"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tally", "-m", chosen]
        before = os.environ.get("PYTHONPATH", "")
        found = os.pathsep.join(filter(None, [str(TESTS), "src", before]))
        began = time.monotonic()
        ended = subprocess.run(
            [*command, *(str(TESTS / file) for file in files)],
            env=os.environ | {"PYTHONPATH": found, "RELIABILITY": str(counted)},
            check=False,
        )
        about["wall_seconds"] = round(time.monotonic() - began, 1)  # of the run, with all its files
        lines = [line | about for line in read_json(counted)]
    kept = read_json(RESULTS) if RESULTS.exists() else []
    lines += [line for line in kept if line["file"] not in {path.rpartition("/")[2] for path in files}]
    with paths.written_anew(RESULTS) as part:
        part.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    return ended.returncode


def page() -> None:
    """Render the page of what was counted last."""
    lines = read_json(RESULTS)
    files = {path: [line for line in lines if line["file"] == path.rpartition("/")[2]] for path in FILES}
    files = {path: some for path, some in files.items() if some}
    runs = {(line["date"], line["commit"], line["cores"], line["wall_seconds"]) for line in lines}
    templates = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    rendered = templates.get_template("reliability.md.j2").render(
        lines=lines,
        files=files,
        runs=sorted(runs),
        held=sum(line["survived"] == line["tried"] for line in lines),
        fuzz=read_json(FUZZ) if FUZZ.exists() else [],
    )
    with paths.written_anew(PAGE) as part:
        part.write_text(rendered, encoding="utf-8")


def main() -> None:
    """Run the tests, then render; the exit code is pytest's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only what `make test` runs")
    parser.add_argument("--page", action="store_true", help="only render the page again")
    parser.add_argument("files", nargs="*", metavar="FILE", help="below tests/; default: all", default=FILES)
    asked = parser.parse_args()
    code = 0 if asked.page else run(asked.short, list(asked.files))
    page()
    sys.exit(code)


if __name__ == "__main__":
    guarded(main)
