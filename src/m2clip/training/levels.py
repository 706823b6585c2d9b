"""What a frozen CLIP reaches on videos of the split `validation`, which no row is tested on.

These videos are not compressed by a codec, so a level may differ a little from the same number of a row. The
levels that were aimed at were written down before the backbone was trained, in
experiments/backbone/second/levels.yaml.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from numpy.typing import NDArray
from open_clip.model import CLIP
from torch import Tensor

from m2clip.synthetic.sets import draw
from m2clip.synthetic.worlds import World, told_by
from m2clip.training.pretraining import pixels

FRAMES, SOLVED = 8, 80.0
"""Frames that are read of a video; percent of its videos from which a verb counts as solved by stills."""
Text = Callable[[Sequence[str]], Tensor]


@dataclass(frozen=True)
class Shown:
    """Videos of a dataset as a model reads them: unit features (N, E), class ids (N,), N backgrounds."""

    features: Tensor
    class_ids: NDArray[np.int64]
    backgrounds: list[Any]


def _frames(dataset: str, index: int, world: World) -> tuple[NDArray[np.uint8], int, Any]:
    """Frames evenly over time, cropped in the middle, `(FRAMES, S, S, 3)`; class id; background."""
    clip = draw(dataset, "validation", index, world)
    at = np.linspace(0, len(clip.frames) - 1, FRAMES).round().astype(int)
    margin = (clip.frames.shape[2] - world.height) // 2
    cropped = clip.frames[at, :, margin : margin + world.height]
    return cropped, world.labels[dataset].index(clip.label), clip.facts.get("background")


@torch.no_grad()
def show(model: CLIP, dataset: str, videos: int, world: World, jobs: int = 1) -> Shown:
    """Generate the first `videos` videos and read them: a video's feature is the mean of its frames'."""
    drawn = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_frames)(dataset, index, world) for index in range(videos)
    )
    features, class_ids, backgrounds = [], [], []
    device = model.logit_scale.device
    for frames, class_id, background in drawn:
        features.append(model.encode_image(pixels(frames).to(device)).mean(0))
        class_ids.append(class_id)
        backgrounds.append(background)
    return Shown(F.normalize(torch.stack(features), dim=-1), np.array(class_ids), backgrounds)


@torch.no_grad()
def ranked(shown: Shown, text: Text, texts: Sequence[str]) -> NDArray[np.int64]:
    """For each of N videos the indices of the C texts, the most similar first, (N, C)."""
    order = (shown.features @ text(list(texts)).T).argsort(dim=1, descending=True)
    return order.cpu().numpy()


def _percent(right: NDArray[np.bool_]) -> float:
    return 100 * float(right.mean())


def of_actions(shown: Shown, text: Text, world: World) -> dict[str, float]:
    """Synth-K400, in percent: top-1, top-5; object, verb, background alone; verbs solved; each verb."""
    labels = world.labels["k400"]
    order = ranked(shown, text, [f"a video of {label}" for label in labels])
    told = [told_by(label) for label in labels]
    things, verbs = (np.array([getattr(one, name) for one in told]) for name in ("thing", "verb"))
    truth, best = shown.class_ids, order[:, 0]
    places = list(world.backgrounds)
    guessed = ranked(shown, text, [f"a video of something {world.backgrounds[place]}" for place in places])[
        :, 0
    ]
    verb_right = verbs[best] == verbs[truth]
    by_verb = {verb: _percent(verb_right[verbs[truth] == verb]) for verb in dict.fromkeys(verbs[truth])}
    return {
        "k400 top-1": _percent(best == truth),
        "k400 top-5": _percent((order[:, :5] == truth[:, None]).any(1)),
        "k400 object": _percent(things[best] == things[truth]),
        "k400 verb": _percent(verb_right),
        "k400 background": _percent(np.array(places)[guessed] == np.array(shown.backgrounds)),
        "k400 verbs solved by stills": 100 * float(np.mean([right >= SOLVED for right in by_verb.values()])),
        **{f"k400 {verb}": right for verb, right in by_verb.items()},
    }


def of_templates(shown: Shown, text: Text, world: World) -> dict[str, float]:
    """Synth-SSv2: top-1 in percent, and the correlations r of the features of its labels."""
    texts = [f"a video of {label}" for label in world.labels["ssv2"]]
    with torch.no_grad():
        alike = np.corrcoef(text(texts).cpu().numpy())
    pairs = alike[~np.eye(len(alike), dtype=bool)]
    return {
        "ssv2 top-1": _percent(ranked(shown, text, texts)[:, 0] == shown.class_ids),
        "ssv2 mean |r|": float(np.abs(pairs).mean()),
        "ssv2 largest r": float(pairs.max()),
    }


def of_unseen(dataset: str, shown: Shown, text: Text, world: World) -> dict[str, float]:
    """A zero-shot set, in percent: top-1 of all videos, of those whose verb Synth-K400 has, of the others."""
    labels = world.labels[dataset]
    trained = {told_by(label).verb for label in world.labels["k400"]}
    known = np.array([told_by(label).verb in trained for label in labels])[shown.class_ids]
    right = ranked(shown, text, [f"a video of {label}" for label in labels])[:, 0] == shown.class_ids
    return {
        f"{dataset} top-1": _percent(right),
        f"{dataset} top-1, trained verbs": _percent(right[known]),
        f"{dataset} top-1, untrained verbs": _percent(right[~known]),
    }


def measure(model: CLIP, text: Text, world: World, videos: int, jobs: int = 1) -> dict[str, float]:
    """Every level by its name, from the first `videos` validation videos of each dataset."""
    was = model.training
    model.eval()
    sets: Mapping[str, Callable[..., dict[str, float]]] = {
        "k400": of_actions,
        "ssv2": of_templates,
        "ucf101": partial(of_unseen, "ucf101"),
        "hmdb51": partial(of_unseen, "hmdb51"),
    }
    found: dict[str, float] = {}
    for dataset, of in sets.items():
        found |= of(show(model, dataset, videos, world, jobs), text, world)
    model.train(was)
    return found
