"""The model card of a synthetic world's CLIP: card.json for programs, README.md for people."""

import platform
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from m2clip.synthetic.captions import PREFIXES, all_sentences, probes
from m2clip.synthetic.worlds import SECOND, SMALL, WORLDS, World
from m2clip.training.pretraining import Recipe


def chance(world: World) -> dict[str, float]:
    """Percent that guessing gets right, by kind of word."""
    return {kind: 100 / len(prompts) for kind, prompts in probes(world).items()}


@dataclass(frozen=True)
class Outcome:
    """What a pre-training gave, evaluated from the saved file."""

    accuracies: dict[str, float]
    seconds: float
    commit: str
    weights_sha256: str
    config_sha256: str
    threads: int = 1
    device: str = "cpu"
    world: World = SMALL
    levels: dict[str, Any] = field(default_factory=dict)
    """Of levels.yaml, with what was measured."""


def card(name: str, recipe: Recipe, outcome: Outcome) -> dict[str, Any]:
    """Everything one needs to judge or repeat the backbone; `labels` are those it was meant for."""
    return {
        "name": name,
        "weights_sha256": outcome.weights_sha256,
        "config_sha256": outcome.config_sha256,
        "zero_shot": {kind: round(value, 4) for kind, value in outcome.accuracies.items()},
        "recipe": asdict(recipe) | {"betas": list(recipe.betas)},
        "data": {
            "stills": recipe.stills,
            "held_out_stills": recipe.held_out,
            "seen_stills": recipe.steps * recipe.batch,
            "text_only_sentences": len(all_sentences(outcome.world)),
            "prefixes": list(PREFIXES),
        },
        "seconds": round(outcome.seconds),
        "threads": outcome.threads,
        "device": outcome.device,
        "world": outcome.world.name,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "commit": outcome.commit,
        "labels": {dataset: list(labels) for dataset, labels in outcome.world.labels.items()},
    } | ({"levels": outcome.levels} if outcome.levels else {})


LINES = """Motion verbs are told in stills only by the motion lines of comics, drawn on some of the pictures.
"""
MANNERS = """What a still tells of a verb is where its thing stands (on the ground, in the air, on a rope),
how it leans, and how it is blurred.
"""


def _levels(told: dict[str, Any]) -> str:
    """A table of the levels: measured, and asked where levels.yaml asks for one; empty without levels."""
    if "levels" not in told:
        return ""
    measured, asked = told["levels"]["measured"], told["levels"]["levels"]
    lines = []
    for name, value in measured.items():
        least, most = asked.get(name, (None, None))
        met = (least is None or value >= least) and (most is None or value <= most)
        sides = (("≥", least), ("≤", most))
        bounds = " ".join(f"{sign} {bound:g}" for sign, bound in sides if bound is not None)
        verdict = "" if not bounds else "met" if met else "not met"
        digits = 2 if name.endswith(("|r|", " r")) else 1
        lines.append(f"| {name} | {value:.{digits}f} | {bounds} | {verdict} |")
    rows = "\n".join(line.replace("|r|", "\\|r\\|") for line in lines)
    return f"""
## Levels on {told["levels"]["videos"]:,} validation videos of each dataset
What was asked was written down before ([levels.yaml](levels.yaml)); accuracies in percent.

| level | measured | asked | met |
|---|---|---|---|
{rows}
"""


def page(told: dict[str, Any]) -> str:
    """The card as Markdown."""
    recipe, data, accuracies = told["recipe"], told["data"], told["zero_shot"]
    guessed = chance(WORLDS[told.get("world", SMALL.name)])
    rows = "\n".join(f"| {kind} | {accuracies[kind]:.1f} | {guessed[kind]:.1f} |" for kind in guessed)
    world = told.get("world", SMALL.name)
    profile = "evidence" if world == SECOND.name else world
    command = "make backbone" + (f" PROFILE={profile}" if guessed != chance(SMALL) else "")
    top = recipe.get("text_ceiling")
    ceiling = f", which parts sentences only where their similarity is above {top}" if top else ""
    if floor := recipe.get("text_floor"):
        ceiling += f" and draws labels of Synth-SSv2 together where it is below {floor}"
    threads = "one thread" if told["threads"] == 1 else f"{told['threads']} threads"
    where = told["machine"] if told.get("device", "cpu") == "cpu" else told["device"]
    return f"""# {told["name"]}

The frozen backbone of the synthetic world: a small open_clip CLIP that has seen still pictures of the world
with their captions and no motion. It stands in for OpenAI's CLIP; everybody starts from the same weights.
This page is rendered from [card.json](card.json) by `{command}`, which made the weights too.

```python
import open_clip
open_clip.add_model_config("experiments/backbone/{told["name"]}.json")
model = open_clip.create_model("{told["name"]}", pretrained="experiments/backbone/{told["name"]}.safetensors")
```

![the world](world.png)

## Zero-shot on {data["held_out_stills"]:,} held-out stills
| kind of word | top-1 % | chance |
|---|---|---|
{rows}

{MANNERS if world == SECOND.name else LINES}[curve.csv](curve.csv) has the way there.
{_levels(told)}
## Made from
- {data["stills"]:,} stills, {data["seen_stills"]:,} seen in {recipe["steps"]:,} steps of {recipe["batch"]}; \
{data["text_only_sentences"]} sentences for the text-only loss, among them the "something" templates, \
which never accompany a picture.
- AdamW, learning rate {recipe["learning_rate"]}, warm-up {recipe["warm_up"]}, cosine, weight decay \
{recipe["weight_decay"]}, gradient norm at most {recipe["clip_gradient"]}; contrastive loss with several \
right answers + {recipe["words_weight"]} × naming of words + {recipe["text_weight"]} × text-only loss every \
{recipe["text_every"]} steps{ceiling}.
- {told["seconds"] / 60:.0f} minutes on {threads} of {where}, torch {told["torch"]}, \
commit `{told["commit"][:12]}`.
- Half precision; token rows that the world never uses are zero. SHA-256 `{told["weights_sha256"][:16]}…`
"""
