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
from torch import Tensor
from tqdm import tqdm

from m2clip.config import Run, Train
from m2clip.data.dataset import TrainVideos
from m2clip.data.loading import train_batches
from m2clip.errors import UserError
from m2clip.models.method import Method
from m2clip.models.weights_io import not_finite
from m2clip.schedule import resolve_schedule
from m2clip.training.average import WeightAverage, ends_epoch
from m2clip.training.checkpoint import load_state, save_state
from m2clip.training.devices import open_fabric
from m2clip.training.mixing import check_cells
from m2clip.training.optim import learning_rate, make_optimizer, set_learning_rate
from m2clip.training.step import GlobalBatch, backward, gather_batch
from m2clip.training.stop import Stop

Values = dict[str, float]
COLUMNS = ("step", "epoch", "lr", "loss")  # of history.csv; then each loss by its name, and gradient_norm


@dataclass(frozen=True)
class Trained:
    """What a training returns: its curve, one entry per log step, and the videos it had to drop."""

    history: list[Values]
    dropped: tuple[str, ...]
    resumed: int = field(compare=False)  # the step that this process began with; no part of the result


def ignore(step: int, values: Mapping[str, float]) -> None:
    """Log nothing."""


def train(
    model: Method,
    videos: TrainVideos,
    config: Run,
    seed: int,
    checkpoints: Path,
    log: Callable[[int, Mapping[str, float]], None] = ignore,
    fabric: Fabric | None = None,
) -> Trained:
    """Train a model's groups, from its newest checkpoint where there is one.

    Of several processes the first alone reads and writes checkpoints and logs; all return the same.

    Args:
        model: on its device; only what requires a gradient is trained.
        videos: of the training split.
        config: of the run.
        seed: decides order, sampling, augmentation, masked words and every other draw.
        checkpoints: folder for what a resumed run needs; it is left there.
        log: called with each log step and its values, also for the steps before a resumption.
        fabric: processes, device and precision; None: this process on the model's device.

    Raises:
        UserError: when a loss or gradient is not finite, before it reaches the weights; or when there is
            nothing to train.
    """
    recipe = resolve_schedule(config.train, len(videos))
    fabric = fabric or open_fabric(model.device.type, config)
    check_cells(recipe, fabric.world_size)
    trainable = model.trainable()
    if not trainable:
        raise UserError(
            f"nothing to train: {config.method} trains no weight with these options; set train.steps to 0"
        )
    progress = Progress(model, make_optimizer(model, recipe))
    start = progress.resume(fabric, checkpoints)
    first = fabric.is_global_zero
    for values in progress.history if first else ():
        log(int(values["step"]), _logged(values))
    model.train()
    distributed = fabric.setup_module(model)
    loaded = train_batches(
        videos, start=start, steps=recipe.steps, batch=recipe.batch, workers=recipe.workers,
        rank=fabric.global_rank, world=fabric.world_size, parts=recipe.accumulate,
    )  # fmt: skip
    with Stop(fabric.world_size == 1) as stop, tqdm(
        total=recipe.steps, desc="train", initial=start, unit="step", mininterval=5, file=sys.stderr,
        disable=not first,
    ) as bar:  # fmt: skip
        for step in range(start, recipe.steps):
            set_learning_rate(progress.optimizer, learning_rate(step, recipe))
            progress.optimizer.zero_grad(set_to_none=True)
            shards = list(islice(loaded, recipe.accumulate))
            whole = gather_batch(fabric, shards, recipe.batch, videos.videos.class_ids)
            losses = backward(fabric, distributed, shards, whole, recipe, seed, step)
            metrics = {"loss": model.total(losses).item()}
            metrics |= {name: loss.item() for name, loss in losses.items()}
            norm = torch.nn.utils.clip_grad_norm_(trainable.values(), recipe.clip_gradient)
            metrics["gradient_norm"] = norm.item()
            _check_finite(step, whole, videos, metrics, recipe)
            progress.optimizer.step()
            progress.dropped |= _dropped(step, recipe.batch, whole, videos)
            average = recipe.average
            if average is not None and ends_epoch(step, recipe.batch, len(videos), average, recipe.steps):
                progress.average.add(trainable)
            if (step + 1) % recipe.log_every == 0 or step + 1 == recipe.steps:
                epoch = (step + 1) * recipe.batch / len(videos)
                values = {"step": step + 1, "epoch": epoch, "lr": learning_rate(step, recipe), **metrics}
                progress.history.append(values)
                if first:
                    log(step + 1, _logged(values))
                bar.set_postfix(loss=f"{metrics['loss']:.3f}", refresh=False)
            bar.update()
            due = stop.asked or (step + 1) % recipe.checkpoint_every == 0
            if first and due and step + 1 < recipe.steps:
                progress.save(checkpoints, step + 1)
            if stop.asked and step + 1 < recipe.steps:
                raise KeyboardInterrupt
    progress.average.copy_to(trainable)
    model.finish()
    return Trained(progress.history, tuple(sorted(progress.dropped)), start)


class Progress:
    """The state of a training: everything that a checkpoint holds."""

    def __init__(self, model: Method, optimizer: torch.optim.Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.average = WeightAverage()
        self.history: list[Values] = []
        self.dropped: set[str] = set()

    def save(self, folder: Path, step: int) -> None:
        """Save the state before step `step`, for `resume`.

        Raises:
            UserError: when a weight is no finite number: a run resumed from it could never recover.
        """
        state = {
            "weights": {name: tensor.detach() for name, tensor in self._tensors().items()},
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state(),
            "history": self.history,
            "dropped": sorted(self.dropped),
        }
        if bad := not_finite(self._tensors()):
            raise UserError(f"step {step}: {bad} has values that are no finite numbers; lower train.lr")
        save_state(folder, step, state)

    def resume(self, fabric: Fabric, checkpoints: Path) -> int:
        """Go on from the newest checkpoint, where there is one; the step to begin with."""
        # The first process reads it and sends it to all, so that all resume from the same step, even if their
        # disks differ or a checkpoint is being written.
        found = fabric.broadcast(load_state(checkpoints) if fabric.is_global_zero else None)
        if found is None:
            return 0
        step, state = found
        if fabric.is_global_zero:
            print(f"resumed at step {step}", file=sys.stderr)
        with torch.no_grad():
            for name, tensor in self._tensors().items():
                tensor.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load(state["average"], self.model.device)
        self.history, self.dropped = list(state["history"]), set(state["dropped"])
        return int(step)

    def _tensors(self) -> dict[str, Tensor]:
        return {**self.model.trainable(), **self.model.trained_buffers()}


def _dropped(step: int, batch: int, whole: GlobalBatch, videos: TrainVideos) -> set[str]:
    """Paths of the step's videos that no process could use."""
    if len(whole.indices) == batch:
        return set()
    due = Counter(videos.order.at(position)[1] for position in range(step * batch, (step + 1) * batch))
    return {videos.videos.paths[index] for index in due - Counter(whole.indices.tolist())}


def _logged(values: Values) -> Values:
    """The values of a log line without its step, which loggers take apart."""
    return {name: value for name, value in values.items() if name != "step"}


def _check_finite(
    step: int, whole: GlobalBatch, videos: TrainVideos, values: Mapping[str, float], recipe: Train
) -> None:
    """Raise a UserError, before the weights are updated, where loss or gradient norm is not finite."""
    for name in ("loss", "gradient_norm"):
        if not math.isfinite(value := values[name]):
            paths = ", ".join(videos.videos.paths[index] for index in whole.indices.tolist())
            apart = {*COLUMNS, "gradient_norm"}
            heads = [head for head, loss in values.items() if head not in apart and not math.isfinite(loss)]
            of_heads = f", of {', '.join(heads)}" if heads else ""
            raise UserError(
                f"step {step + 1}: {name} is {value}{of_heads} on {paths}; {_remedy(step, recipe)}"
            )


def _remedy(step: int, recipe: Train) -> str:
    """The advice in the error: which key to change. At step 0 the learning rate was not used yet."""
    if step:
        return "lower train.lr"
    bf16 = " or set train.precision to 32" if recipe.precision == "bf16" else ""
    return f"nothing is trained yet: raise backbone.temperature{bf16}, or take other weights of the backbone"


def write_history(path: Path, history: list[Values]) -> None:
    """The curve as history.csv: COLUMNS, each loss by its name, gradient_norm."""
    columns = list(history[0]) if history else [*COLUMNS, "gradient_norm"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for values in history:
            row = {name: f"{value:.6g}" for name, value in values.items()}
            writer.writerow(row | {"step": int(values["step"])})
