"""`resolve PROFILE`: params.yaml, profile and rows -> a config for each row, with digests of inputs and code.

`train` and `evaluate` depend on these files alone: they run again where a config, a manifest, a backbone or
the code that decides their result (closure.py) has changed, and only there.

All rows are checked here, before any training starts. What training reads and what evaluation reads are
separate files, so that another number of views retrains nothing. Loads no torch.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml

from m2clip import backbones, closure, experiment, paths, profiles, weights
from m2clip.config import Run
from m2clip.data import manifest, sentences
from m2clip.errors import UserError, guarded
from m2clip.names import arguments
from m2clip.parsing import plain
from m2clip.report import TABLES, audit, claims, declared
from m2clip.runs import RESOLVED, RunKey
from m2clip.schedule import resolve_schedule
from m2clip.stages import pipelines


def main() -> None:
    """Write experiments/resolved/<profile>/<row>.{train,evaluate}.yaml for every declared row.

    And weights.yaml, where a file has the weights of the paper's backbone.
    """
    profile = profiles.read(*arguments("PROFILE"))
    profiles.seeds(profile)
    _check_reporting()
    profiles.check_weights(profile)
    resolved = {row: experiment.resolve(row, profile) for row in experiment.rows()}
    configs = {row: run for row, run in resolved.items() if run.data.dataset not in profile.left_out}
    pipelines.check(profile.name, configs)
    pins = _pins(profile.name, configs)
    configs = {row: _settled(profile.name, row, config) for row, config in configs.items()}
    with paths.written_anew(RESOLVED / profile.name) as folder:
        folder.mkdir()
        _write(folder, profile.name, configs, pins)
    weights.record({config.backbone for config in configs.values()}, profile.name)
    print(f"{len(configs)} rows under the profile {profile.name}")
    if row := experiment.twin(profile):
        print(f"{experiment.MAIN} is the model of {row} and is trained with its recipe under {profile.name}")
    if without := resolved.keys() - configs.keys():
        print(f"left out, as their datasets are: {', '.join(row for row in resolved if row in without)}")


def _write(folder: Path, profile: str, configs: dict[str, Run], pins: dict[str, str]) -> None:
    """Write what each row is trained with and what it is evaluated with."""
    for row, config in configs.items():
        key, used = RunKey(profile, row, 0), (config.data.dataset, *config.evaluate.zero_shot)
        train = {name: values for name, values in plain(config).items() if name != "evaluate"}
        train["inputs"] = {
            "videos": pins[config.data.dataset],
            "backbone": pins[repr(config.backbone)],
            "code": closure.of_row("train", config.method),
        }
        if spoken := sentences.digest(config.data):
            train["inputs"]["sentences"] = spoken
        evaluate = plain(config.evaluate)
        evaluate["inputs"] = {dataset: pins[dataset] for dataset in used}
        evaluate["inputs"]["code"] = closure.of_row("evaluate", config.method)
        for path, values in ((key.train_config, train), (key.evaluate_config, evaluate)):
            (folder / path.name).write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def _check_reporting() -> None:
    """Read all that the report will, so that no mistake in it shows only after training."""
    known = experiment.rows()
    shown = declared.shown(declared.read(profiles.params().get("tables"), known))
    if unseen := [row for row in known if row not in shown]:
        print(f"{TABLES}: no table that {profiles.PARAMS} asks for shows {', '.join(unseen)}")
    claims.read(known)
    audit.read()


def _pins(profile: str, configs: dict[str, Run]) -> dict[str, str]:
    """Digests by dataset of the manifests, and by repr(config.backbone) of the backbones, that rows use.

    Checks on the way that splits, sentences and weights exist and fit.
    """
    pins: dict[str, str] = {}
    sets: dict[str, manifest.Manifest] = {}
    for row, config in configs.items():
        try:
            for dataset in _used(config):
                if dataset not in sets:
                    sets[dataset] = manifest.read(Path("data") / profile / dataset)
                    pins[dataset] = sets[dataset].digest()
            _check_splits(config, sets)
            sentences.check(sets[config.data.dataset].labels, config.data)
            if repr(config.backbone) not in pins:
                backbones.check_file(config.backbone)
                pins[repr(config.backbone)] = backbones.digest(config.backbone)
        except UserError as error:
            raise UserError(f"row {row}: {error}") from None
    return pins


def _settled(profile: str, row: str, config: Run) -> Run:
    """The config with steps, warm-up and learning rate as numbers, which epochs and batch decide."""
    if not config.train.steps:
        return config
    try:
        return replace(
            config, train=resolve_schedule(config.train, _training_videos(profile, config.data.dataset))
        )
    except UserError as error:
        raise UserError(f"row {row}: {error}") from None


@cache
def _training_videos(profile: str, dataset: str) -> int:
    return len(manifest.read(Path("data") / profile / dataset).rows("train"))


def _used(config: Run) -> tuple[str, ...]:
    """The datasets of a row: its own, then those of zero-shot."""
    own = config.data.dataset
    for dataset in config.evaluate.zero_shot:
        if dataset not in profiles.DATASETS or dataset == own:
            why = "is what the row is trained on" if dataset == own else "is no dataset"
            raise UserError(f"evaluate.zero_shot: {dataset} {why}; known are {list(profiles.DATASETS)}")
    return (own, *config.evaluate.zero_shot)


def _check_splits(config: Run, sets: dict[str, manifest.Manifest]) -> None:
    """Raise a UserError where a split that is trained or evaluated on has no videos."""
    if config.train.steps:
        sets[config.data.dataset].rows("train")
    sets[config.data.dataset].rows(config.evaluate.split)
    for dataset in config.evaluate.zero_shot:
        if not any(split.startswith("test") for split in sets[dataset].splits()):
            raise UserError(
                f"evaluate.zero_shot: {dataset} has no test split, only {list(sets[dataset].splits())}"
            )


if __name__ == "__main__":
    guarded(main)
