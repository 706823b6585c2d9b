"""Where a profile's pipeline stands, and the rows that are its stages.

The profile that params.yaml names has the pipeline in the root. Any other has a folder of its own, in which
dvc.yaml is a link to the root's: so its results have a lock of their own, and both can be committed.

    pipelines/<profile>/dvc.yaml     a link
                       /params.yaml  profile and seeds; all else in the root's params.yaml counts for both
                       /rows.yaml    what differs between pipelines, written here; the root has one, too
                       /dvc.lock     DVC's

DVC has to know its stages before any of them runs. So rows.yaml lists the rows, of another profile only those
that were asked for: no command of DVC's trains one that nobody wanted. The root's lists all.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import yaml

from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.files import read_yaml
from m2clip.profiles import Profile
from m2clip.report.differences import paper

DVC_YAML = "dvc.yaml"
ROWS = "rows.yaml"
COMPLEXITY = Path("pipelines/complexity/dvc.yaml")  # of full size and of no profile
HEAD = "# Written by `make repro`: the rows that are stages of this pipeline, and where it stands.\n"
BACKBONE, WORLD = Path("experiments/backbone"), "world.yaml"
SMALL = (
    BACKBONE / "standin-ViT-S-16"
)  # the small world's, also what `resolve` of a CLIP from elsewhere depends on


def folder(profile: str) -> Path:
    """The folder of a profile's dvc.yaml, from the repository's root."""
    return Path() if profile == profiles.params()["profile"] else Path("pipelines") / profile


def stage(profile: str, name: str) -> str:
    """A stage as DVC calls it."""
    at = folder(profile)
    return name if at == Path() else f"{at / DVC_YAML}:{name}"


def rows_of(base: Profile) -> list[str]:
    """The rows that a profile can run, in the order of their declaration.

    Not those on datasets that it does without, nor those that it makes equal to `main`: `released-flip` where
    the profile flips.

    Raises:
        UserError: `main` is on a dataset that it does without.
    """
    configs = {row: experiment.resolve(row, base) for row in experiment.rows()}
    if (of_main := configs[experiment.MAIN].data.dataset) in base.left_out:
        raise UserError(
            f"experiments/profiles/{base.name}.yaml: leaves {of_main} out, which `{experiment.MAIN}` is "
            f"trained on; name another in {profiles.PARAMS}, data.dataset"
        )
    again = {row for row, config in configs.items() if config == paper(base, "k400")} - {experiment.MAIN}
    return [row for row in configs if configs[row].data.dataset not in base.left_out and row not in again]


def listed(profile: str) -> list[str] | None:
    """The rows that are stages now; None where the profile has no pipeline yet."""
    path = folder(profile) / ROWS
    return list(read_yaml(path)["rows"]) if path.exists() else None


def write(base: Profile, asked: Sequence[str] = ()) -> None:
    """Make the profile's pipeline, or bring its list of rows up to date.

    Args:
        base: the profile.
        asked: rows that are added to those that are listed, in the root's pipeline all; none: all.
    """
    profiles.check_weights(base)
    at, known = folder(base.name), rows_of(base)
    some = asked and at != Path()
    wanted = {*asked, *(listed(base.name) or ())} if some else set(known)
    if at != Path():
        at.mkdir(parents=True, exist_ok=True)
        (at / DVC_YAML).unlink(missing_ok=True)
        (at / DVC_YAML).symlink_to(os.path.relpath(DVC_YAML, at))
        if not (at / profiles.PARAMS).exists():
            _keep(at / profiles.PARAMS, {"profile": base.name, "seeds": list(profiles.seeds(base))})
    content = {
        "root": os.path.relpath(Path(), at),
        "here": "" if at == Path() else f"{at}/",
        "backbone": str(Path(base.backbone.get("config") or SMALL).with_suffix("")),
        "rows": [row for row in known if row in wanted],
    }
    _keep(at / ROWS, content, HEAD)


def check(profile: str, known: Collection[str]) -> None:
    """Compare rows.yaml with the resolved rows: a row that is gone is an error, a new one is printed."""
    path, there = folder(profile) / ROWS, listed(profile)
    for row in there or ():
        if row not in known:
            raise UserError(f"{path}: lists {row}, which is no row of {profile}; `make repro` writes it anew")
    new = [row for row in known if there is not None and row not in there]
    if new and folder(profile) == Path():
        print(f"{path}: lacks {', '.join(new)}; `make repro` adds them and trains them")


def _keep(path: Path, content: dict[str, Any], head: str = "") -> None:
    """Write a YAML file, unless it has this content already."""
    text = head + yaml.safe_dump(content, sort_keys=False)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
