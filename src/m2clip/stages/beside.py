"""`beside [--backbone] [PROFILE]`: another profile's pipeline, in experiments/<profile>/dvc.yaml.

dvc.lock holds the results of one profile, the one that params.yaml names. The stages of another are the same
with its name in place and a lock of their own, so that its results are committed beside them; everything else
in params.yaml counts for both, but for the seeds of a profile that has its own. While this file is there,
params.yaml cannot name that profile: DVC lets one stage write a file. No stages of it are rows of datasets
that the profile leaves out, and rows that it makes equal to `main`: `released-flip`, where the profile flips.

With --backbone: the stage that trains the backbone of a synthetic dataset, in the same way.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from m2clip import rows
from m2clip.errors import UserError, guarded
from m2clip.report.differences import paper

PIPELINE = Path("dvc.yaml")
BACKBONE = Path("experiments/backbone/dvc.yaml")
NAMED = "embedded"  # whose backbone the root's dvc.yaml names, and that of experiments/backbone
CARD = ("card.json", "curve.csv", "README.md", "world.png")
SHARED = ("complexity",)  # of full size and of no profile: the root's pipeline has it
HEAD = "# Written by `python -m m2clip.stages.beside {profile}` from {source}; change that one.\n"
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
    kept = _kept(profile)
    for stage in stages.values():
        body = stage.get("do", stage)
        body["wdir"] = UP.rstrip("/")
        if own and "seeds" in body.get("params", ()):
            body["params"].remove("seeds")
            body["params"].append({own: ["seeds"]})
        if kept and "row" in stage.get("matrix", {}):
            stage["matrix"]["row"] = kept
    content["stages"] = stages
    content["plots"] = [{f"{UP}{file}": how for file, how in plot.items()} for plot in content["plots"]]
    return HEAD.format(profile=profile, source="the root's dvc.yaml") + yaml.safe_dump(
        content, sort_keys=False, width=110
    )


def _backbones(profile: str) -> list[tuple[str, str]]:
    """Files of the backbone that dvc.yaml names, and this profile's, where it has such files too."""
    root, its = (rows.profile(name).backbone for name in (NAMED, profile))
    keys = ("config", "pretrained")
    return [(str(root[key]), str(its[key])) for key in keys if "config" in its and key in its]


def _kept(profile: str) -> list[str]:
    """The rows that are stages of the profile; none where all are, and rows.yaml says which there are.

    Raises:
        UserError: `main` is on a dataset that it does without.
    """
    base = rows.profile(profile)
    configs = {row: rows.resolve(row, base) for row in rows.rows()}
    if (of_main := configs[rows.MAIN].data.dataset) in base.left_out:
        raise UserError(
            f"experiments/profiles/{profile}.yaml: leaves {of_main} out, which `{rows.MAIN}` is trained on; "
            f"name another in {rows.PARAMS}, data.dataset"
        )
    again = {row for row, config in configs.items() if config == paper(base, "k400")} - {rows.MAIN}
    kept = [row for row in configs if configs[row].data.dataset not in base.left_out and row not in again]
    return kept if len(kept) < len(configs) else []


def write(profile: str) -> Path:
    """The file that holds a profile's stages, written where it is not as it would be written now."""
    base = rows.profile(profile)
    rows.check_weights(base)
    path = pipeline(base.name)
    return path if path == PIPELINE else _keep(path, written(profile))


def write_backbone(profile: str) -> Path:
    """The file of the stage that trains a synthetic backbone, written where it is not the small world's.

    Raises:
        UserError: for a profile whose backbone is not trained here.
    """
    replaced = _backbones(profile)
    if not rows.profile(profile).synthetic or not replaced:
        raise UserError(
            f"experiments/profiles/{profile}.yaml: backbone: nothing to train, it is not synthetic"
        )
    text = BACKBONE.read_text(encoding="utf-8")
    if all(name == its for name, its in replaced):
        return BACKBONE
    folder = BACKBONE.parent / profile
    for name, its in (*replaced, *((f"{BACKBONE.parent}/{file}", f"{folder}/{file}") for file in CARD)):
        text = text.replace(name, its)
    content = yaml.safe_load(text)
    content["stages"]["backbone"]["wdir"] += "/.."
    content["stages"]["backbone"]["cmd"] += f" {profile}"
    head = HEAD.format(profile=f"--backbone {profile}", source=BACKBONE)
    return _keep(folder / BACKBONE.name, head + yaml.safe_dump(content, sort_keys=False, width=110))


def _keep(path: Path, text: str) -> Path:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def main() -> None:
    """Write it and print where it is, for `dvc repro`."""
    make = write_backbone if "--backbone" in sys.argv else write
    named = [argument for argument in sys.argv[1:] if argument != "--backbone"]
    print(make(named[0] if named else rows.profile().name))


if __name__ == "__main__":
    guarded(main)
