"""`prepare PROFILE DATASET`: videos and annotations -> manifest; generated profiles make the videos first.

Videos of a real dataset stay where the environment says they lie. DVC tracks neither them nor the copies that
a profile may ask for (`prepare.transcode`), but the manifest, which has their digests, and the summary, which
has those of the annotations.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from m2clip import experiment, paths, profiles, synthetic
from m2clip.data import annotations, dataset_root
from m2clip.data.build_manifest import Real, leave_out, prepare, select
from m2clip.data.transcoding import Copies
from m2clip.errors import UserError, guarded
from m2clip.names import arguments
from m2clip.synthetic.sets import generate
from m2clip.synthetic.worlds import WORLDS


def main() -> None:
    """Write data/<profile>/<dataset>/: manifest, labels, invalid.csv, and the videos that are made here."""
    name, dataset = arguments("PROFILE", "DATASET")
    profile = profiles.read(name)
    source = f"experiments/profiles/{name}.yaml"
    if dataset not in profiles.DATASETS:
        raise UserError(f"there is no dataset {dataset}; datasets are {list(profiles.DATASETS)}")
    folder = Path("data") / name / dataset
    if dataset in profile.synthetic:
        work = _synthetic(name, dataset, profile)
    elif dataset in profile.videos:
        work = _real(name, dataset, profile)
    else:
        work = Path(os.path.relpath(paths.root() / ".work" / "left_out" / name / dataset))
        leave_out(work)
        print(f"{dataset} is left out: {source} has null for synthetic.{dataset} and videos.{dataset}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work, folder)


def _synthetic(name: str, dataset: str, profile: profiles.Profile) -> Path:
    """Make the videos and measure them."""
    # DVC removes a stage's outs before it runs again, so unfinished work is kept outside of them.
    kept = paths.root() / ".work" / "synthetic" / name / f"{dataset}-{_digest(profile.synthetic[dataset])}"
    work, jobs = Path(os.path.relpath(kept)), paths.cores()
    world = WORLDS[profiles.world_of(profile.synthetic[dataset])]
    counts = {split: count for split, count in profile.synthetic[dataset].items() if split in profiles.SPLITS}
    generate(dataset, work, counts, jobs, world)
    (work / "labels.txt").write_text(
        "".join(f"{label}\n" for label in world.labels[dataset]), encoding="utf-8"
    )
    prepared = prepare(annotations.read("plain", work), work, jobs, profile.prepare.max_invalid)
    print(f"Synth-{dataset}: {len(prepared.table)} videos, {len(prepared.labels)} labels")
    return work


def _real(name: str, dataset: str, profile: profiles.Profile) -> Path:
    """Find the videos where the environment says, and measure them."""
    variable, asked = dataset_root.variable(dataset), profile.videos[dataset]
    try:
        videos = dataset_root.folder(variable)
        beside = f"{variable}_ANNOTATIONS"
        lists = dataset_root.folder(beside) if dataset_root.setting(beside) else None
    except UserError as error:
        needed = ", ".join(experiment.needing(dataset, profile))
        raise UserError(
            f"{error}; rows that need {dataset}: {needed}; videos.{dataset}: null in "
            f"experiments/profiles/{name}.yaml does without"
        ) from None
    try:
        found = select(annotations.read(asked.format, videos, lists), asked.splits, asked.names)
    except UserError as error:
        where = beside if lists else variable
        named = f" (the folder is named by {where})" if str(lists or videos) in str(error) else ""
        raise UserError(f"{dataset}: {error}{named}") from None
    copies = None
    if to := profile.prepare.transcode:
        folder = dataset_root.copies(dataset, videos)
        copies = Copies(folder=folder, short_side=to.short_side, keyframes=to.keyframes)
    kept = paths.root() / ".work" / "prepare"
    copy = hashlib.sha256(str(videos.resolve()).encode()).hexdigest()[:8]
    place, log = f"${variable}{dataset_root.COPIES if copies else ''}", kept / f"{dataset}-{copy}.jsonl"
    real = Real(name=dataset, place=place, log=log, copies=copies)
    work = Path(os.path.relpath(kept / name / dataset))
    prepare(found, work, paths.cores(), profile.prepare.max_invalid, real)
    return work


def _digest(counts: Mapping[str, int]) -> str:
    """Of the world's code and the number of videos, so that nothing of another world is gone on with."""
    digest = hashlib.sha256(repr(sorted(counts.items())).encode())
    for path in sorted(Path(synthetic.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    guarded(main)
