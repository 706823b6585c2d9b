"""Keep the verdicts of a commit, to stand beside those of rows that are trained for other numbers of steps.

    python benchmarks/earlier.py evidence 7fc4869

Written to experiments/longer/<profile>_claims.csv, a line for each claim that was judged there.
"""

import csv
import io
import subprocess
import sys

import yaml

from m2clip.report.longer import FOLDER


def main() -> None:
    """Read both files of each claim from git, and write."""
    profile, named = sys.argv[1:]
    commit = git("rev-parse", named).strip()
    found = []
    for line in csv.DictReader(io.StringIO(git("show", f"{commit}:reports/{profile}/claims.csv"))):
        if not line["p_holm"]:
            continue
        resolved = f"experiments/resolved/{profile}/{line['better']}.train.yaml"
        steps = yaml.safe_load(git("show", f"{commit}:{resolved}"))["train"]["steps"]
        kept = {key: line[key] for key in ("claim", "verdict", "difference", "low", "high")}
        found.append(kept | {"steps": steps, "commit": commit})
    with (FOLDER / f"{profile}_claims.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def git(*words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
