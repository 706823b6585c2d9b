"""The model card of an exported run: what it is, its numbers, and where they come from.

Every number is read from the run's files.
"""

from pathlib import Path
from typing import Any

from m2clip import profiles, runs
from m2clip.config import Run
from m2clip.parsing import build
from m2clip.report import grid
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.names import HEADS, METHOD, Names
from m2clip.report.numbers import MISSING, Number, frames_crops_clips
from m2clip.report.rendering import render
from m2clip.runs import RunKey
from m2clip.synthetic.worlds import CLIPS

Values = dict[str, Any]
BY = {**HEADS, "eq11": "Eq. 11"}


def page(key: RunKey, config: Values, labels: int, parameters: int, *, carried: bool = False) -> str:
    """The card as Markdown.

    Args:
        key: the run, whose files tell its numbers and where they come from.
        config: with its inputs' digests.
        labels: how many there are.
        parameters: how many were trained.
        carried: the backbone is in the folder.
    """
    names, metrics = Names(tuple(profiles.read(key.profile).synthetic)), runs.read_metrics(key) or {}
    backbone, dataset = config["backbone"], config["data"]["dataset"]
    options = build(Run, {name: value for name, value in config.items() if name != "inputs"}).options
    sets = [dataset, *metrics.get("zero_shot", {})]
    generated = [names.dataset(name) for name in sets if name in names.synthetic]
    generated += ["the backbone"] if backbone["name"] in CLIPS else []
    pretrained = Path(backbone["pretrained"])
    is_file = len(pretrained.parts) > 1 or pretrained.suffix in (".safetensors", ".pt", ".bin")
    return render(
        "card.md.j2", key=key, config=config, labels=labels, parameters=parameters, carried=carried,
        names=names, trained=runs.read_provenance(key), evaluated=runs.read_evaluation(key),
        backbone=backbone, synthetic=generated, zero_shot=options.zero_shot, dataset=names.dataset(dataset),
        numbers=_numbers(metrics, names), own_file=pretrained.name if is_file else "",
        method=METHOD if config["method"] == "m2clip" else config["method"],
        heads=", ".join(HEADS.get(head, head) for head in options.heads),
    )  # fmt: skip


def _numbers(metrics: Values, names: Names) -> Grid:
    """A line for the supervised accuracy by each head, and one for each zero-shot set, by Eq. 11."""
    own = metrics["supervised"]
    views = frames_crops_clips(own)
    heads = {own.get("head"): own}
    for head, top1 in own.get("top1_by_head", {}).items():
        heads.setdefault(head, {**own, "top1": top1, "top5": None})
    lines = [
        (f"supervised, {own.get('split', MISSING)}, by {BY.get(head, head)}", own["dataset"], numbers)
        for head, numbers in heads.items()
    ]
    lines += [("zero-shot, Eq. 11", name, one) for name, one in metrics.get("zero_shot", {}).items()]
    headers = ("evaluation", "dataset", "videos", "views", "top-1", "top-5")
    columns = [Column(name, name, text=True) for name in headers]
    cells = [(title, names.dataset(name), *_cells(numbers, views)) for title, name, numbers in lines]
    return grid.plain("numbers", "Numbers", columns, cells)


def _cells(numbers: Values, views: str) -> list[Cell]:
    """Videos, views, top-1 and top-5."""
    top1, top5 = (numbers.get(key) for key in ("top1", "top5"))
    first = None if top1 is None else str(Number(value=float(top1), std=numbers.get("top1_std")))
    splits = f" over {len(numbers.get('splits', {}))} splits" if "top1_std" in numbers else ""
    videos = Number(value=numbers["videos"]) if "videos" in numbers else None
    return [videos, views, first and first + splits, None if top5 is None else Number(value=float(top5))]
