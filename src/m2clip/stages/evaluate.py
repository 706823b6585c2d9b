"""`evaluate PROFILE ROW SEED`: weights -> scores per video, metrics, confusion; supervised and zero-shot."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from m2clip import closure, paths, provenance, runs
from m2clip.config import Evaluate
from m2clip.data import manifest
from m2clip.data.dataset import TestVideos
from m2clip.data.frame_cache import FrameCache
from m2clip.data.manifest import Manifest
from m2clip.data.video import versions
from m2clip.errors import UserError, guarded
from m2clip.evaluation.recognition import Scores, class_accuracy, confusion, score, top
from m2clip.evaluation.trained import TrainedRun, open_trained
from m2clip.evaluation.zero_shot import by_split, half_of_classes, read_bare_labels, read_labels
from m2clip.files import read_yaml
from m2clip.models.factory import device_name, pixels_of
from m2clip.parsing import build
from m2clip.tracking.live import finish

BARE = "eq11_no_text_adapter"  # Eq. 11 with the labels as CLIP itself reads them


def main() -> None:
    """Evaluate one row with one seed."""
    key = runs.of_arguments()
    source = provenance.source()
    content = read_yaml(key.evaluate_config)
    settings = {k: v for k, v in content.items() if k != "inputs"}
    config = build(Evaluate, settings, source=str(key.evaluate_config))
    inputs = {name: digest for name, digest in content["inputs"].items() if name != "code"}
    sets = {name: _open(key.profile, name, digest) for name, digest in inputs.items()}
    run = open_trained(key.weights, device := device_name())
    closure.check(content["inputs"].get("code"), "evaluate", run.config.method)
    dataset = run.config.data.dataset
    supervised, counts, tested = _supervised(run, config, dataset, sets.pop(dataset))
    metrics: dict[str, Any] = {"supervised": supervised, "zero_shot": {}}
    tables = [tested]
    for name, data in () if run.config.options.no_zero_shot else sets.items():
        metrics["zero_shot"][name], tested = _zero_shot(run, config, name, data)
        tables.append(tested)
    with torch.no_grad():
        features = run.model.labels(run.model.prompts).features.cpu().numpy().astype(np.float16)
    with paths.written_anew(key.predictions) as path:
        pd.concat(tables, ignore_index=True).to_parquet(path, index=False)
    with paths.written_anew(key.evaluation) as folder:
        folder.mkdir()
        counts.to_csv(folder / key.confusion.name, lineterminator="\n")
        np.save(folder / key.label_features.name, features)
        _write_json(folder / key.outcomes.name, _outcomes(tables), indent=1)
        _write_json(folder / key.metrics.name, metrics, indent=2)
        path = folder / key.evaluation_provenance.name
        asked = run.config.data.decoder
        about = {"inputs": content["inputs"], "decoder": {"asked": asked} | versions(asked)}
        provenance.write_provenance(path, device, source, about)
    finish(key)
    print(
        ", ".join(
            f"{name} {value:.1f}"
            for name, value in runs.flatten(metrics).items()
            if name.endswith("/top1") and "/splits/" not in name
        )
    )


def _write_json(path: Path, content: Any, indent: int) -> None:
    path.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")


def _open(profile: str, dataset: str, digest: str) -> Manifest:
    folder = Path("data") / profile / dataset
    data = manifest.read(folder)
    if data.digest() != digest:
        raise UserError(f"{folder}: changed since its rows were resolved; run dvc repro")
    return data


def _supervised(
    run: TrainedRun, config: Evaluate, dataset: str, data: Manifest
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Numbers, confusion matrix and scores per video of the split that `evaluate.split` names."""
    rows = data.rows(config.split)
    class_ids = rows["class_id"].to_numpy()
    with torch.no_grad():
        labels = run.model.labels(run.model.prompts) if run.config.options.reads_text else None
    scores = score(
        run.model, _views(run, config, data, config.split), labels,
        batch=config.batch, workers=run.config.train.workers, bf16=run.config.train.precision == "bf16",
        title=dataset,
    )  # fmt: skip
    *_, head = scores
    numbers = {
        "dataset": dataset,
        "split": config.split,
        "videos": len(rows),
        "frames": config.frames or run.config.data.frames,
        "crops": config.crops,
        "clips": config.clips,
        "head": head,
        "top1": top(scores[head], class_ids, 1),
        "top5": top(scores[head], class_ids, 5),
        "top1_by_head": {origin: top(values, class_ids, 1) for origin, values in scores.items()},
    }
    names, counts = list(run.labels), confusion(scores[head], class_ids)
    numbers["mean_class_top1"] = float(np.nanmean(class_accuracy(counts)))
    table = pd.DataFrame(counts, index=pd.Index(names, name="label"), columns=names)
    return numbers, table, _table(dataset, rows, scores)


def _zero_shot(
    run: TrainedRun, config: Evaluate, name: str, data: Manifest
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Numbers of each protocol, and scores per video: Eq. 11 against the set's own labels.

    A run with text adapters is scored a second time without them, and both are given: adapters trained on
    few labels may lose accuracy on others, as users of the released code reported.
    """
    rows = data.all_rows()
    class_ids = rows["class_id"].to_numpy()
    bare_labels = read_bare_labels(run, data.labels, config.templates)
    bare = {} if bare_labels is None else {BARE: bare_labels}
    scores = score(
        run.model, _views(run, config, data, None), read_labels(run, data.labels, config.templates),
        own=False, others=bare, batch=config.batch, workers=run.config.train.workers,
        bf16=run.config.train.precision == "bf16", title=f"zero-shot {name}",
    )  # fmt: skip
    *_, head = (origin for origin in scores if origin not in bare)
    numbers = {
        origin: by_split(values, class_ids, rows["split"])
        | {"half": half_of_classes(values, class_ids, name)}
        for origin, values in scores.items()
    }
    found = numbers[head] | ({"no_text_adapter": numbers[BARE]} if bare else {})
    return found, _table(name, rows, scores)


def _views(run: TrainedRun, config: Evaluate, data: Manifest, split: str | None) -> TestVideos:
    sampled = replace(run.config.data, frames=config.frames or run.config.data.frames)
    return TestVideos(
        data, split, sampled, pixels_of(run.model), clips=config.clips, crops=config.crops,
        cache=FrameCache(paths.frames(), data, sampled.decoder),
    )  # fmt: skip


def _table(dataset: str, rows: pd.DataFrame, scores: dict[str, Scores]) -> pd.DataFrame:
    """One line per video and head: what was scored, its class, and the scores of all classes."""
    return pd.concat(
        pd.DataFrame(
            {
                "dataset": dataset,
                "path": rows["path"],
                "split": rows["split"],
                "class_id": rows["class_id"],
                "head": origin,
                "prediction": values.argmax(axis=1),
                "scores": list(values),
            }
        )
        for origin, values in scores.items()
    )


def _outcomes(tables: list[pd.DataFrame]) -> dict[str, dict[str, dict[str, str]]]:
    """For each set texts of one character a video, in the manifest's order; small enough for git.

    hits: by head, 1 where its prediction is right. splits: by split, 1 where the video belongs to it.
    Intervals and paired differences are computed from these.
    """
    outcomes: dict[str, dict[str, dict[str, str]]] = {}
    for table in tables:
        heads = {head: part.reset_index(drop=True) for head, part in table.groupby("head")}
        first = next(iter(heads.values()))
        splits = sorted({name for joined in first["split"] for name in joined.split()})
        outcomes[str(first["dataset"].iloc[0])] = {
            "hits": {str(h): _bits(part["prediction"] == part["class_id"]) for h, part in heads.items()},
            "splits": {name: _bits(first["split"].map(lambda s, n=name: n in s.split())) for name in splits},
        }
    return outcomes


def _bits(values: pd.Series) -> str:
    return "".join("1" if value else "0" for value in values)


if __name__ == "__main__":
    guarded(main)
