"""`beside [PROFILE]`: another profile's pipeline, in experiments/<profile>/dvc.yaml with a lock of its own.

dvc.lock holds the results of one profile, the one that params.yaml names. The stages of another are the same
with its name in place, so that its results are committed beside them; everything else in params.yaml counts
for both. While this file is there, params.yaml cannot name that profile: DVC lets one stage write a file.
Rows of datasets that the profile leaves out are no stages of it.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from m2clip import rows
from m2clip.errors import UserError, guarded

PIPELINE = Path("dvc.yaml")
SHARED = ("complexity",)  # of full size and of no profile: the root's pipeline has it
HEAD = "# Written by `python -m m2clip.stages.beside {profile}` from the root's dvc.yaml; change that one.\n"
UP = "../../"


def pipeline(profile: str) -> Path:
    """The file that holds a profile's stages."""
    if profile == rows.params()["profile"]:
        return PIPELINE
    return Path("experiments") / profile / "dvc.yaml"


def written(profile: str) -> str:
    """The content of that file, from the pipeline in the root."""
    text = PIPELINE.read_text(encoding="utf-8").replace("${profile}", profile)
    content: dict[str, Any] = yaml.safe_load(text)
    content["vars"] = [f"{UP}{file}" for file in content["vars"]] + [f"{UP}{rows.PARAMS}:seeds"]
    stages = {name: stage for name, stage in content["stages"].items() if name not in SHARED}
    kept = _kept(profile)
    for stage in stages.values():
        body = stage.get("do", stage)
        body["wdir"] = UP.rstrip("/")
        if kept and "row" in stage.get("matrix", {}):
            stage["matrix"]["row"] = kept
    content["stages"] = stages
    content["plots"] = [{f"{UP}{file}": how for file, how in plot.items()} for plot in content["plots"]]
    return HEAD.format(profile=profile) + yaml.safe_dump(content, sort_keys=False, width=110)


def _kept(profile: str) -> list[str]:
    """The rows on datasets that the profile has; none where it has all, and rows.yaml says which there are.

    Raises:
        UserError: `main` is on one that it does without.
    """
    base = rows.profile(profile)
    if not base.left_out:
        return []
    datasets = {row: rows.resolve(row, base).data.dataset for row in rows.rows()}
    if (of_main := datasets[rows.MAIN]) in base.left_out:
        raise UserError(
            f"experiments/profiles/{profile}.yaml: leaves {of_main} out, which `{rows.MAIN}` is trained on; "
            f"name another in {rows.PARAMS}, data.dataset"
        )
    return [row for row, dataset in datasets.items() if dataset not in base.left_out]


def write(profile: str) -> Path:
    """The file that holds a profile's stages, written where it is not as it would be written now."""
    path = pipeline(rows.profile(profile).name)
    if path != PIPELINE and (not path.exists() or path.read_text(encoding="utf-8") != written(profile)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(profile), encoding="utf-8")
    return path


def main() -> None:
    """Write it and print where it is, for `dvc repro`."""
    print(write(sys.argv[1] if len(sys.argv) > 1 else rows.profile().name))


if __name__ == "__main__":
    guarded(main)
