"""A made-up repository in a folder: declared rows and run files whose numbers were never measured."""

import csv
import json
import shutil
from pathlib import Path

import yaml

from m2clip import profiles, runs
from m2clip.config import Run
from m2clip.parsing import build, gather_options, override, plain
from m2clip.report.differences import paper
from m2clip.runs import RunKey

ROOT = Path(__file__).parents[1]
PROFILE = {
    "data": {"dataset": "k400", "frames": 4},
    "train": {"steps": 100},
    "datasets": {"ssv2": {"train": {"lr": 0.5}, "evaluate": {"zero_shot": []}}},
    "synthetic": {"k400": {"test": 6}, "ucf101": {"test": 6}},
}
ROWS = {
    "main": {},
    "fake-clip": {"method": "clip", "label": "Fake CLIP", "train": {"steps": 0}},
    "fake-ssv2": {"on": ["ssv2"]},
}
TABLES = {
    "tables": {
        "main": {
            "title": "Made up",
            "rows": ["fake-clip", "main", "fake-ssv2"],
        }
    },
}
CLAIM = {"says": "M2-CLIP is better", "section": "A & B", "better": "main", "worse": ["fake-clip"]}
CLAIMS = {"better": CLAIM | {"on": ["k400"]}}
LABELS = ("a_b & 50% <x>", "c|d $1", "plain")


def write_yaml(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def declare_rows(entries):
    """Entries of rows in the files of their methods, in the current folder."""
    by_method = {}
    for name, entry in entries.items():
        kept = {key: value for key, value in entry.items() if key != "method"}
        by_method.setdefault(entry.get("method", "m2clip"), {})[name] = kept
    for method, content in by_method.items():
        write_yaml(Path(f"experiments/rows/{method}.yaml"), content)


def declare(differences=None, seeds=(0,), tables=None):
    """The files that a person writes, in the current folder."""
    write_yaml(Path("experiments/profiles/fake.yaml"), PROFILE)
    declare_rows(differences or ROWS)
    write_yaml(Path("experiments/tables.yaml"), tables or TABLES)
    write_yaml(Path("experiments/audit.yaml"), {})
    write_yaml(Path("experiments/claims.yaml"), {"claims": CLAIMS})
    shutil.copy(ROOT / "experiments/levels.yaml", "experiments")
    write_yaml(Path("params.yaml"), {"profile": "fake", "seeds": list(seeds), "tables": ["main"]})


def resolve(row, over=None):
    """The resolved config of a row, written and returned as training reads it."""
    profile, key = profiles.read("fake"), RunKey("fake", row, 0)
    entry = over or {}
    over = {key: value for key, value in entry.items() if key not in ("label", "on")}
    if "on" in entry:
        over = override({"data": {"dataset": entry["on"][0]}}, over)
    dataset = over.get("data", {}).get("dataset", "k400")
    config = build(Run, override(plain(paper(profile, dataset)), gather_options(over)))
    train = {name: value for name, value in plain(config).items() if name != "evaluate"} | {
        "inputs": {"videos": "fake"}
    }
    write_yaml(key.train_config, train)
    write_yaml(key.evaluate_config, plain(config.evaluate) | {"inputs": {dataset: "fake"}})
    return config, train


def run(row, over=None, seed=0, top1=50.0, zero_shot=(10.0, 20.0, 30.0)):
    """All files of one run."""
    config, train = resolve(row, over)
    key = RunKey("fake", row, seed)
    for folder in (key.training, key.evaluation):
        folder.mkdir(parents=True, exist_ok=True)
    supervised = {"dataset": config.data.dataset, "videos": 6, "frames": 4, "crops": 1, "clips": 2}
    supervised |= {"top1": top1, "top5": float("nan")}
    splits = {f"test{number}": {"top1": value} for number, value in enumerate(zero_shot, 1)}
    metrics = {"supervised": supervised, "zero_shot": {"ucf101": {"splits": splits}} if splits else {}}
    key.metrics.write_text(json.dumps(metrics), encoding="utf-8")
    told = {"commit": "fake" * 10, "machine": {"processor": "fake"}, "device": "fake", "seconds": 60.0}
    key.provenance.write_text(json.dumps(told | {"config_sha": runs.digest(train)}), encoding="utf-8")
    with key.confusion.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("label", *LABELS), (LABELS[0], 2, 0, 0), (LABELS[1], 1, 1, 0), (LABELS[2], 0, 2, 0)]
        )
    with key.history.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("step", "loss", *("contrastive", "cmc", "cmlm", "vc")))
        writer.writeheader()
        for step in range(2, config.train.steps + 1, 2):
            writer.writerow({"step": step, "loss": 1 / step} | dict.fromkeys(config.options.heads, 1 / step))


def facts(dataset, labels):
    """The line of a data sheet."""
    path = Path("reports/fake/data") / f"{dataset}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"dataset,labels,splits\n{dataset},{labels},test 6\n", encoding="utf-8")
