"""The model card of a run that is taken away: what it is, its numbers, and where they come from.

Every number is read from the run's files.
"""

from dataclasses import dataclass
from typing import Any

from m2clip.config import Run
from m2clip.parsing import build
from m2clip.report.names import HEADS, METHOD, MISSING, Names
from m2clip.runs import RunKey

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run's files say of it.

    config: with its inputs' digests; metrics, provenance, evaluation: the run's files of that name;
    labels, parameters: how many there are, of what was trained.
    """

    key: RunKey
    names: Names
    config: Values
    metrics: Values
    provenance: Values
    evaluation: Values
    labels: int
    parameters: int


def page(told: Told) -> str:
    """The card as Markdown."""
    config, backbone = told.config, told.config["backbone"]
    dataset = told.names.dataset(config["data"]["dataset"])
    method = METHOD if config["method"] == "m2clip" else config["method"]
    options = build(Run, {key: value for key, value in config.items() if key != "inputs"}).options
    heads = ", ".join(HEADS.get(head, head) for head in options.heads)
    others = (
        "`--labels FILE` takes others, zero-shot." if options.zero_shot else "It reads no text: no zero-shot."
    )
    return f"""# {method}: row `{told.key.row}`, seed {told.key.seed}, trained on {dataset}
{_synthetic(told)}
Adapters and heads for the frozen CLIP `{backbone["name"]}`: {told.parameters:,} trained parameters, heads \
{heads}, {config["data"]["frames"]} frames a view. [labels.txt](labels.txt) has its {told.labels} labels; \
{others} [config.yaml](config.yaml) has the whole config.

## Use

```
m2clip predict VIDEO --checkpoint FOLDER
```

```python
from m2clip.api import predict

answers = predict(["a.mp4", "clips/"], checkpoint="FOLDER", top=5)
```

{_where(told)}

## Numbers

Top-1 and top-5 in %, frames × crops × clips.

{_numbers(told)}

## Where it comes from

{_provenance(told)}
"""


def _synthetic(told: Told) -> str:
    synthetic = [told.names.dataset(name) for name in _sets(told) if name in told.names.synthetic]
    if told.config["backbone"]["name"].startswith("standin-"):
        synthetic.append("the backbone")
    if not synthetic:
        return ""
    return (
        f"\n**Generated**: generated, no real data: {', '.join(synthetic)}. Its numbers say nothing of real "
        "videos and are not to be set against the paper's.\n"
    )


def _sets(told: Told) -> list[str]:
    return [told.config["data"]["dataset"], *told.metrics.get("zero_shot", {})]


def _where(told: Told) -> str:
    backbone = told.config["backbone"]
    digest = f"digest `{told.config['inputs']['backbone']}`"
    if backbone["pretrained"].endswith((".safetensors", ".pt", ".bin")) or "/" in backbone["pretrained"]:
        file = backbone["pretrained"].rpartition("/")[2]
        return (
            f"The backbone's weights, `{file}` ({digest}), are not in this folder. They are found at the "
            "path in config.yaml from the working folder, or beside config.yaml, or with `--backbone FILE`."
        )
    return f"The backbone's weights are open_clip's `{backbone['pretrained']}`, which open_clip gets."


def _numbers(told: Told) -> str:
    lines = ["| evaluation | dataset | videos | views | top-1 | top-5 |", f"| {' | '.join(['---'] * 6)} |"]
    own = told.metrics["supervised"]
    views = " × ".join(str(own.get(key, MISSING)) for key in ("frames", "crops", "clips"))
    heads = {own.get("head"): own}
    for head, top1 in own.get("top1_by_head", {}).items():
        heads.setdefault(head, {**own, "top1": top1, "top5": None})
    for head, numbers in heads.items():
        title = f"supervised, {own.get('split', MISSING)}, {_head(head)}"
        lines.append(_line(title, told.names.dataset(own["dataset"]), numbers, views))
    for name, numbers in told.metrics.get("zero_shot", {}).items():
        lines.append(_line("zero-shot, Eq. 11", told.names.dataset(name), numbers, views))
    return "\n".join(lines)


def _head(head: Any) -> str:
    return "by Eq. 11" if head == "eq11" else f"by {HEADS.get(str(head), str(head))}"


def _line(title: str, dataset: str, numbers: Values, views: str) -> str:
    videos = f"{numbers['videos']:,}" if "videos" in numbers else MISSING
    top1, top5 = (MISSING if numbers.get(k) is None else f"{numbers[k]:.1f}" for k in ("top1", "top5"))
    if numbers.get("top1_std") is not None:
        top1 += f" ± {numbers['top1_std']:.1f} over {len(numbers.get('splits', {}))} splits"
    return f"| {title} | {dataset} | {videos} | {views} | {top1} | {top5} |"


def _provenance(told: Told) -> str:
    trained, evaluated = told.provenance, told.evaluation
    rows = {
        "run": f"`{told.key}`",
        "trained with": _commit(trained),
        "evaluated with": _commit(evaluated),
        "seed": trained.get("seed"),
        "config": f"digest `{trained.get('config_sha')}`",
        "training videos": f"digest `{told.config['inputs'].get('videos')}`",
        "method's file": f"digest `{told.config['inputs'].get('method')}`",
        **{
            f"videos of {told.names.dataset(n)}": f"digest `{d}`"
            for n, d in evaluated.get("inputs", {}).items()
        },
        "videos dropped in training": len(trained.get("dropped_videos", [])),
        "device": f"{trained.get('device')}, {trained.get('machine', {}).get('processor', MISSING)}",
        "versions": ", ".join(f"{name} {version}" for name, version in trained.get("versions", {}).items()),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _commit(source: Values) -> str:
    changed = ", with changes that were not committed" if source.get("dirty") else ""
    return f"commit `{source.get('commit')}`{changed}, {source.get('started')}"
