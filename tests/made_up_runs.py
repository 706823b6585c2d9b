"""The real declarations in a folder of their own, with run files whose numbers were never measured."""

import csv
import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from m2clip import experiment, profiles, runs
from m2clip.files import read_yaml
from m2clip.options.m2clip import HEADS
from m2clip.parsing import plain
from m2clip.report import facts
from m2clip.report.declared import read as read_declared
from m2clip.report.results import read as read_results
from m2clip.report.tables import make
from m2clip.runs import RunKey
from m2clip.schedule import resolve_schedule

ROOT = Path(__file__).parents[1]
PROFILE = "embedded"
COPIED = ("experiments/profiles", "experiments/rows", "experiments/published", "experiments/backbone")
LABELS = [f"label {number}" for number in range(6)]
VIDEOS = 60
HARD = "<b>&|_%$#{}\\\"'</script>"  # a label that looks like markup
TRAINING = {"k400": 240_436, "ssv2": 168_913}  # videos


def declare(root):
    """What a person declares: every row and table."""
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copy(ROOT / "experiments/audit.yaml", root / "experiments")
    shutil.copy(ROOT / "experiments/tables.yaml", root / "experiments")
    shutil.copy(ROOT / "experiments" / "claims.yaml", root / "experiments")
    shutil.copy(ROOT / "experiments" / "levels.yaml", root / "experiments")
    shutil.copy(ROOT / "params.yaml", root / "params.yaml")


def edit(name, change):
    """Change a declaration: `change` gets its content and alters it."""
    path = Path(name)
    content = read_yaml(path)
    change(content)
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))


def resolve():
    """The resolved config of every row, as the stage writes it, and sheets of real data; returns all."""
    shutil.rmtree(runs.RESOLVED, ignore_errors=True)
    profile = profiles.read(PROFILE)
    facts.sheets(PROFILE).mkdir(parents=True, exist_ok=True)
    for dataset, videos in () if profile.synthetic else TRAINING.items():
        splits = f'"train {videos:,}, test 60"'
        sheet(dataset, f"dataset,splits,class_ids\n{dataset},{splits},as published\n")
    for dataset in () if profile.synthetic else ("ucf101", "hmdb51"):
        sheet(dataset, f"dataset,class_ids\n{dataset},as published\n")
    declared = (Path("params.yaml"), *sorted(Path("experiments").rglob("*.yaml")))
    found, texts = resolved(PROFILE, tuple((path.as_posix(), path.read_text()) for path in declared))
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return dict(found)


@cache
def resolved(name, declared):
    """The config of every row of a profile and the texts of its files; once for the same declarations."""
    profile, texts = profiles.read(name), {}
    found = {row: experiment.resolve(row, profile) for row in experiment.rows()}
    for row, config in found.items():
        if config.train.steps:
            found[row] = replace(config, train=resolve_schedule(config.train, TRAINING[config.data.dataset]))
    for row, config in found.items():
        key = RunKey(name, row, 0)
        train = {name: value for name, value in plain(config).items() if name != "evaluate"} | {"inputs": {}}
        evaluate = plain(config.evaluate) | {"inputs": {}}
        for path, content in ((key.train_config, train), (key.evaluate_config, evaluate)):
            texts[path] = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
    return found, texts


INPUTS = {"videos": "11", "backbone": "22", "code": "33"}


def from_where(row, config, seed=0):
    """Where a run comes from, as the stages write it."""
    key = RunKey(PROFILE, row, seed)
    told = {"commit": f"{row}-{seed}", "dirty": seed == 1, "command": f"train {row} {seed}"}
    told |= {"machine": {"system": "Made up", "processor": "none", "cores": 3}, "device": "cpu"}
    told |= {"seconds": 60.5, "started": "2026-01-01T00:00:00+00:00", "inputs": INPUTS}
    sha = runs.digest(runs.read_config(key.train_config))
    key.provenance.write_text(json.dumps(told | {"config_sha": sha}))
    evaluated = {"commit": f"e-{row}", "dirty": False, "command": f"evaluate {row}", "seconds": 7.0}
    told = evaluated | {"inputs": {config.data.dataset: "11"}}
    key.evaluation_provenance.write_text(json.dumps(told))


def whole(root, seeds=(0,), without=(), labels=(), histories=False):
    """All that a report is made of, in a folder: every row run with each seed, but for some."""
    declare(root)
    for row, label in dict(labels).items():
        edit(
            "experiments/rows/m2clip.yaml",
            lambda content, row=row, label=label: content[row].update(label=label),
        )
    edit("params.yaml", lambda content: content.update(seeds=list(seeds)))
    configs = resolve()
    for row, config in configs.items():
        for seed in seeds if row not in without else ():
            run(row, config, seed)
            from_where(row, config, seed)
            if histories and config.train.steps:
                write_history(RunKey(PROFILE, row, seed), config.options.heads)
    complexity(configs)
    facts.sheets(PROFILE).mkdir(parents=True, exist_ok=True)
    for dataset in profiles.DATASETS:
        sheet(dataset, f"dataset,labels\n{dataset},40\n")
    for dataset in ("ucf101", "hmdb51"):
        classes(dataset)


def classes(dataset):
    """The test videos of a zero-shot set, every second one of a verb that is trained on; returns which."""
    trained = [at % 2 == 0 for at in range(VIDEOS)]
    lines = [
        f"{at}.mp4,{at % 6},label {at % 6},verb,{'yes' if one else 'no'}" for at, one in enumerate(trained)
    ]
    sheet(f"{dataset}_classes", "\n".join(["video,class_id,label,verb,verb_trained", *lines, ""]))
    return trained


def sheet(dataset, text):
    """A data sheet: its header and its line."""
    (facts.sheets(PROFILE) / f"{dataset}.csv").write_text(text)


def run(row, config, seed=0):
    """All files of one run that the report reads; what is right is drawn from the row's name."""
    key = RunKey(PROFILE, row, seed)
    for folder in (key.training, key.evaluation):
        folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([*row.encode(), seed])
    head = "vc" if "vc" in config.options.heads else "eq11"
    hits = random.random(VIDEOS) < 0.7
    own, sets = config.data.dataset, {}
    by_head = {head: hits}
    if head == "vc" and config.options.reads_text:  # both answer, each its own way
        by_head = {"eq11": np.random.default_rng([*row.encode(), seed, 1]).random(VIDEOS) < 0.7, **by_head}
    told = {name: bits(one) for name, one in by_head.items()}
    sets[own] = {"hits": told, "splits": {"test": "1" * VIDEOS}}
    supervised = {"dataset": own, "videos": VIDEOS, "frames": config.data.frames, "crops": 1, "clips": 1}
    supervised |= {"head": head, "top1": 100 * float(hits.mean()), "top5": 99.0}
    supervised["top1_by_head"] = {name: 100 * float(one.mean()) for name, one in by_head.items()}
    metrics = {"supervised": supervised, "zero_shot": {}}
    for name in config.evaluate.zero_shot if config.options.heads != ("vc",) else ():
        hits, splits = random.random(VIDEOS) < 0.4, random.random((3, VIDEOS)) < 0.6
        parts = {f"test{number}": part for number, part in enumerate(splits, 1)}
        members = {split: bits(part) for split, part in parts.items()}
        sets[name] = {"hits": {"eq11": bits(hits)}, "splits": members}
        top1 = {split: {"top1": 100 * float(hits[part].mean())} for split, part in parts.items()}
        metrics["zero_shot"][name] = {"splits": top1}
    key.metrics.write_text(json.dumps(metrics))
    key.outcomes.write_text(json.dumps(sets))
    np.save(key.label_features, (random.normal(size=(len(LABELS), 8)) + 1).astype(np.float16))
    with key.confusion.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("label", *LABELS))
        writer.writerows([(label, *[10 * (label == other) for other in LABELS]) for label in LABELS])


def write_history(key, heads):
    """Twenty log lines; a head's loss is its place among all heads plus what falls with the step."""
    lines = [{"step": 5 * at, **{head: HEADS.index(head) + 1 / at for head in heads}} for at in range(1, 21)]
    pd.DataFrame(lines).assign(loss=1.0).to_csv(key.history, index=False)


def bits(values):
    return "".join("1" if value else "0" for value in values)


def complexity(names):
    """A table of parameters and multiply-adds at full size."""
    lines = [f"{name},{frames},16000000,{frames * 20}.500" for name in names for frames in (8, 16, 32)]
    Path("reports").mkdir(exist_ok=True)
    Path("reports/complexity.csv").write_text("\n".join(["row,frames,trainable_total,gmacs_view", *lines]))


def results():
    """What the report of the asked tables is made of."""
    profile = profiles.read(PROFILE)
    return read_results(profile, read_declared(profiles.params()["tables"], experiment.rows()))


def grid(name, found=None):
    """One table, of results read anew or given; and of each row its cells by the key of their column."""
    made = make((found or results()).places[name])
    keys = [column.key for column in made.columns]
    return made, {line.name: dict(zip(keys, line.cells, strict=True)) for line in made.lines if line.name}
