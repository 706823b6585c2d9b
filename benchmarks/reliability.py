"""What was done to this repository on purpose, and what of it survived: runs the tests that do it and counts.

    python benchmarks/reliability.py [--short] [PYTEST OPTION...]     results/reliability.json, then the page
    python benchmarks/reliability.py --page                           reports/reliability.md of what is there

One process, on the CPU. The long form takes an hour or more on one core; `--short` is what `make test` runs.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from m2clip import paths, provenance
from m2clip.errors import guarded
from m2clip.files import read_json

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "reliability.json"
PAGE = Path("reports/reliability.md")
TESTS = Path("tests")
FILES = ("reliability", "test_decoding.py", "test_bad_files.py", "test_checkpoint.py")


def run(short: bool, options: list[str]) -> int:
    """Run the tests and write what they counted; pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted.json"
        chosen = "not slow" if short else "slow or not slow"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tally", "-m", chosen, *options]
        before = os.environ.get("PYTHONPATH", "")
        found = os.pathsep.join(filter(None, [str(TESTS), "src", before]))
        ended = subprocess.run(
            [*command, *(str(TESTS / file) for file in FILES)],
            env=os.environ | {"PYTHONPATH": found, "RELIABILITY": str(counted)},
            check=False,
        )
        lines = read_json(counted)
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": provenance.commit(),
        "processor": provenance.processor(),
        "cores": paths.cores(),
        "form": "short" if short else "long",
    }
    with paths.written_anew(RESULTS) as part:
        part.write_text(json.dumps({**about, "lines": lines}, indent=1) + "\n", encoding="utf-8")
    return ended.returncode


def page() -> None:
    """Render the page of what was counted last."""
    content = read_json(RESULTS)
    files: dict[str, list[dict[str, object]]] = {}
    for line in content["lines"]:
        files.setdefault(line["file"], []).append(line)
    templates = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    rendered = templates.get_template("reliability.md.j2").render(**content, files=files)
    with paths.written_anew(PAGE) as part:
        part.write_text(rendered, encoding="utf-8")


def main() -> None:
    """Run the tests, then render; the exit code is pytest's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only what `make test` runs")
    parser.add_argument("--page", action="store_true", help="only render the page again")
    asked, options = parser.parse_known_args()
    code = 0 if asked.page else run(asked.short, options)
    page()
    sys.exit(code)


if __name__ == "__main__":
    guarded(main)
