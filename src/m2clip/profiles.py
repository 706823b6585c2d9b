"""Profiles: where data and backbone come from and how long to train; and params.yaml. Loads no torch."""

from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from m2clip.errors import UserError, did_you_mean
from m2clip.fields import Count, settings
from m2clip.files import read_mapping
from m2clip.names import check_name
from m2clip.parsing import build, gather_options, override

PARAMS = Path("params.yaml")
PROFILES = Path("experiments/profiles")
Dataset = Literal["k400", "ssv2", "ucf101", "hmdb51"]
DATASETS: tuple[str, ...] = get_args(Dataset)
SPLITS = ("train", "validation", "test")
WORLDS = ("small", "standard", "second")  # synthetic worlds (synthetic/worlds.py), the default first


@settings
class Transcode:
    """Copies that `prepare` makes of videos, so that they are read faster (data/transcoding.py)."""

    short_side: Annotated[int, Field(ge=16, le=4096)] = 256  # pixels; smaller videos keep their size
    keyframes: Count = 16  # frames from one keyframe to the next


@settings
class Prepare:
    """How manifests are made: the largest share of invalid videos that is let pass, and copies or none."""

    max_invalid: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    transcode: Transcode | None = None  # of datasets in `videos`


@settings
class Videos:
    """A dataset on disk; the folder is named by the environment variable M2CLIP_<DATASET>."""

    format: str = ""  # of the annotations
    splits: tuple[str, ...] = ()  # that are used; none: all
    names: tuple[str, ...] = ()  # how labels are rewritten, once class ids are set: steps in data/labels.py


@settings
class Profile:
    """Where data and backbone come from and how long to train; sections are differences from the defaults."""

    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    backbone: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    evaluate: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)  # how each is trained under this profile
    datasets: dict[str, Any] = field(default_factory=dict)
    synthetic: dict[str, Any] = field(
        default_factory=dict
    )  # by dataset: how many videos are made of each split, and `world`
    videos: dict[str, Any] = field(default_factory=dict)  # by dataset: Videos
    prepare: Prepare = field(default_factory=Prepare)
    seeds: tuple[int, ...] = ()  # its own, where it has a pipeline of its own

    def sections(self, method: str) -> dict[str, Any]:
        """Its differences from the defaults, for a method."""
        common = {key: getattr(self, key) for key in ("data", "backbone", "train", "evaluate")}
        return override(common, gather_options({"method": method} | self.methods.get(method, {})))

    @property
    def left_out(self) -> tuple[str, ...]:
        """Datasets that it does without: null in both sections."""
        there = self.synthetic.keys() | self.videos.keys()
        return tuple(dataset for dataset in DATASETS if there and dataset not in there)


def params() -> dict[str, Any]:
    """params.yaml as it stands."""
    return read_mapping(PARAMS)


def read(name: str | None = None) -> Profile:
    """A profile by name, or the one that params.yaml names."""
    name = str(params().get("profile")) if name is None else name
    check_name(name, f"{PARAMS}: profile")
    path = PROFILES / f"{name}.yaml"
    known = sorted(file.stem for file in PROFILES.glob("*.yaml"))
    if name not in known:
        raise UserError(
            f"{PARAMS}: profile: there is no profile {name}{did_you_mean(name, known)}; known are {known}"
        )
    found = build(Profile, {**read_mapping(path), "name": name}, source=str(path))
    return _check_sets(found, path)


def seeds(base: Profile | None = None) -> tuple[int, ...]:
    """Seeds of all rows: those that the params.yaml of the profile's own pipeline has, if there is one.

    Else those of a profile that has its own, and else those of params.yaml in the root.
    """
    chosen, source = params().get("seeds"), str(PARAMS)
    if base and base.name != params().get("profile"):
        own = Path("pipelines") / base.name / PARAMS
        if own.exists():
            chosen, source = read_mapping(own).get("seeds"), str(own)
        elif base.seeds:
            chosen, source = list(base.seeds), f"{PROFILES / base.name}.yaml"
    whole = isinstance(chosen, list) and all(type(value) is int and 0 <= value < 2**32 for value in chosen)
    if not isinstance(chosen, list) or not chosen or not whole or len(set(chosen)) < len(chosen):
        raise UserError(
            f"{source}: seeds: expected different whole numbers below 2^32 such as [0, 1], got {chosen!r}"
        )
    return tuple(chosen)


def _check_sets(found: Profile, path: Path) -> Profile:
    """Datasets and splits of a profile by names that exist, so that no typing error is passed over."""
    sections: dict[str, dict[str, Any]] = {}
    for section in ("datasets", "synthetic", "videos"):
        for dataset, values in getattr(found, section).items():
            if dataset not in DATASETS:
                raise UserError(
                    f"{path}: {section}: there is no dataset {dataset}{did_you_mean(dataset, DATASETS)}"
                )
            if not isinstance(values, dict) and not (values is None and section != "datasets"):
                raise UserError(f"{path}: {section}.{dataset}: expected keys and values, got {values!r}")
        # A null stands where dvc.yaml wants a key: synthetic.k400 of a profile that has K400 on disk.
        sections[section] = {k: v for k, v in getattr(found, section).items() if v is not None}
    for dataset in sections["synthetic"].keys() & sections["videos"].keys():
        raise UserError(f"{path}: {dataset} is both in synthetic and in videos; set one of them to null")
    worlds = {}
    for dataset, counts in sections["synthetic"].items():
        worlds[dataset] = world_of(counts)
        if worlds[dataset] not in WORLDS:
            raise UserError(
                f"{path}: synthetic.{dataset}.world: there is no world {worlds[dataset]!r}"
                f"{did_you_mean(str(worlds[dataset]), WORLDS)}; known are {list(WORLDS)}"
            )
        for split, count in counts.items():
            if split == "world":
                continue
            if split not in SPLITS or type(count) is not int or count < 1:
                raise UserError(
                    f"{path}: synthetic.{dataset}.{split}: expected videos for one of {list(SPLITS)}"
                )
    if len(set(worlds.values())) > 1:
        raise UserError(f"{path}: synthetic: all datasets must be of one world, got {worlds}")
    if found.prepare.transcode and not sections["videos"]:
        raise UserError(
            f"{path}: prepare.transcode: `videos` has no dataset, and generated ones have no copies"
        )
    return replace(found, synthetic=sections["synthetic"], videos=_videos(sections["videos"], path))


def world_of(counts: dict[str, Any]) -> Any:
    """The world that a synthetic dataset is of, from its entry in `synthetic`."""
    return counts.get("world", WORLDS[0])


def check_weights(base: Profile) -> None:
    """Raise a UserError where a synthetic dataset's backbone has not been trained yet."""
    path = Path(str(base.backbone.get("pretrained", "")))
    if base.synthetic and path.suffix == ".safetensors" and not path.is_file():
        raise UserError(
            f"{PROFILES / base.name}.yaml: backbone.pretrained: {path} has not been made yet; "
            f"`make backbone PROFILE={base.name}` trains it"
        )


def _videos(declared: dict[str, Any], path: Path) -> dict[str, Videos]:
    found = {}
    for dataset, values in declared.items():
        found[dataset] = build(Videos, values, path=f"videos.{dataset}", source=str(path))
        if not found[dataset].format:
            raise UserError(f"{path}: videos.{dataset}.format: missing; the format of the annotations")
    return found
