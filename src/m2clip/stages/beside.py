"""`beside [PROFILE]`: another profile's pipeline, in experiments/<profile>/dvc.yaml with a lock of its own.

dvc.lock holds the results of one profile, the one that params.yaml names. The stages of another are the same
with its name in place, so that its results are committed beside them; everything else in params.yaml counts
for both, but for the seeds of a profile that has its own. While this file is there, params.yaml cannot name
that profile: DVC lets one stage write a file.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from m2clip import rows
from m2clip.errors import guarded

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
    for root, its in _backbones(profile):
        text = text.replace(root, its)
    content: dict[str, Any] = yaml.safe_load(text)
    base = rows.profile(profile)
    own = f"experiments/profiles/{profile}.yaml" if rows.has_own_seeds(base) else None
    content["vars"] = [f"{UP}{file}" for file in content["vars"]] + [f"{UP}{own or rows.PARAMS}:seeds"]
    stages = {name: stage for name, stage in content["stages"].items() if name not in SHARED}
    for stage in stages.values():
        body = stage.get("do", stage)
        body["wdir"] = UP.rstrip("/")
        if own and "seeds" in body.get("params", ()):
            body["params"].remove("seeds")
            body["params"].append({own: ["seeds"]})
    content["stages"] = stages
    content["plots"] = [{f"{UP}{file}": how for file, how in plot.items()} for plot in content["plots"]]
    return HEAD.format(profile=profile) + yaml.safe_dump(content, sort_keys=False, width=110)


def _backbones(profile: str) -> list[tuple[str, str]]:
    """Files of the root's backbone that dvc.yaml names, and this profile's, where it has such files too."""
    root, its = (rows.profile(name).backbone for name in (None, profile))
    keys = ("config", "pretrained")
    return [(str(root[key]), str(its[key])) for key in keys if key in root and key in its and "config" in its]


def write(profile: str) -> Path:
    """The file that holds a profile's stages, written where it is not as it would be written now."""
    base = rows.profile(profile)
    rows.check_weights(base)
    path = pipeline(base.name)
    if path != PIPELINE and (not path.exists() or path.read_text(encoding="utf-8") != written(profile)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(profile), encoding="utf-8")
    return path


def main() -> None:
    """Write it and print where it is, for `dvc repro`."""
    print(write(sys.argv[1] if len(sys.argv) > 1 else rows.profile().name))


if __name__ == "__main__":
    guarded(main)
