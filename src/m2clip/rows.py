"""Rows: which config each line of a table is run with (DESIGN, decision 1). No torch.

A run's config is the code's defaults, then the profile, then the profile's recipe for the dataset and the
one for the row, then the row. The row `main` takes its differences from params.yaml.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from m2clip import backbones
from m2clip.config import Run
from m2clip.errors import UserError, did_you_mean
from m2clip.parsing import build, gather_options, merge, read_mapping

PARAMS = Path("params.yaml")
ROWS = Path("experiments/rows.yaml")
DATASETS = ("k400", "ssv2", "ucf101", "hmdb51")
SPLITS = ("train", "validation", "test")
WORLDS = ("small", "standard")  # sizes of the synthetic world (data/synthetic/worlds.py), the default first
MAIN = "main"
OF_M2CLIP = ("adapters", "decoder")  # top-level keys of params.yaml that only M2-CLIP has
EITHER = ("steps", "epochs"), ("warmup", "warmup_epochs")  # of `train`: two ways to say one thing


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """How manifests are made: the largest share of invalid videos that is let pass."""

    max_invalid: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Videos:
    """A dataset on disk; the folder is named by the environment variable M2CLIP_<DATASET>."""

    format: str = ""  # of the annotations
    splits: tuple[str, ...] = ()  # that are used; none: all
    names: tuple[str, ...] = ()  # how labels are rewritten, once class ids are set: steps in data/labels.py


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Where data and backbone come from and how long to train; sections are differences from the defaults."""

    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    backbone: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    evaluate: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, Any] = field(default_factory=dict)  # how each method is trained under this profile
    datasets: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(
        default_factory=dict
    )  # recipes of rows that have their own, such as a rival's
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


def profile(name: str | None = None) -> Profile:
    """A profile by name, or the one that params.yaml names."""
    name = name or str(params()["profile"])
    folder = Path("experiments/profiles")
    path = folder / f"{name}.yaml"
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in known:
        raise UserError(
            f"{PARAMS}: profile: there is no profile {name}{did_you_mean(name, known)}; known are {known}"
        )
    found = build(Profile, {**read_mapping(path), "name": name}, source=str(path))
    for row in found.rows:
        if row not in rows():
            raise UserError(f"{path}: rows: there is no row {row}{did_you_mean(row, rows())}")
    return _check_sets(found, path)


def seeds(base: Profile | None = None) -> tuple[int, ...]:
    """Seeds of all rows: those that the params.yaml of the profile's own pipeline has, if there is one.

    Else those of a profile that has its own, and else those of params.yaml in the root.
    """
    chosen, source = params()["seeds"], str(PARAMS)
    if base and base.name != params()["profile"]:
        own = Path("pipelines") / base.name / PARAMS
        if own.exists():
            chosen, source = read_mapping(own).get("seeds"), str(own)
        elif base.seeds:
            chosen, source = list(base.seeds), f"experiments/profiles/{base.name}.yaml"
    whole = isinstance(chosen, list) and chosen and all(type(value) is int and value >= 0 for value in chosen)
    if not whole or len(set(chosen)) < len(chosen):
        raise UserError(
            f"{source}: seeds: expected different whole numbers from 0 such as [0, 1], got {chosen!r}"
        )
    return tuple(chosen)


def rows() -> dict[str, dict[str, Any]]:
    """Every declared row and its differences, in the order of rows.yaml."""
    declared = read_mapping(ROWS).get("rows")
    if not isinstance(declared, dict) or MAIN not in declared:
        raise UserError(f"{ROWS}: expected a mapping `rows` with a row `{MAIN}`")
    return {str(name): differences or {} for name, differences in declared.items()}


def differences(row: str) -> dict[str, Any]:
    """How a row differs from the profile's M2-CLIP; of `main`, what params.yaml says, nulls dropped."""
    declared = rows()
    if row not in declared:
        raise UserError(f"{ROWS}: there is no row {row}{did_you_mean(row, declared)}")
    if row != MAIN:
        return gather_options(declared[row])
    if declared[MAIN]:
        raise UserError(f"{ROWS}: rows.{MAIN}: must be empty; params.yaml says what differs")
    mine = {key: value for key, value in params().items() if key not in ("profile", "seeds", "tables")}
    if mine.get("method") not in (None, Run.method):  # the keys of M2-CLIP say nothing of another method
        mine = {key: value for key, value in mine.items() if key not in OF_M2CLIP}
    return gather_options(merge({}, mine))


def resolve(row: str, base: Profile | None = None) -> Run:
    """The whole config of a row under a profile, checked against the backbone.

    Raises:
        UserError: naming the file, the row and the key path of the first mistake.
    """
    base = base or profile()
    source = str(PARAMS) if row == MAIN else f"{ROWS}: row {row}"
    over = differences(row)
    method = str(over.get("method", Run.method))
    build(Run, over, source=source)  # so that a mistake is blamed on the file that holds it
    common = base.sections(method)
    dataset = merge(common, over).get("data", {}).get("dataset", "k400")
    if dataset not in DATASETS:
        raise UserError(
            f"{source}: data.dataset: there is no dataset {dataset}{did_you_mean(dataset, DATASETS)}"
        )
    recipe = override(base.datasets.get(dataset, {}), base.rows.get(row, {}))
    try:
        recipe = gather_options({"method": method} | recipe)
        build(Run, common := override(common, recipe))
    except UserError as error:
        raise UserError(f"experiments/profiles/{base.name}.yaml: {error}") from None
    try:
        config = build(Run, override(common, over))
        zero_shot = tuple(name for name in config.evaluate.zero_shot if name not in base.left_out)
        config = replace(config, evaluate=replace(config.evaluate, zero_shot=zero_shot))
        backbones.check(config)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    return config


def override(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`merge`, but what `over` says in steps takes away what `below` says of it in epochs, and so back.

    Options of one method are never inherited by another.

    Raises:
        UserError: where one of the two says it in both.
    """
    for train in (below.get("train") or {}, over.get("train") or {}):
        for steps, epochs in EITHER:
            if train.get(steps) is not None and train.get(epochs) is not None:
                raise UserError(f"train.{steps} and train.{epochs} are both given; keep one")
    given = {key for key, value in (over.get("train") or {}).items() if value is not None}
    gone = {key for pair in EITHER if given & set(pair) for key in pair} - given
    train = {key: value for key, value in (below.get("train") or {}).items() if key not in gone}
    kept = {key: value for key, value in below.items() if key != "options" or _same_method(below, over)}
    return merge(kept | {"train": train}, over)


def _same_method(below: dict[str, Any], over: dict[str, Any]) -> bool:
    own = below.get("method", Run.method)
    return over.get("method", own) == own


def needing(dataset: str, base: Profile) -> list[str]:
    """The rows that are trained on a dataset, or tested on it by zero-shot."""
    configs = {row: resolve(row, base) for row in rows()}
    return [
        row for row, config in configs.items() if dataset in (config.data.dataset, *config.evaluate.zero_shot)
    ]


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
    return replace(found, synthetic=sections["synthetic"], videos=_videos(sections["videos"], path))


def world_of(counts: dict[str, Any]) -> Any:
    """The world that a synthetic dataset is of, from its entry in `synthetic`."""
    return counts.get("world", WORLDS[0])


def check_weights(base: Profile) -> None:
    """Raise a UserError where a synthetic dataset's backbone has not been trained yet."""
    path = Path(str(base.backbone.get("pretrained", "")))
    if base.synthetic and path.suffix == ".safetensors" and not path.is_file():
        raise UserError(
            f"experiments/profiles/{base.name}.yaml: backbone.pretrained: {path} has not been made yet; "
            f"`make backbone PROFILE={base.name}` trains it"
        )


def _videos(declared: dict[str, Any], path: Path) -> dict[str, Videos]:
    found = {}
    for dataset, values in declared.items():
        found[dataset] = build(Videos, values, path=f"videos.{dataset}", source=str(path))
        if not found[dataset].format:
            raise UserError(f"{path}: videos.{dataset}.format: missing; the format of the annotations")
    return found


def method_file(method: str) -> Path:
    """The one file that holds a method."""
    return Path(__file__).parent / "methods" / f"{method}.py"
