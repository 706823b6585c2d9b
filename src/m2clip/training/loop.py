"""The training loop: a killed run goes on with the same bits, and several processes train as one would."""

import csv
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from lightning_fabric import Fabric
from tqdm import tqdm

from m2clip.config import Run
from m2clip.data.dataset import TrainVideos
from m2clip.data.loading import train_batches
from m2clip.errors import UserError
from m2clip.models.video_clip import VideoCLIP
from m2clip.options import m2clip
from m2clip.schedule import resolve_schedule
from m2clip.training.checkpoint import load_state, save_state
from m2clip.training.devices import open_fabric
from m2clip.training.optim import learning_rate, make_optimizer, set_learning_rate
from m2clip.training.step import GlobalBatch, backward, together

Values = dict[str, float]
COLUMNS = ("step", "epoch", "lr", "loss", "contrastive", "cmc", "cmlm", "vc", "gradient_norm")


@dataclass(frozen=True)
class Trained:
    """What a training tells: its curve, one entry per log step, and the videos it had to drop."""

    history: list[Values]
    dropped: tuple[str, ...]
    resumed: int = field(compare=False)  # the step that this process began with; it decides nothing


def ignore(step: int, values: Mapping[str, float]) -> None:
    """Log nothing."""


def train(
    model: VideoCLIP,
    videos: TrainVideos,
    config: Run,
    seed: int,
    checkpoints: Path,
    log: Callable[[int, Mapping[str, float]], None] = ignore,
    fabric: Fabric | None = None,
) -> Trained:
    """Train a model's adapters and heads, from its newest checkpoint where there is one.

    Of several processes the first alone reads and writes checkpoints and logs; all return the same.

    Args:
        model: on its device; only what requires a gradient is trained.
        videos: of the training split.
        config: of the run.
        seed: decides order, sampling, augmentation and masked words.
        checkpoints: folder for what a resumed run needs; it is left there.
        log: called with each log step and its values, also for the steps before a resumption.
        fabric: processes, device and precision; None: this process on the model's device.

    Raises:
        UserError: when a loss or gradient is not finite, before it reaches the weights; or when there is
            nothing to train.
    """
    recipe = resolve_schedule(config.train, len(videos))
    fabric = fabric or open_fabric(model.temperature.device.type, config)
    trainable = model.trainable()
    if not trainable:
        raise UserError("nothing to train: there is no adapter, cmlm or vc; set train.steps to 0")
    options = config.options
    text_lr = options.adapters.text.lr if isinstance(options, m2clip.Options) else 1.0
    optimizer = make_optimizer(trainable, recipe, text_lr)
    start, history, dropped = _resume(fabric, checkpoints, trainable, optimizer)
    first = fabric.is_global_zero
    for values in history if first else ():
        log(int(values["step"]), _logged(values))
    model.train()
    distributed = fabric.setup_module(model)
    loaded = train_batches(
        videos, start=start, steps=recipe.steps, batch=recipe.batch, workers=recipe.workers,
        rank=fabric.global_rank, world=fabric.world_size, parts=recipe.accumulate,
    )  # fmt: skip
    with tqdm(
        total=recipe.steps, desc="train", initial=start, unit="step", mininterval=5, file=sys.stderr,
        disable=not first,
    ) as bar:  # fmt: skip
        for step in range(start, recipe.steps):
            set_learning_rate(optimizer, learning_rate(step, recipe))
            optimizer.zero_grad(set_to_none=True)
            parts = list(islice(loaded, recipe.accumulate))
            whole = together(fabric, parts, recipe.batch, videos.videos.class_ids)
            losses = backward(fabric, distributed, parts, whole, seed, step)
            told = {"loss": model.total(losses).item()} | {head: loss.item() for head, loss in losses.items()}
            norm = torch.nn.utils.clip_grad_norm_(trainable.values(), recipe.clip_gradient)
            told["gradient_norm"] = norm.item()
            _check_finite(step, whole, videos, told)
            optimizer.step()
            dropped |= _dropped(step, recipe.batch, whole, videos)
            if (step + 1) % recipe.log_every == 0 or step + 1 == recipe.steps:
                epoch = (step + 1) * recipe.batch / len(videos)
                values = {"step": step + 1, "epoch": epoch, "lr": learning_rate(step, recipe), **told}
                history.append(values)
                if first:
                    log(step + 1, _logged(values))
                bar.set_postfix(loss=f"{told['loss']:.3f}", refresh=False)
            bar.update()
            if first and (step + 1) % recipe.checkpoint_every == 0 and step + 1 < recipe.steps:
                _save(checkpoints, step + 1, trainable, optimizer, history, dropped)
    return Trained(history, tuple(sorted(dropped)), start)


def _save(
    folder: Path,
    step: int,
    trainable: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    history: list[Values],
    dropped: set[str],
) -> None:
    """Leave what `_resume` needs."""
    state = {
        "weights": {name: p.detach() for name, p in trainable.items()},
        "optimizer": optimizer.state_dict(),
        "history": history,
        "dropped": sorted(dropped),
    }
    save_state(folder, step, state)


def _resume(
    fabric: Fabric,
    checkpoints: Path,
    trainable: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> tuple[int, list[Values], set[str]]:
    """Fill weights and optimiser from the newest checkpoint; its step, curve and dropped videos."""
    # Read once and sent, so that no process goes on from another step, on another disk or while one writes.
    found = fabric.broadcast(load_state(checkpoints) if fabric.is_global_zero else None)
    if found is None:
        return 0, [], set()
    step, state = found
    if fabric.is_global_zero:
        print(f"resumed at step {step}", file=sys.stderr)
    with torch.no_grad():
        for name, parameter in trainable.items():
            parameter.copy_(state["weights"][name])
    optimizer.load_state_dict(state["optimizer"])
    return step, list(state["history"]), set(state["dropped"])


def _dropped(step: int, batch: int, whole: GlobalBatch, videos: TrainVideos) -> set[str]:
    """Paths of the step's videos that no process could use."""
    if len(whole.indices) == batch:
        return set()
    due = Counter(videos.order.at(position)[1] for position in range(step * batch, (step + 1) * batch))
    return {videos.videos.paths[index] for index in due - Counter(whole.indices.tolist())}


def _logged(values: Values) -> Values:
    """What goes with a step, without the step itself."""
    return {name: value for name, value in values.items() if name != "step"}


def _check_finite(step: int, whole: GlobalBatch, videos: TrainVideos, values: Mapping[str, float]) -> None:
    for name in ("loss", "gradient_norm"):
        if not math.isfinite(value := values[name]):
            paths = ", ".join(videos.videos.paths[index] for index in whole.indices.tolist())
            raise UserError(f"step {step + 1}: {name} is {value} on {paths}; lower train.lr")


def write_history(path: Path, history: list[Values]) -> None:
    """The curve as history.csv: the columns of COLUMNS, empty where a head is not trained."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for values in history:
            row = {name: f"{value:.6g}" for name, value in values.items()}
            writer.writerow(row | {"step": int(values["step"])})
