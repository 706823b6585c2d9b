"""The training loop: one step is ten lines, and a killed run goes on with the same bits."""

import csv
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tqdm import tqdm

from m2clip.config import Run
from m2clip.data.dataset import TrainVideos
from m2clip.data.loading import Batch, train_batches
from m2clip.errors import UserError
from m2clip.models.video_clip import VideoCLIP
from m2clip.seeds import generator, number
from m2clip.training.checkpoint import load_state, save_state
from m2clip.training.optim import learning_rate, make_optimizer, set_learning_rate

Values = dict[str, float]
COLUMNS = ("step", "epoch", "lr", "loss", "contrastive", "cmc", "cmlm", "vc", "gradient_norm")


@dataclass(frozen=True)
class Trained:
    """What a training tells: its curve, one entry per log step, and the videos it had to drop."""

    history: list[Values]
    dropped: tuple[str, ...]
    resumed: int = field(compare=False)  # the step that this process began with; it decides nothing


def train(
    model: VideoCLIP,
    videos: TrainVideos,
    config: Run,
    seed: int,
    checkpoints: Path,
    log: Callable[[int, Mapping[str, float]], None] = lambda step, values: None,
) -> Trained:
    """Train a model's adapters and heads, from its newest checkpoint where there is one.

    Args:
        model: on its device; only what requires a gradient is trained.
        videos: of the training split.
        config: of the run.
        seed: decides order, sampling, augmentation and masked words.
        checkpoints: folder for what a resumed run needs; it is left there.
        log: called with each log step and its values, also for the steps before a resumption.

    Raises:
        UserError: when a loss or gradient is not finite, before it reaches the weights; or when there is
            nothing to train.
    """
    recipe, device = config.train, model.temperature.device
    trainable = model.trainable()
    if not trainable:
        raise UserError("nothing to train: there is no adapter, cmlm or vc; set train.steps to 0")
    optimizer = make_optimizer(trainable, recipe)
    start, history, dropped = _resume(checkpoints, trainable, optimizer)
    for values in history:
        log(int(values["step"]), _logged(values))
    model.train()
    batches = train_batches(
        videos, start=start, steps=recipe.steps, batch=recipe.batch, workers=recipe.workers
    )
    bar = tqdm(batches, "train", recipe.steps, initial=start, unit="step", mininterval=5, file=sys.stderr)
    for step, batch in enumerate(bar, start):
        torch.manual_seed(number(seed, "dropout", step))
        set_learning_rate(optimizer, learning_rate(step, recipe))
        losses = model.losses(
            batch.videos.to(device), batch.class_ids.to(device), generator(seed, "mask", step)
        )
        loss = model.total(losses)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trainable.values(), recipe.clip_gradient)
        _check_finite(step, batch, videos, {"loss": loss.item(), "gradient_norm": norm.item()})
        optimizer.step()
        dropped |= {broken.path for broken in batch.dropped}
        if (step + 1) % recipe.log_every == 0 or step + 1 == recipe.steps:
            values = {
                "step": step + 1,
                "epoch": (step + 1) * recipe.batch / len(videos),
                "lr": learning_rate(step, recipe),
                "loss": loss.item(),
                **{head: value.item() for head, value in losses.items()},
                "gradient_norm": norm.item(),
            }
            history.append(values)
            log(step + 1, _logged(values))
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (step + 1) % recipe.checkpoint_every == 0 and step + 1 < recipe.steps:
            state = {
                "weights": {name: p.detach() for name, p in trainable.items()},
                "optimizer": optimizer.state_dict(),
                "history": history,
                "dropped": sorted(dropped),
            }
            save_state(checkpoints, step + 1, state)
    return Trained(history, tuple(sorted(dropped)), start)


def _resume(
    checkpoints: Path, trainable: Mapping[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[int, list[Values], set[str]]:
    """Fill weights and optimiser from the newest checkpoint; its step, curve and dropped videos."""
    found = load_state(checkpoints)
    if found is None:
        return 0, [], set()
    step, state = found
    print(f"resumed at step {step}", file=sys.stderr)
    with torch.no_grad():
        for name, parameter in trainable.items():
            parameter.copy_(state["weights"][name])
    optimizer.load_state_dict(state["optimizer"])
    return step, list(state["history"]), set(state["dropped"])


def _logged(values: Values) -> Values:
    """What goes with a step, without the step itself."""
    return {name: value for name, value in values.items() if name != "step"}


def _check_finite(step: int, batch: Batch, videos: TrainVideos, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            paths = ", ".join(videos.videos.paths[index] for index in batch.indices.tolist())
            raise UserError(f"step {step + 1}: {name} is {value} on {paths}; lower train.lr")


def write_history(path: Path, history: list[Values]) -> None:
    """The curve as history.csv: the columns of COLUMNS, empty where a head is not trained."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for values in history:
            row = {name: f"{value:.6g}" for name, value in values.items()}
            writer.writerow(row | {"step": int(values["step"])})
