"""The model card of a run that is taken away: what it is, its numbers, and where they come from.

Every number is read from the run's files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.config import Run
from m2clip.parsing import build
from m2clip.report import grid
from m2clip.report.grid import Cell, Column, Grid
from m2clip.report.names import HEADS, METHOD, Names
from m2clip.report.numbers import MISSING, Number
from m2clip.report.rendering import render
from m2clip.runs import RunKey
from m2clip.synthetic.worlds import CLIPS

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run's files say of it.

    config: with its inputs' digests; metrics, provenance, evaluation: the run's files of that name;
    labels, parameters: how many there are, of what was trained; carried: the backbone is in the folder.
    """

    key: RunKey
    names: Names
    config: Values
    metrics: Values
    provenance: Values
    evaluation: Values
    labels: int
    parameters: int
    carried: bool = False


def page(told: Told) -> str:
    """The card as Markdown."""
    config, backbone = told.config, told.config["backbone"]
    options = build(Run, {key: value for key, value in config.items() if key != "inputs"}).options
    sets = [config["data"]["dataset"], *told.metrics.get("zero_shot", {})]
    generated = [told.names.dataset(name) for name in sets if name in told.names.synthetic]
    generated += ["the backbone"] if backbone["name"] in CLIPS else []
    pretrained = Path(backbone["pretrained"])
    is_file = len(pretrained.parts) > 1 or pretrained.suffix in (".safetensors", ".pt", ".bin")
    return render(
        "card.md.j2", told=told, backbone=backbone, synthetic=generated, zero_shot=options.zero_shot,
        dataset=told.names.dataset(config["data"]["dataset"]), numbers=_numbers(told),
        method=METHOD if config["method"] == "m2clip" else config["method"],
        heads=", ".join(HEADS.get(head, head) for head in options.heads),
        own_file=pretrained.name if is_file else "",
    )  # fmt: skip


def _numbers(told: Told) -> Grid:
    """Of every head its supervised accuracy, and of every zero-shot set that by Eq. 11."""
    own = told.metrics["supervised"]
    views = " × ".join(str(own.get(key, MISSING)) for key in ("frames", "crops", "clips"))
    heads = {own.get("head"): own}
    for head, top1 in own.get("top1_by_head", {}).items():
        heads.setdefault(head, {**own, "top1": top1, "top5": None})
    lines = [
        (f"supervised, {own.get('split', MISSING)}, {_head(head)}", own["dataset"], numbers)
        for head, numbers in heads.items()
    ]
    lines += [("zero-shot, Eq. 11", name, one) for name, one in told.metrics.get("zero_shot", {}).items()]
    columns = [
        Column(name, name, text=True)
        for name in ("evaluation", "dataset", "videos", "views", "top-1", "top-5")
    ]
    cells = [(title, told.names.dataset(name), *_cells(numbers, views)) for title, name, numbers in lines]
    return grid.plain("numbers", "Numbers", columns, cells)


def _head(head: Any) -> str:
    return "by Eq. 11" if head == "eq11" else f"by {HEADS.get(str(head), str(head))}"


def _cells(numbers: Values, views: str) -> list[Cell]:
    """Videos, views, top-1 and top-5."""
    top1, top5 = (numbers.get(key) for key in ("top1", "top5"))
    first = None if top1 is None else str(Number(value=float(top1), std=numbers.get("top1_std")))
    splits = f" over {len(numbers.get('splits', {}))} splits" if "top1_std" in numbers else ""
    return [
        Number(value=numbers["videos"]) if "videos" in numbers else None,
        views,
        first and first + splits,
        None if top5 is None else Number(value=float(top5)),
    ]
